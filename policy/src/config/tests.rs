use alloc::format;
use alloc::string::String;
use alloc::vec;

use super::{CheckConfig, Config, PytestConfig, Swallowed};
use crate::{Level, PolicyOptions};

fn pyproject_error(text: &str) -> String {
    let error = Config::from_pyproject(text).unwrap_err();
    format!("{}: {error}", error.place)
}

fn error(text: &str) -> String {
    let error = Config::from_hermetic_toml(text).unwrap_err();
    format!("{}: {error}", error.place)
}

#[test]
fn every_key() {
    let text = r#"
        profile = ["exec-deny", "block-native"]
        no-network = true
        allow-localhost = true
        allow-domain = ["api.example.com", "10.0.0.0/8"]
        no-subprocess = true
        fs-readonly = "data"
        no-environment = true
        no-code-exec = true
        no-interpreter-mutation = true
        block-native = true
        allow-native = ["numpy"]
        allow-run = ["git", "/usr/bin/make"]
        allow-write = ["out"]
        deny-import = ["telnetlib"]
        [check]
        undecided = "off"
        exclude = ["build"]
        extend-exclude = ["*.gen.py"]
        baseline = "known.json"
        [check.levels]
        network-connect = "warn"
        captured-reference = "info"
        [pytest]
        allow-localhost = true
        swallowed = "warn"
        [learn]
    "#;
    let config = Config::from_hermetic_toml(text).unwrap();
    assert_eq!(
        config,
        Config {
            extend: None,
            policy: PolicyOptions {
                profile: vec!["exec-deny".into(), "block-native".into()],
                no_network: true,
                allow_localhost: true,
                allow_domain: vec!["api.example.com".into(), "10.0.0.0/8".into()],
                no_subprocess: true,
                fs_readonly: false,
                fs_root: Some("data".into()),
                allow_write: vec!["out".into()],
                no_environment: true,
                no_code_exec: true,
                no_interpreter_mutation: true,
                block_native: true,
                allow_native: vec!["numpy".into()],
                allow_run: vec!["git".into(), "/usr/bin/make".into()],
                deny_import: vec!["telnetlib".into()],
            },
            check: CheckConfig {
                per_file_ignores: vec![],
                api: vec![],
                undecided: Some(Level::Off),
                exclude: Some(vec!["build".into()]),
                extend_exclude: vec!["*.gen.py".into()],
                baseline: Some("known.json".into()),
                levels: vec![("network-connect", Level::Warn), ("captured-reference", Level::Info)],
            },
            pytest: PytestConfig {
                policy: PolicyOptions { allow_localhost: true, ..PolicyOptions::default() },
                swallowed: Some(Swallowed::Warn),
            },
        }
    );
}

#[test]
fn pyproject_with_and_without_the_table() {
    assert_eq!(Config::from_pyproject(""), Ok(None));
    assert_eq!(Config::from_pyproject("[tool.other]\nhermetic = 1"), Ok(None));
    assert_eq!(Config::from_pyproject("tool = 3"), Ok(None));
    assert_eq!(Config::from_pyproject("[tool.hermetic]"), Ok(Some(Config::default())));
    let config = Config::from_pyproject("[tool]\nhermetic.no-env = true\n").unwrap().unwrap();
    assert!(config.policy.no_environment);
    let config =
        Config::from_pyproject("[tool.hermetic]\nprofile = 'net-hermetic'\nfs-readonly = true")
            .unwrap()
            .unwrap();
    assert_eq!(config.policy.profile, ["net-hermetic"]);
    assert!(config.policy.fs_readonly);
}

#[test]
fn errors_say_where_and_what_was_meant() {
    assert_eq!(
        pyproject_error("[project]\nname = 'é'\n\n[tool.hermetic]\n  no-netwrok = true\n"),
        "5:3: unknown key `no-netwrok` in [tool.hermetic]; did you mean `no-network`"
    );
    assert_eq!(
        pyproject_error("[tool.hermetic.check]\nundecide = 'off'"),
        "2:1: unknown key `undecide` in [tool.hermetic.check]; did you mean `undecided`"
    );
    assert_eq!(
        pyproject_error("[tool.hermetic.pytest]\nswalowed = true"),
        "2:1: unknown key `swalowed` in [tool.hermetic.pytest]; did you mean `swallowed`"
    );
    assert_eq!(
        pyproject_error("tool.hermetic = 3"),
        "1:17: `tool.hermetic` takes a table, not a number"
    );
    assert_eq!(
        error("[tool.hermetic]\nno-network = true"),
        "1:2: unknown key `tool` in the top level; hermetic.toml has these tables at its top \
         level, without `tool.hermetic`"
    );
    assert_eq!(error("no-network = 'yes'"), "1:14: `no-network` takes true or false, not a string");
    assert_eq!(
        error("fs-readonly = 1"),
        "1:15: `fs-readonly` takes true, false or a folder, not a number"
    );
    assert_eq!(error("fs-readonly = ''"), "1:15: `fs-readonly`: names no folder");
    assert_eq!(
        error("allow-domain = 'a.example'"),
        "1:16: `allow-domain` takes a list of strings, not a string"
    );
    assert_eq!(
        error("# é\nallow-domain = [\n  'a.example',\n  'é', 'http://b.example',\n]"),
        "4:8: `allow-domain`: `http://b.example` is a URL; write its host alone"
    );
    assert_eq!(
        error("deny-import = ['a-b']"),
        "1:16: `deny-import`: `a-b` is no dotted module name"
    );
    assert_eq!(
        error("profile = 'exec_deny'"),
        "1:11: `profile`: unknown profile `exec_deny`; did you mean `exec-deny`"
    );
    assert_eq!(
        error("[check]\nundecided = 'warning'"),
        "2:13: `undecided`: unknown level `warning`; did you mean `warn`"
    );
    assert_eq!(
        error("[check.levels]\nnetwork-conect = 'off'"),
        "2:1: unknown rule `network-conect`; did you mean `network-connect`"
    );
    assert_eq!(error("[check.levels]\nzzz = 'off'"), "2:1: unknown rule `zzz`");
}

