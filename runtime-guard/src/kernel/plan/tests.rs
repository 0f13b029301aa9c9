use hermetic_policy::PolicyOptions;

use super::*;

fn places() -> Places {
    Places {
        readable: vec!["/opt/python".to_owned()],
        programs: vec!["/usr/bin".to_owned()],
        runnable: vec!["/usr/bin/git".to_owned()],
    }
}

const MODERN: Support = Support { landlock: 7, seccomp: true, threads: false };
const NOTHING: Support = Support { landlock: 0, seccomp: false, threads: false };

fn plan(options: &PolicyOptions, support: Support) -> Plan {
    Plan::of(&options.build().unwrap().outline(), &places(), support, false)
}

fn network(domains: &[&str]) -> PolicyOptions {
    PolicyOptions {
        no_network: true,
        allow_domain: domains.iter().map(|text| (*text).to_owned()).collect(),
        ..PolicyOptions::default()
    }
}

fn processes() -> PolicyOptions {
    PolicyOptions { no_subprocess: true, ..PolicyOptions::default() }
}

fn files(root: Option<&str>) -> PolicyOptions {
    PolicyOptions {
        fs_readonly: true,
        fs_root: root.map(str::to_owned),
        ..PolicyOptions::default()
    }
}

fn wholly(plan: &Plan) -> Vec<&str> {
    let wholly = plan.gaps.iter().filter(|gap| gap.extent == Extent::Wholly);
    wholly.map(|gap| gap.what.as_str()).collect()
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.calls.iter().map(|call| call.name).collect()
}

#[test]
fn a_policy_the_kernel_knows_nothing_of_changes_nothing() {
    let options = PolicyOptions {
        no_environment: true,
        no_code_exec: true,
        no_interpreter_mutation: true,
        block_native: true,
        deny_import: vec!["os".to_owned()],
        ..PolicyOptions::default()
    };
    assert_eq!(plan(&options, MODERN), Plan::default());
    assert_eq!(plan(&PolicyOptions::default(), NOTHING), Plan::default());
}

#[test]
fn ports_are_those_of_the_policy() {
    for (domains, ports) in [
        (vec![], Some(vec![])),
        (vec!["example.com"], None),
        (vec!["example.com:443"], Some(vec![53, 443])),
        (vec!["10.0.0.1:5432", "10.0.0.2:80"], Some(vec![80, 5432])),
        (vec!["10.0.0.1:5432", "example.com"], None),
    ] {
        let modern = plan(&network(&domains), MODERN);
        assert_eq!(modern.ports, ports, "{domains:?}");
        assert!(wholly(&modern).is_empty() && modern.abstract_sockets, "{domains:?}");
        // Without TCP in Landlock the sockets themselves are still seccomp's.
        let older = plan(&network(&domains), Support { landlock: 3, ..MODERN });
        assert!(older.ports.is_none() && wholly(&older).is_empty(), "{domains:?}");
        let none = plan(&network(&domains), NOTHING);
        assert_eq!(wholly(&none), ["the network"], "{domains:?}");
        assert!(!none.needs_seccomp() && !none.needs_landlock(), "{domains:?}");
    }
    assert!(names(&plan(&network(&[]), MODERN)).contains(&"connect"));
    assert!(!names(&plan(&network(&["unix:/run/a"]), MODERN)).contains(&"connect"));
    let without_seccomp = plan(&network(&[]), Support { seccomp: false, ..MODERN });
    assert_eq!(without_seccomp.ports, Some(vec![]));
    assert!(wholly(&without_seccomp).is_empty());
    assert!(without_seccomp.gaps.iter().any(|gap| gap.what == "sockets that are not TCP"));
}

#[test]
fn programs_are_denied_by_both() {
    let modern = plan(&processes(), MODERN);
    assert!(names(&modern).contains(&"execve") && names(&modern).contains(&"io_uring_setup"));
    assert_eq!(modern.missing, ["clone3"]);
    assert!(modern.signals && wholly(&modern).is_empty());
    let files = modern.files.unwrap();
    assert_eq!(files.handled, [Access::Execute]);
    assert!(wholly(&plan(&processes(), Support { landlock: 0, ..MODERN })).is_empty());
    assert!(wholly(&plan(&processes(), Support { landlock: 1, ..NOTHING })).is_empty());
    assert_eq!(wholly(&plan(&processes(), NOTHING)), ["starting processes"]);
}

