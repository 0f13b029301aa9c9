//! `--show-settings`: what applies to a file, as a configuration that says the same.

use std::fmt::Write as _;
use std::path::Path;

use hermetic_check::discover::{Pattern, display};
use hermetic_policy::PolicyOptions;

use crate::settings::{Input, Settings};
use hermetic_check::configuration::Failure;

/// The settings of the first path that was given, as lines.
pub(crate) fn lines(settings: &Settings) -> Result<Vec<String>, Failure> {
    let path = match &settings.input {
        Input::Paths(paths) => paths.first().cloned().unwrap_or_default(),
        Input::Stdin { name, .. } => name.clone(),
    };
    // A folder's settings are those of a file in it.
    let file = if path.is_dir() { path.join("file.py") } else { path };
    let of = settings.nearest.of_file(&file)?;
    let (configuration, judgement) = (&of.configuration, &of.judgement);
    let mut text = match &configuration.file {
        Some(file) => format!("# from {}\n", display(file, Some(&settings.base))),
        None => "# no configuration file\n".to_owned(),
    };
    policy(&mut text, &settings.nearest.flags().policy(configuration));
    text.push_str("\n[check]\n");
    line(&mut text, "undecided", judgement.undecided.name());
    // As the run takes them: those of the command line are for all files.
    let common = std::ptr::eq(&raw const *of, settings.nearest.common());
    let exclude = if common { &settings.exclude } else { &configuration.exclude };
    let extend = if common { &settings.extend_exclude } else { &configuration.extend_exclude };
    let globs =
        |patterns: &[Pattern]| patterns.iter().map(|p| glob(p, &settings.base)).collect::<Vec<_>>();
    if let Some(exclude) = exclude {
        line(&mut text, "exclude", globs(exclude));
    }
    if !extend.is_empty() {
        line(&mut text, "extend-exclude", globs(extend));
    }
    if let Some(baseline) = &configuration.baseline {
        line(&mut text, "baseline", &*display(baseline, Some(&settings.base)));
    }
    if !judgement.levels.is_empty() {
        text.push_str("\n[check.levels]\n");
        for (rule, level) in &judgement.levels {
            line(&mut text, rule, level.name());
        }
    }
    if !configuration.ignores.is_empty() {
        text.push_str("\n[check.per-file-ignores]\n");
        for (pattern, rules) in &configuration.ignores {
            let rules: Vec<String> = rules.iter().map(|&rule| rule.to_owned()).collect();
            let glob = Shown::from(&*glob(pattern, &settings.base)).0;
            line(&mut text, &glob, rules);
        }
    }
    for api in &configuration.api {
        text.push_str("\n[[check.api]]\n");
        line(&mut text, "name", &*api.name);
        line(&mut text, "capability", api.capability.name());
        if let Some((key, argument)) = api.condition.entry() {
            line(&mut text, key, argument);
        }
    }
    Ok(text.lines().map(str::to_owned).collect())
}

fn policy(text: &mut String, options: &PolicyOptions) {
    // Taken apart in full, so that a new flag cannot be forgotten here.
    let PolicyOptions {
        profile,
        no_network,
        allow_localhost,
        allow_domain,
        no_subprocess,
        allow_run,
        fs_readonly,
        fs_root,
        allow_write,
        no_environment,
        no_code_exec,
        no_interpreter_mutation,
        block_native,
        allow_native,
        deny_import,
    } = options;
    for (name, list) in [
        ("profile", profile),
        ("allow-domain", allow_domain),
        ("allow-run", allow_run),
        ("allow-write", allow_write),
        ("allow-native", allow_native),
        ("deny-import", deny_import),
    ] {
        if !list.is_empty() {
            line(text, name, list.clone());
        }
    }
    for (name, on) in [
        ("no-network", no_network),
        ("allow-localhost", allow_localhost),
        ("no-subprocess", no_subprocess),
        ("no-environment", no_environment),
        ("no-code-exec", no_code_exec),
        ("no-interpreter-mutation", no_interpreter_mutation),
        ("block-native", block_native),
    ] {
        if *on {
            line(text, name, true);
        }
    }
    match fs_root {
        Some(root) => line(text, "fs-readonly", &**root),
        None if *fs_readonly => line(text, "fs-readonly", true),
        None => {}
    }
}

/// A pattern as it would be written in the working directory.
fn glob(pattern: &Pattern, base: &Path) -> String {
    let anchored = pattern.glob.trim_end_matches('/').contains('/');
    match pattern.base.strip_prefix(base) {
        Ok(below) if anchored && !below.as_os_str().is_empty() => {
            let glob = pattern.glob.trim_start_matches("./").trim_start_matches('/');
            format!("{}/{glob}", display(below, None))
        }
        _ => pattern.glob.clone(),
    }
}

fn line(text: &mut String, key: &str, value: impl Into<Shown>) {
    let _ = writeln!(text, "{key} = {}", value.into().0);
}

/// A value in TOML.
struct Shown(String);

impl From<bool> for Shown {
    fn from(on: bool) -> Self {
        Self(on.to_string())
    }
}

impl From<&str> for Shown {
    fn from(text: &str) -> Self {
        // The escapes of JSON are those of TOML, which asks for one more.
        Self(serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f"))
    }
}

impl From<Vec<String>> for Shown {
    fn from(texts: Vec<String>) -> Self {
        let texts: Vec<String> = texts.iter().map(|text| Self::from(&**text).0).collect();
        Self(format!("[{}]", texts.join(", ")))
    }
}
