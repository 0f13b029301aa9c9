use alloc::borrow::Cow;
use alloc::vec;

use super::{Policy, Verdict, Why};
use crate::act::Act;
use crate::capability::Capability;
use crate::operand::{Endpoint, Host, Operand, ResolvedPath};
use crate::options::PolicyOptions;

fn build(options: &PolicyOptions) -> Policy {
    options.build().unwrap()
}

fn verdict(policy: &Policy, act: &Act<'_>) -> Verdict {
    policy.decide(act).verdict()
}

fn at(host: &str, port: u16) -> Operand<Endpoint<'static>> {
    Operand::Exact(Endpoint::Inet { host: Host::parse(host).unwrap(), port: Some(port) })
}

#[test]
fn no_policy_allows_everything() {
    let policy = Policy::default();
    for act in [
        Act::Connect(at("169.254.169.254", 80)),
        Act::Spawn(Operand::Unknown),
        Act::Tamper,
        Act::Import(Operand::Exact("ctypes")),
        Act::ImportExtension(Operand::Exact("numpy")),
    ] {
        assert_eq!(verdict(&policy, &act), Verdict::Allow, "{act:?}");
    }
    assert!(!policy.guards(Capability::Integrity));
}

#[test]
fn a_network_without_an_allow_list() {
    let policy = build(&PolicyOptions { no_network: true, ..Default::default() });
    let denied = Why::Denied(Capability::Network);
    assert_eq!(verdict(&policy, &Act::Connect(at("127.0.0.1", 1))), Verdict::Deny(denied));
    assert_eq!(verdict(&policy, &Act::Connect(Operand::Unknown)), Verdict::Deny(denied));
    // Nobody from outside reaches a loopback address.
    assert_eq!(verdict(&policy, &Act::Listen(at("127.0.0.1", 0))), Verdict::Allow);
    let outside = Why::NotLoopback;
    assert_eq!(verdict(&policy, &Act::Listen(at("0.0.0.0", 0))), Verdict::Deny(outside));
    assert_eq!(verdict(&policy, &Act::Listen(Operand::Unknown)), Verdict::Undecided(outside));
    assert_eq!(verdict(&policy, &Act::Prepare(Operand::Unknown)), Verdict::Undecided(denied));
    assert_eq!(verdict(&policy, &Act::Prepare(at("a.example", 1))), Verdict::Deny(denied));
    assert_eq!(
        verdict(&policy, &Act::Connect(at("2852039166", 80))),
        Verdict::Deny(Why::CloudMetadata)
    );
    assert_eq!(verdict(&policy, &Act::Spawn(Operand::Unknown)), Verdict::Allow);
}

#[test]
fn programs_with_an_allow_list() {
    let policy = build(&PolicyOptions {
        no_subprocess: true,
        allow_run: vec!["git".into(), "/usr/bin/make".into()],
        ..Default::default()
    });
    let why = Why::NotAllowedProgram;
    for (program, expected) in [
        (Operand::Exact("git"), Verdict::Allow),
        (Operand::Exact("/usr/bin/make"), Verdict::Allow),
        (Operand::Exact("make"), Verdict::Deny(why)),
        (Operand::Exact("/tmp/git"), Verdict::Deny(why)),
        (Operand::Exact("sh"), Verdict::Deny(why)),
        (Operand::Exact(""), Verdict::Deny(why)),
        (Operand::Unknown, Verdict::Undecided(why)),
    ] {
        assert_eq!(verdict(&policy, &Act::Spawn(program)), expected, "{program:?}");
    }
    let denied = Why::Denied(Capability::Subprocess);
    assert_eq!(verdict(&policy, &Act::Signal), Verdict::Deny(denied));
}

#[test]
fn a_network_with_allow_lists() {
    let policy = build(&PolicyOptions {
        no_network: true,
        allow_localhost: true,
        allow_domain: vec!["example.com".into(), "0.0.0.0/0".into(), "unix:/run/x".into()],
        ..Default::default()
    });
    let unix = |path| Operand::Exact(Endpoint::Unix(Cow::Borrowed(path)));
    for (act, expected) in [
        (Act::Connect(at("::1", 1)), Verdict::Allow),
        (Act::Connect(at("api.example.com", 1)), Verdict::Allow),
        (Act::Connect(at("192.0.2.1", 1)), Verdict::Allow),
        (Act::Connect(at("example.org", 1)), Verdict::Deny(Why::NotAllowListed)),
        (Act::Connect(at("169.254.169.254", 80)), Verdict::Deny(Why::CloudMetadata)),
        (Act::Connect(at("", 1)), Verdict::Deny(Why::NotAllowListed)),
        (Act::Connect(unix("/run/x")), Verdict::Allow),
        (Act::Connect(unix("/run/y")), Verdict::Deny(Why::NotAllowListed)),
        (Act::Connect(Operand::Unknown), Verdict::Undecided(Why::NotAllowListed)),
        (Act::Listen(at("127.0.0.53", 1)), Verdict::Allow),
        (Act::Listen(at("0.0.0.0", 1)), Verdict::Deny(Why::NotLoopback)),
        (Act::Listen(at("", 1)), Verdict::Deny(Why::NotLoopback)),
        (Act::Listen(Operand::Unknown), Verdict::Undecided(Why::NotLoopback)),
    ] {
        assert_eq!(verdict(&policy, &act), expected, "{act:?}");
    }
}