#[test]
fn programs_that_are_named_are_landlocks() {
    let options = PolicyOptions { allow_run: vec!["/usr/bin/git".to_owned()], ..processes() };
    let modern = plan(&options, MODERN);
    assert!(!names(&modern).contains(&"execve") && names(&modern).contains(&"memfd_create"));
    assert!(modern.missing.is_empty() && wholly(&modern).is_empty());
    let files = modern.files.unwrap();
    let git = ("/usr/bin/git".to_owned(), vec![Access::Read, Access::Execute]);
    assert_eq!((files.handled, files.rules), (vec![Access::Execute], vec![git]));
    let none = plan(&options, Support { landlock: 0, ..MODERN });
    assert_eq!(wholly(&none), ["which programs are started"]);
}

#[test]
fn files_are_landlocks() {
    let modern = plan(&files(None), MODERN);
    let ruleset = modern.files.clone().unwrap();
    assert_eq!(ruleset.handled, [Access::Write]);
    assert_eq!(ruleset.rules, [("/dev/null".to_owned(), vec![Access::Read, Access::Write])]);
    assert!(names(&modern).contains(&"fchmodat2") && modern.missing.is_empty());
    let old = plan(&files(None), Support { landlock: 2, ..MODERN });
    assert!(names(&old).contains(&"truncate") && old.missing == ["openat2"]);
    let none = plan(&files(None), Support { landlock: 0, ..MODERN });
    assert_eq!(wholly(&none), ["writing files"]);
    assert!(none.files.is_none() && names(&none).contains(&"fchmod"));
}

#[test]
fn what_seccomp_cannot_tell_apart_is_a_gap_where_some_files_may_be_changed() {
    let options = PolicyOptions { allow_write: vec!["/srv/out".to_owned()], ..files(None) };
    let modern = plan(&options, MODERN);
    let change = ("/srv/out".to_owned(), vec![Access::Read, Access::Write]);
    assert!(modern.files.as_ref().unwrap().rules.contains(&change));
    assert!(!names(&modern).contains(&"fchmod") && names(&modern).contains(&"open_by_handle_at"));
    let told = |plan: &Plan| plan.gaps.iter().filter(|gap| gap.what.starts_with("owners")).count();
    assert_eq!((told(&modern), told(&plan(&files(None), MODERN))), (1, 0));
}

#[test]
fn a_root_leaves_the_interpreter_its_files() {
    let paths = |options: &PolicyOptions| -> Vec<String> {
        let files = plan(options, MODERN).files.unwrap();
        assert!(files.handled.contains(&Access::Read));
        assert!(files.rules.iter().all(|(path, access)| {
            ["/dev/null", "/usr/bin/git"].contains(&path.as_str()) || *access == [Access::Read]
        }));
        files.rules.into_iter().map(|(path, _)| path).collect()
    };
    let rooted = files(Some("/srv/data"));
    let allowed = paths(&rooted);
    for path in ["/srv/data", "/opt/python", "/usr/lib", "/usr/bin", "/etc/hosts"] {
        assert!(allowed.iter().any(|allowed| allowed == path), "{path}");
    }
    for path in ["/", "/etc", "/etc/passwd", "/home", "/proc/self/environ"] {
        assert!(!allowed.iter().any(|allowed| allowed == path), "{path}");
    }
    let closed = PolicyOptions { no_subprocess: true, no_network: true, ..rooted };
    let allowed = paths(&closed);
    for path in ["/usr/bin", "/etc/hosts"] {
        assert!(!allowed.iter().any(|allowed| allowed == path), "{path}");
    }
    // Everything is below this root.
    let files = plan(&files(Some("/")), MODERN).files.unwrap();
    assert_eq!(files.handled, [Access::Write]);
}

#[test]
fn a_claim_takes_away_only() {
    let claim = Support { landlock: 9, seccomp: true, threads: false };
    assert_eq!(NOTHING.at_most(claim), NOTHING);
    assert_eq!(MODERN.at_most(NOTHING), NOTHING);
    assert_eq!(MODERN.at_most(Support { landlock: 3, ..MODERN }).landlock, 3);
}

#[test]
fn threads_and_limits() {
    let threads = plan(&files(None), Support { threads: true, ..MODERN });
    assert_eq!(wholly(&threads), ["threads that are running already"]);
    let limited = Plan::of(&Outline::default(), &places(), MODERN, true);
    assert!(names(&limited).contains(&"prlimit64"));
    assert!(!names(&plan(&processes(), MODERN)).contains(&"prlimit64"));
}
