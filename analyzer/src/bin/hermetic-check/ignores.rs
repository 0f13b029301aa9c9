//! `--add-ignores`: comments written into the files that have findings.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use hermetic_check::configuration::Failure;
use hermetic_check::render::escape::Escaped;
use hermetic_check::report::{FileReport, Report};
use hermetic_check::source::FileKind;
use hermetic_check::suppress::{Reason, is_acceptable};
use hermetic_check::{discover, project};

use crate::replace::replace;
use crate::settings::{Input, Settings};

/// Write a comment for every finding of level warn or error that one can accept, and tell what
/// was done.
pub(crate) fn add(settings: &Settings, report: &Report, reason: &Reason) -> Result<(), Failure> {
    if let Input::Stdin { .. } = settings.input {
        return Err(Failure::new("--add-ignores writes into files: standard input is none"));
    }
    let mut lines = Vec::new();
    let (mut findings, mut files) = (0, 0);
    for file in &report.files {
        let Some(path) = &file.source else { continue };
        if file.member.is_some() {
            let told = "--add-ignores writes into files, and this one is in an archive";
            return Err(Failure::at(&file.path, told));
        }
        let Ok(bytes) = discover::read(path) else { continue };
        let judgement = settings.judgement(path)?;
        let addition = project::add_ignores(&judgement, path, &bytes, file, reason);
        let Some(addition) = addition.map_err(Failure::new)? else {
            if file.diagnostics.iter().any(is_acceptable) {
                lines.push(format!("{}: no comments added: {}", file.path, why_none(file)));
            }
            continue;
        };
        replace(path, Some(&bytes), &addition.bytes)
            .map_err(|error| Failure::at(&file.path, format_args!("not written: {error}")))?;
        lines.push(format!("{}: {}", file.path, listed(&addition.rules)));
        findings += addition.rules.values().sum::<u64>();
        files += 1;
    }
    let plural =
        |count: u64, one: &'static str, many: &'static str| if count == 1 { one } else { many };
    lines.push(format!(
        "added comments for {findings} {} in {files} {}",
        plural(findings, "finding", "findings"),
        plural(files, "file", "files")
    ));
    let mut out = io::stderr().lock();
    for line in lines {
        // Whether or not anybody reads it, the files are written.
        let _ = writeln!(out, "{}", Escaped(&line));
    }
    Ok(())
}

/// Why no comment is written for what is told of a file.
fn why_none(file: &FileReport) -> &'static str {
    if file.diagnostics.iter().any(|finding| finding.rule.0.name == "not-analysed") {
        "it could not be analysed in full, which comes first"
    } else if discover::kind_of(Path::new(&file.path)) == Some(FileKind::Notebook) {
        "a notebook takes them from whoever edits it"
    } else {
        "there is no place for one"
    }
}

fn listed(rules: &BTreeMap<&'static str, u64>) -> String {
    let one = |(rule, count): (&&str, &u64)| match count {
        1 => (*rule).to_owned(),
        count => format!("{rule} ({count})"),
    };
    rules.iter().map(one).collect::<Vec<_>>().join(", ")
}
