use alloc::string::String;
use alloc::vec::Vec;

use super::{Told, tell, tell_act, tell_capture, tell_star_import};
use crate::act::{Act, Verb};
use crate::capability::Capability;
use crate::operand::{Endpoint, Operand};
use crate::policy::{Verdict, Why};
use crate::rules::endpoints::CLOUD_METADATA;
use crate::rules::filesystem::FILE_WRITE;
use crate::rules::integrity::{CAPTURED_REFERENCE, LOW_LEVEL_TWIN};
use crate::rules::interpreter::WORKING_DIRECTORY;
use crate::rules::network::NETWORK_CONNECT;
use crate::{Host, PolicyOptions};

fn lines(told: Told) -> [String; 3] {
    [told.what, told.why, told.remedy]
}

const WHYS: [Why; 20] = [
    Why::Denied(Capability::Network),
    Why::Denied(Capability::Subprocess),
    Why::Denied(Capability::Filesystem),
    Why::Denied(Capability::Environment),
    Why::Denied(Capability::DynamicCode),
    Why::Denied(Capability::Imports),
    Why::Denied(Capability::Native),
    Why::Denied(Capability::Interpreter),
    Why::Denied(Capability::Integrity),
    Why::NotAllowListed,
    Why::CloudMetadata,
    Why::NotLoopback,
    Why::OutsideRoot,
    Why::ReadOnly,
    Why::DeniedImport,
    Why::SubprocessLibrary,
    Why::DeserialisationLibrary,
    Why::NativeModule,
    Why::NotAllowedProgram,
    Why::AgainstGuard,
];

#[test]
fn a_denied_connection() {
    let told = tell(
        &NETWORK_CONNECT,
        "socket.create_connection",
        Some("api.example.com:443"),
        Verdict::Deny(Why::NotAllowListed),
    );
    assert_eq!(
        lines(told),
        [
            "`socket.create_connection` connects to `api.example.com:443`",
            "the network is denied by --no-network, and `api.example.com:443` is not allow-listed",
            "allow it by --allow-domain api.example.com (or `allow-domain = [\"api.example.com\"]` \
             in [tool.hermetic])",
        ]
    );
}

#[test]
fn a_denied_program() {
    let told = tell_act(
        &NETWORK_CONNECT,
        Verb::Spawn,
        "subprocess.run",
        Some("git"),
        Verdict::Deny(Why::Denied(Capability::Subprocess)),
    );
    assert_eq!(
        lines(told),
        [
            "`subprocess.run` starts `git`",
            "subprocesses are denied by --no-subprocess",
            "allow it by dropping --no-subprocess (or `no-subprocess` in [tool.hermetic])",
        ]
    );
}

#[test]
fn an_undecided_connection() {
    let told = tell(&NETWORK_CONNECT, "x.connect", None, Verdict::Undecided(Why::NotAllowListed));
    assert_eq!(
        lines(told),
        [
            "`x.connect` connects to an endpoint that is not known before the program runs",
            "the network is denied by --no-network but for allow-listed hosts",
            "the runtime guard decides; write the host as a literal to have it decided here",
        ]
    );
}

#[test]
fn what_is_changed_is_the_rules_to_say() {
    let told = |rule, target, operand| {
        let verdict = Verdict::Deny(Why::Denied(Capability::Interpreter));
        tell(rule, target, operand, verdict).what
    };
    assert_eq!(
        told(&WORKING_DIRECTORY, "os.chdir", Some("chdir")),
        "`os.chdir`: the working directory is changed"
    );
    assert_eq!(
        told(&LOW_LEVEL_TWIN, "_socket", Some("_socket")),
        "`_socket`: the low-level module under a guarded one is imported"
    );
    assert_eq!(
        told(&CLOUD_METADATA, "169.254.169.254", Some("169.254.169.254")),
        "`169.254.169.254`: the metadata service of a cloud, which hands out credentials, is \
         named or asked"
    );
}

#[test]
fn what_is_not_known_is_the_operand_or_whether_it_happens() {
    let why = Why::Denied(Capability::Filesystem);
    let verdict = Verdict::Undecided(why);
    let told = tell(&FILE_WRITE, "builtins.open", None, verdict);
    assert_eq!(
        lines(told),
        [
            "`open`: a file is opened for writing; whether that happens is not known before the \
             program runs",
            "changes of files are denied by --fs-readonly",
            "the runtime guard decides when the program runs",
        ]
    );
    let by_name = |verb, operand, why| {
        tell_act(&NETWORK_CONNECT, verb, "f", operand, Verdict::Undecided(why)).what
    };
    assert_eq!(
        by_name(Verb::Import, None, Why::DeniedImport),
        "`f` imports a module, by a name that is not known before the program runs"
    );
    assert_eq!(
        by_name(Verb::Connect, None, Why::Denied(Capability::Network)),
        "`f` connects to an endpoint; whether that happens is not known before the program runs"
    );
    assert_eq!(
        by_name(Verb::Connect, Some("a.example"), Why::NotAllowListed),
        "`f` connects to `a.example`, at a port that is not known before the program runs"
    );
}