#[test]
fn files_with_and_without_a_root() {
    let path = |text| Operand::Exact(ResolvedPath::lexical(text).unwrap());
    let plain = build(&PolicyOptions { fs_readonly: true, ..Default::default() });
    assert_eq!(verdict(&plain, &Act::ReadFile(Operand::Unknown)), Verdict::Allow);
    assert_eq!(verdict(&plain, &Act::WriteFile(path("/tmp/x"))), Verdict::Deny(Why::ReadOnly));
    let rooted = build(&PolicyOptions { fs_root: Some("/srv".into()), ..Default::default() });
    assert_eq!(verdict(&rooted, &Act::ReadFile(path("/srv/a/../b"))), Verdict::Allow);
    for act in [Act::ReadFile(path("/srv/../etc")), Act::ListDirectory(path("/srv2"))] {
        assert_eq!(verdict(&rooted, &act), Verdict::Deny(Why::OutsideRoot), "{act:?}");
    }
    assert_eq!(
        verdict(&rooted, &Act::ReadFile(Operand::Unknown)),
        Verdict::Undecided(Why::OutsideRoot)
    );
    assert_eq!(verdict(&rooted, &Act::WriteFile(Operand::Unknown)), Verdict::Deny(Why::ReadOnly));
}

#[test]
fn imports_by_name() {
    let options = |profile: &str| PolicyOptions {
        profile: vec![profile.into()],
        deny_import: vec!["urllib.request".into()],
        ..Default::default()
    };
    let all = build(&options("block-all"));
    for (name, expected) in [
        ("urllib.request", Verdict::Deny(Why::DeniedImport)),
        ("urllib.parse", Verdict::Allow),
        ("ctypes.util", Verdict::Deny(Why::NativeModule)),
        ("pexpect", Verdict::Deny(Why::SubprocessLibrary)),
        ("_pickle", Verdict::Deny(Why::DeserialisationLibrary)),
        ("pickletools", Verdict::Allow),
    ] {
        assert_eq!(verdict(&all, &Act::Import(Operand::Exact(name))), expected, "{name}");
    }
    let exec = build(&options("exec-deny"));
    assert_eq!(verdict(&exec, &Act::Import(Operand::Exact("pickle"))), Verdict::Allow);
    assert_eq!(
        verdict(&exec, &Act::Import(Operand::Exact("sh"))),
        Verdict::Deny(Why::SubprocessLibrary)
    );
}

#[test]
fn native_code() {
    let policy = build(&PolicyOptions { block_native: true, ..Default::default() });
    for (act, expected) in [
        (Act::ImportExtension(Operand::Exact("math")), Verdict::Allow),
        (Act::ImportExtension(Operand::Exact("_ctypes")), Verdict::Deny(Why::NativeModule)),
        (Act::ImportExtension(Operand::Exact("numpy.x")), Verdict::Deny(Why::NativeModule)),
        (Act::ImportExtension(Operand::Unknown), Verdict::Undecided(Why::NativeModule)),
        // A library may have the name of a module; it is none.
        (Act::LoadNative(Operand::Exact("math")), Verdict::Deny(Why::Denied(Capability::Native))),
        (Act::LoadNative(Operand::Unknown), Verdict::Deny(Why::Denied(Capability::Native))),
    ] {
        assert_eq!(verdict(&policy, &act), expected, "{act:?}");
    }
    let policy = build(&PolicyOptions {
        block_native: true,
        allow_native: vec!["numpy".into(), "_ctypes".into()],
        ..Default::default()
    });
    for (act, expected) in [
        (Act::ImportExtension(Operand::Exact("numpy.linalg._x")), Verdict::Allow),
        (Act::ImportExtension(Operand::Exact("_ctypes")), Verdict::Allow),
        (Act::Import(Operand::Exact("_ctypes")), Verdict::Allow),
        (Act::Import(Operand::Exact("ctypes")), Verdict::Deny(Why::NativeModule)),
        (Act::ImportExtension(Operand::Exact("numpyx")), Verdict::Deny(Why::NativeModule)),
        (Act::LoadNative(Operand::Exact("numpy")), Verdict::Deny(Why::Denied(Capability::Native))),
    ] {
        assert_eq!(verdict(&policy, &act), expected, "{act:?}");
    }
}
