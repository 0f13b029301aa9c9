//! The law that static Allow implies Allow for every operand the program can have.
//!
//! Programs are made at random and run by an interpreter of their own. Where the analyzer says
//! nothing of a line that connects, the policy must allow every host that line has connected to
//! in any run; where it says that the line is denied, the policy must deny each.

mod program;
mod run;

use hermetic_check::diagnostic::Ruling;
use hermetic_check::judge::Judgement;
use hermetic_check::project::check_bytes;
use hermetic_check::source::FileKind;
use hermetic_policy::{Act, Endpoint, Host, Operand, Policy, PolicyOptions};
use proptest::prelude::*;

use program::{HOSTS, Written, program};

/// Runs of one program.
const RUNS: u32 = 96;

fn policy() -> Policy {
    let options = PolicyOptions {
        no_network: true,
        allow_domain: vec!["ok.example".to_owned(), "fine.example".to_owned()],
        ..PolicyOptions::default()
    };
    options.build().expect("a policy")
}

fn allows(policy: &Policy, host: usize) -> bool {
    let host = Host::parse(HOSTS[host]).expect("a host");
    let endpoint = Endpoint::Inet { host, port: Some(80) };
    policy.decide(&Act::Connect(Operand::Exact(endpoint))).is_allow()
}

/// What is said of each row: the strongest ruling.
fn rulings(policy: &Policy, source: &str) -> Vec<(u32, Ruling)> {
    let judgement = Judgement { policy: policy.clone(), ..Judgement::default() };
    let bytes = Ok(source.as_bytes().to_vec());
    let report =
        check_bytes(&judgement, &[], "program.py", bytes, FileKind::Module).expect("a run");
    assert!(report.files.iter().all(|file| file.not_analysed.is_empty()), "{source}");
    let findings = report.files.iter().flat_map(|file| &file.diagnostics);
    findings.map(|finding| (finding.span.start.row, finding.ruling)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 4096,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_decided_holds_for_every_run(program in program(), seed in any::<u64>()) {
        let policy = policy();
        let written = Written::of(&program);
        let rulings = rulings(&policy, &written.source);
        for (sink, hosts) in run::connections(&program, seed, RUNS) {
            let row = written.rows[sink];
            let said = |ruling| rulings.contains(&(row, ruling));
            let decided = rulings.iter().all(|(at, _)| *at != row);
            for host in hosts {
                let allowed = allows(&policy, host);
                let name = HOSTS[host];
                prop_assert!(
                    allowed || !decided,
                    "line {row} is passed over and connects to {name}:\n{}", written.source
                );
                prop_assert!(
                    !allowed || !said(Ruling::Deny),
                    "line {row} is denied and connects to {name}:\n{}", written.source
                );
            }
        }
    }
}

/// The law would hold of an analyzer that decides nothing.
#[test]
fn what_is_plain_is_decided() {
    let source = "import socket\nA = \"ok.example\"\nsocket.create_connection((A, 80))\n\
                  A = \"no.example\"\nsocket.create_connection((A, 80))\n";
    assert_eq!(rulings(&policy(), source), [(5, Ruling::Deny)]);
}
