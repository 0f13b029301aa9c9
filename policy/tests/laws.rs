//! Laws of the policy crate, over generated policies, acts and texts.

use std::borrow::Cow;
use std::collections::BTreeSet;

use hermetic_policy::config::Config;
use hermetic_policy::modules::{extension_operand, is_native_interface, is_stdlib};
use hermetic_policy::pattern::host::HostPattern;
use hermetic_policy::pattern::path;
use hermetic_policy::pattern::url::{UrlHost, split_host_port};
use hermetic_policy::{
    Act, Decision, Endpoint, Host, Operand, Policy, PolicyOptions, ResolvedPath, Verb, Verdict,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const PATTERNS: [&str; 9] = [
    "example.com",
    "*.example.org",
    "api.example.com:443",
    "example.org:80",
    "10.0.0.0/8",
    "127.0.0.1:5432",
    "fd00::/8",
    "unix:/run/app.sock",
    "169.254.169.254",
];
const HOSTS: [&str; 14] = [
    "example.com",
    "api.example.com",
    "example.org",
    "a.example.org",
    "badexample.com",
    "10.1.2.3",
    "127.0.0.1",
    "127.0.0.53",
    "::1",
    "0.0.0.0",
    "fd12::1",
    "169.254.169.254",
    "localhost",
    "",
];
const PATHS: [&str; 6] = ["/", "/srv/data/x", "/srv/data/../x", "/srv/database", "C:\\x", "/tmp"];
const ROOTS: [&str; 4] = ["/", "/srv/data", "/srv/data/./", "c:/x"];
const NAMES: [&str; 16] = [
    "git",
    "./git",
    "/usr/bin/make",
    "/usr/bin/../bin/make",
    "os",
    "math",
    "ctypes.util",
    "_ctypes",
    "pickle",
    "pexpect",
    "numpy.linalg",
    "requests",
    "telnetlib.x",
    "unheard_of",
    "HOME",
    "sys.path",
];

fn options() -> impl Strategy<Value = PolicyOptions> {
    (
        any::<[bool; 8]>(),
        subsequence(&PATTERNS[..], 0..=3),
        proptest::option::of(select(&ROOTS[..])),
        subsequence(vec!["telnetlib", "os", "numpy"], 0..=2),
        subsequence(vec!["numpy", "ctypes"], 0..=1),
        subsequence(vec!["git", "/usr/bin/make"], 0..=2),
        subsequence(vec!["block-all", "net-hermetic", "exec-deny", "block-native"], 0..=1),
    )
        .prop_map(|(flags, domains, root, imports, allowed, programs, profiles)| {
            let owned = |list: Vec<&str>| list.into_iter().map(String::from).collect();
            let [network, localhost, process, files, environment, code, interpreter, native] =
                flags;
            PolicyOptions {
                profile: owned(profiles),
                no_network: network,
                allow_localhost: localhost,
                allow_domain: owned(domains),
                no_subprocess: process,
                fs_readonly: files,
                fs_root: root.map(String::from),
                no_environment: environment,
                no_code_exec: code,
                no_interpreter_mutation: interpreter,
                block_native: native,
                allow_native: owned(allowed),
                allow_run: owned(programs),
                deny_import: owned(imports),
            }
        })
}

fn policy() -> impl Strategy<Value = Policy> {
    options().prop_map(|options| options.build().unwrap())
}

fn ends(with: impl Fn(Operand<Endpoint<'static>>) -> Act<'static>) -> Vec<Vec<Act<'static>>> {
    let mut chains = Vec::new();
    for host in HOSTS {
        let host = Host::parse(host).unwrap();
        for port in [443, 80, 5432] {
            chains.push(vec![
                with(Operand::Unknown),
                with(Operand::Exact(Endpoint::Inet { host: host.clone(), port: None })),
                with(Operand::Exact(Endpoint::Inet { host: host.clone(), port: Some(port) })),
            ]);
        }
    }
    for socket in ["/run/app.sock", "/run/other.sock", "\0app", "app.sock"] {
        let exact = Operand::Exact(Endpoint::Unix(Cow::Borrowed(socket)));
        chains.push(vec![with(Operand::Unknown), with(exact)]);
    }
    chains
}

fn paths(with: impl Fn(Operand<ResolvedPath<'static>>) -> Act<'static>) -> Vec<Vec<Act<'static>>> {
    let exact = |text| Operand::Exact(ResolvedPath::lexical(text).unwrap());
    PATHS.map(|text| vec![with(Operand::Unknown), with(exact(text))]).into()
}

fn names(with: impl Fn(Operand<&'static str>) -> Act<'static>) -> Vec<Vec<Act<'static>>> {
    NAMES.map(|name| vec![with(Operand::Unknown), with(Operand::Exact(name))]).into()
}

/// Acts of that verb, each chain from least to most known; the last is known in every part.
fn chains(verb: Verb) -> Vec<Vec<Act<'static>>> {
    match verb {
        Verb::Prepare => ends(Act::Prepare),
        Verb::Resolve => ends(Act::Resolve),
        Verb::Connect => ends(Act::Connect),
        Verb::Listen => ends(Act::Listen),
        Verb::Spawn => names(Act::Spawn),
        Verb::Signal => vec![vec![Act::Signal]],
        Verb::ReadFile => paths(Act::ReadFile),
        Verb::WriteFile => paths(Act::WriteFile),
        Verb::ListDirectory => paths(Act::ListDirectory),
        Verb::ReadEnvironment => names(Act::ReadEnvironment),
        Verb::WriteEnvironment => names(Act::WriteEnvironment),
        Verb::Evaluate => vec![vec![Act::Evaluate]],
        Verb::Deserialise => vec![vec![Act::Deserialise]],
        Verb::Import => names(Act::Import),
        Verb::ImportExtension => names(Act::ImportExtension),
        Verb::LoadNative => names(Act::LoadNative),
        Verb::MutateInterpreter => names(Act::MutateInterpreter),
        Verb::Introspect => vec![vec![Act::Introspect]],
        Verb::Tamper => vec![vec![Act::Tamper]],
        Verb::Keep => vec![vec![Act::Keep]],
        Verb::Hide => vec![vec![Act::Hide]],
    }
}

