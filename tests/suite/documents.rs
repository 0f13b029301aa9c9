//! The documents people read: their examples are run, and their links lead somewhere.
//!
//! In `README.md` and `docs/`, a fence `py file=NAME` or `toml file=NAME` is a file of a scratch
//! folder that the rest of the document shares. A fence `console` holds commands and what they
//! print: `$ hermetic-check ...` is run in that folder, and `$ echo $?` tells its exit code.
//! `UPDATE=1` rewrites what they print.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::generated::fresh;
use crate::process::Project;
use crate::repository::{assert_none, files, read, root, slashed, updating};

/// Every Markdown file, by its path from the root.
fn documents() -> impl Iterator<Item = PathBuf> {
    files().into_iter().filter(|path| path.extension().is_some_and(|e| e == "md"))
}

/// Those of the guard are run by its own tests (`runtime-guard/tests/test_documents.py`).
fn is_run_here(path: &Path) -> bool {
    path == Path::new("README.md") || path.starts_with("docs") && !path.starts_with("docs/guard")
}

#[test]
fn examples_print_what_they_say() {
    let mut seen = 0;
    for path in documents().filter(|path| is_run_here(path)) {
        let text = read(&path);
        if text.contains("\n```console\n") {
            seen += 1;
            fresh(&slashed(&path), &with_output(&text));
        }
    }
    // Were the form of the fences another, this test would see nothing.
    assert!(seen >= 2, "{seen} documents with examples");
}

/// A document with what its commands print now.
fn with_output(document: &str) -> String {
    let project = Project::new(&[]);
    let mut text = String::new();
    for (fence, lines) in fences(document) {
        let body = match fence {
            Some("console") => console(&project, &lines),
            _ => lines.iter().flat_map(|line| [line, "\n"]).collect(),
        };
        let Some(info) = fence else {
            text.push_str(&body);
            continue;
        };
        if let Some(name) = info.split(' ').find_map(|word| word.strip_prefix("file=")) {
            project.write(name, body.as_bytes());
        }
        let _ = writeln!(text, "```{info}\n{body}```");
    }
    text
}

/// A document in pieces: fences with their info string, and the lines between them.
fn fences(document: &str) -> Vec<(Option<&str>, Vec<&str>)> {
    let mut pieces = vec![(None, Vec::new())];
    let mut open = "";
    for line in document.lines() {
        let info = line.trim_start_matches('`');
        let ticks = &line[..line.len() - info.len()];
        if open.is_empty() && ticks.len() >= 3 {
            open = ticks;
            pieces.push((Some(info), Vec::new()));
        } else if !open.is_empty() && line == open {
            open = "";
            pieces.push((None, Vec::new()));
        } else {
            pieces.last_mut().expect("there is a first").1.push(line);
        }
    }
    pieces
}

/// The commands of a block, each with what it prints.
fn console(project: &Project, lines: &[&str]) -> String {
    let mut text = String::new();
    let mut code = None;
    for command in lines.iter().filter_map(|line| line.strip_prefix("$ ")) {
        let _ = writeln!(text, "$ {command}");
        if command == "echo $?" {
            let code: i32 = code.expect("a run before the question how it ended");
            let _ = writeln!(text, "{code}");
            continue;
        }
        let mut words = command.split_whitespace();
        assert_eq!(words.next(), Some("hermetic-check"), "only it is run: {command}");
        let run = project.run(&words.collect::<Vec<_>>());
        for line in run.stdout.lines().chain(run.stderr.lines()) {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        code = run.code;
    }
    text
}

#[test]
fn links_lead_somewhere() {
    if updating() {
        // Other tests are rewriting documents meanwhile.
        return;
    }
    let mut complaints = Vec::new();
    for path in documents() {
        let text = read(&path);
        let prose = fences(&text).into_iter().filter(|(fence, _)| fence.is_none());
        for line in prose.flat_map(|(_, lines)| lines) {
            for link in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let target = link.split('#').next().unwrap_or_default();
                let folder = path.parent().unwrap_or(Path::new(""));
                if !link.contains(':') && !root().join(folder).join(target).exists() {
                    complaints.push(format!("{}: {link}", path.display()));
                }
            }
        }
    }
    assert_none(&complaints);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_ends_with_as_many_ticks_as_it_began() {
        let pieces = fences("a\n````md\n```py\nb\n```\n````\nc");
        assert_eq!(
            pieces,
            [(None, vec!["a"]), (Some("md"), vec!["```py", "b", "```"]), (None, vec!["c"])]
        );
    }

    #[test]
    fn a_stale_example_is_seen_and_a_fresh_one_kept() {
        let stale = "# T\n\n```py file=a.py\nx = 1\n```\n\n```console\n$ hermetic-check --quiet a.py\nold\n$ echo $?\n7\n```\nend\n";
        let fresh = with_output(stale);
        assert_eq!(fresh, stale.replace("old\n", "").replace('7', "0"));
        assert_eq!(with_output(&fresh), fresh);
    }
}