#[test]
fn an_empty_operand_is_none() {
    let verdict = Verdict::Deny(Why::Denied(Capability::Subprocess));
    let told = tell_act(&NETWORK_CONNECT, Verb::Spawn, "subprocess.run", Some(""), verdict);
    assert_eq!(told.what, "`subprocess.run` starts a process");
}

#[test]
fn kept_references() {
    let told = tell_capture("socket.socket", Capability::Network, true);
    assert_eq!(
        lines(told),
        [
            "`socket.socket` is kept here; a patch of `socket.socket` will not reach it",
            "the runtime guard of the network capability enforces it all the same",
            "write `import socket` and `socket.socket` at the place of use",
        ]
    );
    assert_eq!(
        tell_star_import("os.chdir", Capability::Interpreter, true).what,
        "`*` takes `os.chdir` and what else `os` has that is guarded; a patch of `os` will not \
         reach it"
    );
    let remedy = |api| tell_capture(api, Capability::Filesystem, false).remedy;
    assert_eq!(remedy("builtins.open"), "write `open` at the place of use");
    assert_eq!(
        remedy("pathlib.Path.unlink"),
        "write `import pathlib` and `pathlib.Path.unlink` at the place of use"
    );
}

/// What a remedy says to allow is allowed when it is done.
#[test]
fn the_remedy_for_a_host_is_a_pattern_that_allows_it() {
    for host in ["api.example.com", "10.0.0.1", "::1", "2130706433", "BÜCHER.example", "127.0.0.9"]
    {
        let told =
            tell(&NETWORK_CONNECT, "f", Some(host), Verdict::Deny(Why::NotAllowListed)).remedy;
        let (_, entry) = told.split_once("--allow-domain ").unwrap();
        let (entry, _) = entry.split_once(' ').unwrap();
        let options = PolicyOptions {
            no_network: true,
            allow_domain: [entry.into()].into(),
            ..PolicyOptions::default()
        };
        let end = Endpoint::Inet { host: Host::parse(host).unwrap(), port: Some(1) };
        assert!(
            options.build().unwrap().decide(&Act::Connect(Operand::Exact(end))).is_allow(),
            "{host}: {told}"
        );
    }
    let localhost = tell(&NETWORK_CONNECT, "f", Some("[::1]:80"), Verdict::Deny(WHYS[0])).remedy;
    assert!(localhost.contains("--allow-localhost"), "{localhost}");
    let socket = tell(&NETWORK_CONNECT, "f", Some("/run/x"), Verdict::Deny(WHYS[0])).remedy;
    assert!(socket.contains("--allow-domain unix:/run/x "), "{socket}");
}

/// Lower case or code first, no full stop, something on every line.
#[test]
fn every_sentence_keeps_the_form() {
    let mut verdicts = Vec::from([Verdict::Allow]);
    for why in WHYS {
        verdicts.extend([Verdict::Deny(why), Verdict::Undecided(why)]);
    }
    for rule in [&NETWORK_CONNECT, &CAPTURED_REFERENCE] {
        for verb in Verb::ALL {
            for operand in [None, Some("x"), Some("a.b")] {
                for verdict in &verdicts {
                    for target in ["a.b", ""] {
                        for line in lines(tell_act(rule, verb, target, operand, *verdict)) {
                            assert!(!line.is_empty(), "{verb:?} {verdict:?}");
                            assert!(!line.starts_with(char::is_uppercase), "{line}");
                            assert!(!line.ends_with('.'), "{line}");
                            assert!(!line.contains("  "), "{line}");
                            assert_eq!(line.matches('`').count() % 2, 0, "{line}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn long_text_is_cut() {
    let long = "é".repeat(5000);
    let told = tell(&NETWORK_CONNECT, "f", Some(&long), Verdict::Deny(Why::NotAllowListed));
    assert!(told.what.chars().count() < 200);
    assert!(told.why.chars().count() < 300);
    assert!(told.remedy.chars().count() < 300);
}