/// What is decided for the less known holds for the more known.
fn refines(less: Decision, more: Decision) -> bool {
    match less.verdict() {
        Verdict::Allow => more.is_allow(),
        Verdict::Deny(_) => more.is_deny(),
        Verdict::Undecided(_) => true,
    }
}

fn host_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9a-fA-FxX.:%\\[\\]]{0,24}",
        "[0-9]{1,10}(\\.[0-9xXa-f]{0,4}){0,4}",
        "[a-zA-Z0-9._é。１ß-]{0,20}",
        "\\PC{0,16}",
        any::<String>(),
        select(&HOSTS[..]).prop_map(String::from),
    ]
}

fn url_text() -> impl Strategy<Value = String> {
    let scheme = select(vec!["http:", "HTTPS:", "file:", "data:", "ws:", "s3:", "x+y:", "", "//"]);
    let part =
        prop_oneof!["[a-c./:@?#\\\\\t %2eE\\[\\]0-9]{0,12}", "(//)?[a-c@:./]{0,8}", "\\PC{0,8}"];
    (scheme, part).prop_map(|(scheme, rest)| format!("{scheme}{rest}"))
}

/// TOML that is at times valid.
fn config_text() -> impl Strategy<Value = String> {
    let line = select(vec![
        "[tool.hermetic]",
        "[tool.hermetic.check]",
        "[check]",
        "[check.levels]",
        "no-network = true",
        "no-netwrok = true",
        "allow-domain = ['é', 3]",
        "fs-readonly = '/x'",
        "undecided = 'loud'",
        "captured-reference = 'off'",
        "= é",
        "x = \"\"\"\r",
        "tool = 1",
    ]);
    prop_oneof![
        any::<String>(),
        proptest::collection::vec(line, 0..6).prop_map(|lines| lines.join("\n")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn knowing_more_never_overturns_a_decision(policy in policy()) {
        for verb in Verb::ALL {
            for chain in chains(verb) {
                for (index, less) in chain.iter().enumerate() {
                    prop_assert_eq!(less.verb(), verb);
                    for more in &chain[index..] {
                        prop_assert!(
                            refines(policy.decide(less), policy.decide(more)),
                            "{:?} {:?}, {:?} {:?}",
                            less, policy.decide(less), more, policy.decide(more)
                        );
                    }
                }
                let known = chain.last().unwrap();
                let verdict = policy.decide(known).verdict();
                prop_assert!(!matches!(verdict, Verdict::Undecided(_)), "{:?} {:?}", known, verdict);
            }
        }
    }

    #[test]
    fn more_flags_never_allow_more(options in options(), more in options()) {
        // Allow-lists open; without them every flag only denies.
        let closed = |options: PolicyOptions| PolicyOptions {
            allow_localhost: false,
            allow_domain: Vec::new(),
            allow_native: Vec::new(),
            allow_run: Vec::new(),
            // A root replaces another one.
            fs_root: None,
            profile: Vec::new(),
            ..options
        };
        let (options, more) = (closed(options), closed(more));
        let policy = options.build().unwrap();
        let both = options.union(more).build().unwrap();
        for act in Verb::ALL.into_iter().flat_map(chains).flatten() {
            prop_assert!(!both.decide(&act).is_allow() || policy.decide(&act).is_allow(), "{act:?}");
        }
    }

    #[test]
    fn union_is_idempotent(options in options()) {
        let twice = options.clone().union(options.clone());
        prop_assert_eq!(twice.build(), options.build());
    }

    #[test]
    fn metadata_is_never_reached_with_the_network_denied(options in options()) {
        let policy = PolicyOptions { no_network: true, ..options }.build().unwrap();
        for text in ["169.254.169.254", "0xa9fea9fe", "[::ffff:a9fe:a9fe]", "METADATA.google.internal."] {
            let host = Host::parse(text).unwrap();
            for port in [None, Some(80)] {
                let end = Operand::Exact(Endpoint::Inet { host: host.clone(), port });
                prop_assert!(policy.decide(&Act::Connect(end.clone())).is_deny());
                prop_assert!(policy.decide(&Act::Resolve(end)).is_deny());
            }
        }
    }

    #[test]
    fn hosts_have_one_spelling(text in host_text()) {
        if let Some(host) = Host::parse(&text) {
            prop_assert_eq!(Host::parse(host.as_str()), Some(host.clone()));
            prop_assert_eq!(Host::parse(&text.to_ascii_uppercase()), Some(host.clone()));
            // A name may hold a `*`; a pattern says something else by it.
            if !host.as_str().is_empty() && !host.as_str().contains('*') {
                let pattern = HostPattern::parse(host.as_str());
                prop_assert!(pattern.is_ok_and(|pattern| pattern.covers(&host)), "{host}");
            }
        }
    }

    #[test]
    fn patterns_and_host_ports_take_any_text(text in host_text()) {
        let _ = split_host_port(&text);
        if let Ok(pattern) = HostPattern::parse(&text) {
            // The empty host means "any address" and is on nobody's list.
            prop_assert!(!pattern.covers(&Host::parse("").unwrap()));
        }
    }

    #[test]
    fn what_a_beginning_tells_holds_however_it_goes_on(
        beginning in url_text(),
        rest in prop_oneof!["[a-c./:@?#\\\\\t %2e\\[\\]0-9]{0,12}", any::<String>()],
    ) {
        let known = UrlHost::parse_prefix(&beginning);
        if known != UrlHost::Unknown {
            prop_assert_eq!(UrlHost::parse(&format!("{beginning}{rest}")), known);
        }
    }

    #[test]
    fn normal_paths_stay_as_they_are(text in prop_oneof!["[/.a\\\\:C]{0,16}", any::<String>()]) {
        if let Some(normal) = path::normalise(&text) {
            let again = path::normalise(&normal).unwrap();
            prop_assert_eq!(&again, &normal);
            prop_assert!(normal.split('/').all(|part| part != "." && part != ".."));
            prop_assert!(path::contains(&normal, &normal));
            prop_assert!(path::contains("/", &normal));
            let below = path::normalise(&format!("{normal}/x/./y")).map(Cow::into_owned).unwrap();
            prop_assert!(path::contains(&normal, &below));
            prop_assert!(normal == "/" || !path::contains(&below, &normal));
        }
    }

    #[test]
    fn any_configuration_text_is_read_or_refused_in_place(text in config_text()) {
        let lines = text.matches('\n').count() + 1;
        let errors = [
            Config::from_pyproject(&text).err(),
            Config::from_hermetic_toml(&text).err(),
        ];
        for error in errors.into_iter().flatten() {
            let row = usize::try_from(error.place.row).unwrap();
            prop_assert!((1..=lines).contains(&row), "{error} {:?}", error.place);
            prop_assert!(error.place.column >= 1);
        }
    }
}

#[test]
fn extensions_of_the_interpreter_load_and_others_do_not() {
    let options = PolicyOptions { block_native: true, ..PolicyOptions::default() };
    let policy = options.build().unwrap();
    let loaded: BTreeSet<_> = NAMES
        .into_iter()
        .filter(|name| policy.decide(&Act::ImportExtension(Operand::Exact(name))).is_allow())
        .collect();
    assert_eq!(loaded, BTreeSet::from(["math", "os", "pickle", "sys.path", "telnetlib.x"]));
    for name in NAMES {
        // What the analyzer asks by name agrees with what the guard asks for the file.
        match extension_operand(name) {
            None if is_stdlib(name) => assert!(loaded.contains(name), "{name}"),
            Some(Operand::Exact(name)) => assert!(!loaded.contains(name), "{name}"),
            Some(Operand::Unknown) | None => assert!(!is_native_interface(name), "{name}"),
        }
    }
}

#[test]
fn a_port_decides_only_where_it_must() {
    let options = PolicyOptions {
        no_network: true,
        allow_domain: vec!["api.example.com:443".into(), "example.org".into()],
        ..PolicyOptions::default()
    };
    let policy = options.build().unwrap();
    let end =
        |host, port| Operand::Exact(Endpoint::Inet { host: Host::parse(host).unwrap(), port });
    let connect = |host, port| policy.decide(&Act::Connect(end(host, port)));
    assert!(connect("api.example.com", Some(443)).is_allow());
    assert!(connect("api.example.com", Some(80)).is_deny());
    assert!(matches!(connect("api.example.com", None).verdict(), Verdict::Undecided(_)));
    assert!(connect("example.org", None).is_allow());
    assert!(connect("example.net", None).is_deny());
    assert!(policy.decide(&Act::Resolve(end("api.example.com", None))).is_allow());
    assert!(policy.decide(&Act::Resolve(end("example.net", None))).is_deny());
}
