//! `--generate`: the man page and completions, as shells and `man` take them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::process::Project;
use crate::repository::skip;

/// Every long flag of a help text.
fn flags(help: &str) -> Vec<&str> {
    let words = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let words = words.flat_map(|line| line.split([' ', ',', '=', '[', '.']));
    let mut flags: Vec<&str> = words.filter(|word| word.starts_with("--")).collect();
    flags.sort_unstable();
    flags.dedup();
    flags
}

fn generated(kind: &str) -> String {
    Project::new(&[]).run(&["--generate", kind]).exits(0).stdout
}

/// Whether a program takes the text; `None` where it is not here.
fn takes(program: &str, arguments: &[&str], text: &str) -> Option<bool> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(text.as_bytes()).ok()?;
    Some(child.wait().ok()?.success())
}

#[test]
fn every_flag_is_completed_and_documented() {
    let project = Project::new(&[]);
    let help = |arguments: &[&str]| project.run(arguments).exits(0).stdout;
    let texts = [help(&["--help"]), help(&["diff", "--help"]), help(&["merge", "--help"])];
    for kind in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let text = generated(&format!("complete-{kind}"));
        for flag in texts.iter().flat_map(|help| flags(help)) {
            let spelt = if kind == "fish" { format!("-l {}", &flag[2..]) } else { flag.to_owned() };
            assert!(text.contains(&spelt), "{kind}: {flag}");
        }
        assert!(["diff", "merge"].iter().all(|command| text.contains(command)), "{kind}");
    }
    let man = generated("man").replace("\\-", "-");
    let seen = texts.iter().flat_map(|help| flags(help)).map(|flag| {
        assert!(man.contains(flag), "{flag}");
    });
    // Were the form of the help another, this test would see nothing.
    assert!(seen.count() > 60);
    assert!(man.contains("Exit codes"), "{man}");
}

#[test]
fn shells_and_man_take_them() {
    for (kind, program, arguments) in [
        ("complete-bash", "bash", &["-n"][..]),
        ("complete-zsh", "zsh", &["-n"]),
        ("complete-fish", "fish", &["--no-execute"]),
        ("man", "groff", &["-man", "-Tutf8", "-ww", "-z"]),
    ] {
        match takes(program, arguments, &generated(kind)) {
            None => skip("shell", &format!("{program} is not here")),
            Some(taken) => assert!(taken, "{program} does not take {kind}"),
        }
    }
    let completes = "source /dev/stdin; registered=$(complete -p hermetic-check); \
                     name=${registered#*-F }; COMP_WORDS=(hermetic-check --sha); COMP_CWORD=1; \
                     ${name%% *} hermetic-check --sha hermetic-check; \
                     [[ \" ${COMPREPLY[*]} \" == *\" --shard \"* ]]";
    match takes("bash", &["-c", completes], &generated("complete-bash")) {
        None => skip("shell", "bash is not here"),
        Some(done) => assert!(done, "bash completes --sha"),
    }
}

#[test]
fn a_kind_stands_alone() {
    let project = Project::new(&[]);
    let run = project.run(&["--generate", "complete-tcsh"]).exits(2);
    assert!(run.stderr.contains("complete-bash"), "{run:?}");
    project.run(&["--generate", "man", "--no-network"]).exits(2);
}