#[test]
fn the_first_error_of_the_text_is_told() {
    assert!(error("zzz = 1\naaa = 1").starts_with("1:1: unknown key `zzz`"));
}

#[test]
fn broken_toml_has_a_place() {
    // The words after the place are the TOML parser's own.
    assert!(error("no-network = \n").starts_with("1:14: not valid TOML: "));
    assert!(error("no-network = true\nno-network = true\n").starts_with("2:1: not valid TOML: "));
    assert!(pyproject_error("[tool.hermetic\n").starts_with("1:15: not valid TOML: "));
}

#[test]
fn a_byte_order_mark_is_no_character() {
    assert_eq!(
        error("\u{feff}no-netwrk = true"),
        "1:1: unknown key `no-netwrk` in the top level; did you mean `no-network`"
    );
}

#[test]
fn what_only_some_files_or_names_need() {
    let text = "extend = 'base.toml'\n[check.per-file-ignores]\n'tests/' = ['shell-command']\n\
                [[check.api]]\nname = 'acme.send'\ncapability = 'network'\ngiven = 'url'\n";
    let config = Config::from_hermetic_toml(text).expect("valid");
    assert_eq!(config.extend.expect("given").path, "base.toml");
    assert_eq!(config.check.per_file_ignores, [("tests/".into(), vec!["shell-command"])]);
    let [api] = &config.check.api[..] else { panic!("one") };
    assert_eq!((api.name.as_str(), api.capability), ("acme.send", crate::Capability::Network));
    assert_eq!(api.condition.entry(), Some(("given", "url")));
    for (text, told) in [
        ("extend = 1", "1:10 `extend` takes a string, not a number"),
        ("extend = ''", "1:10 `extend`: names no file"),
        (
            "[check.per-file-ignores]\na = ['shell-comand']",
            "2:6 unknown rule `shell-comand`; did you mean `shell-command`",
        ),
        ("[check.per-file-ignores]\na = 'x'", "2:5 `a` takes a list of rules, not a string"),
        ("[[check.api]]\nname = 'a.b'", "1:1 `api`: `capability` is missing"),
        (
            "[[check.api]]\nname = 'a.b'\ncapability = 'netwrok'",
            "3:14 `capability`: unknown capability `netwrok`; did you mean `network`",
        ),
        ("[[check.api]]\nnam = 'a.b'", "2:1 unknown key `nam` in [check.api]; did you mean `name`"),
        (
            "[[check.api]]\nname = 'a'",
            "2:8 `name`: `a` is no name with its module, as in `acme.send`",
        ),
        (
            "[[check.api]]\ngiven = 'a'\nmissing = 'b'",
            "3:11 `missing`: a second condition; one is taken",
        ),
    ] {
        let error = Config::from_hermetic_toml(text).expect_err(text);
        assert_eq!(alloc::format!("{} {error}", error.place), told, "{text}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_in_order() {
    let text = "no-netwrk = true\nallow-domain = ['ok.example', 3, '..']\n[check]\nundecided = 1\n\
                [check.levels]\nnothing = 'off'\nfile-write = 'of'\n[[check.api]]\nname = 'x'\n\
                [[check.api]]\nname = 'a.b'\ncapability = 'netwrk'\n";
    let errors = Config::check_hermetic_toml(text).unwrap_err();
    let places: vec::Vec<_> = errors.iter().map(|error| error.place.row).collect();
    assert_eq!(places, [1, 2, 2, 4, 6, 7, 9, 12], "{errors:?}");
    assert_eq!(Config::from_hermetic_toml(text).unwrap_err(), errors[0]);
    // Nothing is read of what is no TOML.
    assert_eq!(Config::check_pyproject("a = \n[").unwrap_err().len(), 1);
}
