//! SARIF 2.1.0, the OASIS standard for results of static analysis
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>; sections are cited as §).
//!
//! The document holds one run: the rules that spoke, with their pages, the findings as results,
//! and what was not analysed as notifications besides. It holds no time and no absolute path of
//! the machine beyond those of files outside the working directory, so that it is the same
//! wherever the same files are analysed.

use std::collections::BTreeMap;
use std::io::{self, Write};

use hermetic_policy::{Level, Rule, Verb};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Value, json};

use super::escape::escape;
use super::findings;
use super::record::{Streamed, write_document};
use crate::diagnostic::{Diagnostic, Fix, FixState, Span};
use crate::fix::Safety;
use crate::report::{FileReport, NotAnalysed, Report};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// What relative paths count from: the working directory. A reader knows where that is with it.
const ROOT: &str = "%SRCROOT%";

/// The key of our fingerprints; its number grows when they are made in another way.
const FINGERPRINT: &str = "hermeticCheck/v2";

/// What a path may hold of a URI as it is: unreserved characters and `/` (RFC 3986, 2.3).
const KEPT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

#[derive(Serialize)]
struct Document<R> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [R; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<R> {
    tool: Value,
    invocations: Value,
    column_kind: &'static str,
    original_uri_base_ids: Value,
    results: R,
}

/// Write the report as one log of one run. Errors are the writer's.
pub fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let mut rules: BTreeMap<&str, (usize, &Rule)> = BTreeMap::new();
    for (_, finding) in findings(report) {
        rules.insert(finding.rule.0.name, (0, finding.rule.0));
    }
    for (index, entry) in rules.values_mut().enumerate() {
        entry.0 = index;
    }
    let results = Streamed(|| {
        let rules = &rules;
        report.files.iter().flat_map(move |file| {
            file.diagnostics.iter().filter(|finding| finding.level != Level::Off).map(
                move |finding| {
                    let index = rules.get(finding.rule.0.name).map(|&(index, _)| index);
                    result(file, finding, index)
                },
            )
        })
    });
    let run = Run {
        tool: json!({"driver": {
            "name": "hermetic-check",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "version": env!("CARGO_PKG_VERSION"),
            "rules": rules.values().map(|(_, rule)| descriptor(rule)).collect::<Vec<_>>(),
        }}),
        invocations: json!([invocation(report)]),
        column_kind: "unicodeCodePoints",
        original_uri_base_ids: json!({
            ROOT: {"description": {"text": "the working directory of the run"}}
        }),
        results,
    };
    write_document(out, &Document { schema: SCHEMA, version: "2.1.0", runs: [run] })
}

/// The levels of §3.27.10.
const fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warning",
        Level::Info => "note",
        Level::Off => "none",
    }
}

/// A rule as a `reportingDescriptor` (§3.49).
fn descriptor(rule: &Rule) -> Value {
    let mut descriptor = json!({
        "id": rule.name,
        "shortDescription": {"text": rule.summary},
        "help": {"text": rule.page, "markdown": rule.page},
        "defaultConfiguration": {"level": level(rule.level)},
        "properties": {"tags": ["security", rule.capability.name()], "since": rule.since},
    });
    if let Some(why) = section(rule.page, "Why") {
        descriptor["fullDescription"] = json!({"text": why});
    }
    descriptor
}

/// The text of a page below a heading of the second level.
fn section<'p>(page: &'p str, heading: &str) -> Option<&'p str> {
    let (_, rest) = page.split_once(&format!("\n## {heading}\n"))?;
    let text = rest.split_once("\n## ").map_or(rest, |(text, _)| text).trim();
    (!text.is_empty()).then_some(text)
}

/// How the run went, with what was not analysed (§3.20).
fn invocation(report: &Report) -> Value {
    let parts = || {
        report.files.iter().flat_map(|file| file.not_analysed.iter().map(move |part| (file, part)))
    };
    json!({
        "executionSuccessful": parts().all(|(_, part)| part.accepted),
        "toolExecutionNotifications":
            parts().map(|(file, part)| notification(file, part)).collect::<Vec<_>>(),
    })
}

fn notification(file: &FileReport, part: &NotAnalysed) -> Value {
    let text = format!("not analysed in full: {}: {}", part.reason, part.detail);
    json!({
        "level": if part.accepted { "note" } else { "error" },
        "descriptor": {"id": part.reason},
        "message": {"text": plain(&text)},
        "locations": [{"physicalLocation": {"artifactLocation": artifact(&file.path)}}],
    })
}

/// A finding as a result (§3.27).
fn result(file: &FileReport, finding: &Diagnostic, rule: Option<usize>) -> Value {
    let mut text = plain(&finding.message);
    for part in [&finding.why, &finding.remedy] {
        if !part.is_empty() {
            text.push('\n');
            text.push_str(&plain(part));
        }
    }
    let mut result = json!({
        "ruleId": finding.rule.0.name,
        "level": level(finding.level),
        "message": {"text": text},
        "locations": [location(&file.path, &finding.span)],
        "properties": {
            "capability": finding.rule.0.capability.name(),
            "decision": finding.ruling.name(),
            "target": escape(&finding.target),
        },
    });
    if let Some(fingerprint) = finding.fingerprint {
        result["partialFingerprints"] = json!({FINGERPRINT: fingerprint.to_string()});
    }
    if let FixState::Ready(fix) = &finding.fix {
        result["fixes"] = json!([self::fix(file, fix)]);
    }
    if let Some(index) = rule {
        result["ruleIndex"] = json!(index);
    }
    if !finding.related.is_empty() {
        let related = finding.related.iter().enumerate().map(|(index, related)| {
            let mut location = location(related.path.as_ref().unwrap_or(&file.path), &related.span);
            location["id"] = json!(index + 1);
            location["message"] = json!({"text": plain(&related.message)});
            location
        });
        result["relatedLocations"] = related.collect();
    }
    let flows = code_flows(file, finding);
    if !flows.is_empty() {
        result["codeFlows"] = Value::Array(flows);
    }
    result
}

/// How what was taken in one file comes to be used in another (§3.36): a reference that is kept
/// goes on from the finding to each who takes it; any other finding begins where it was taken, and
/// came through the files between the two.
fn code_flows(file: &FileReport, finding: &Diagnostic) -> Vec<Value> {
    let step = |path: &String, span: &Span, message: &str| {
        let mut location = location(path, span);
        location["message"] = json!({"text": plain(message)});
        json!({"location": location})
    };
    let elsewhere: Vec<Value> = finding
        .related
        .iter()
        .filter_map(|one| Some(step(one.path.as_ref()?, &one.span, &one.message)))
        .collect();
    if elsewhere.is_empty() {
        return elsewhere;
    }
    let here = step(&file.path, &finding.span, &finding.message);
    let flow = |steps: Vec<Value>| json!({"threadFlows": [{"locations": steps}]});
    if finding.rule.0.verb == Verb::Keep {
        return elsewhere.into_iter().map(|there| flow(vec![here.clone(), there])).collect();
    }
    vec![flow(elsewhere.into_iter().rev().chain([here]).collect())]
}

/// A fix (§3.55). Its replacements have to be right, so a reader can make them as they are.
fn fix(file: &FileReport, fix: &Fix) -> Value {
    let description = match &fix.safety {
        Safety::Safe => "look it up where it is used".to_owned(),
        Safety::Unsafe(why) => format!("look it up where it is used; unsafe: {why}"),
    };
    let replacement = |(span, text): &(Span, String)| json!({"deletedRegion": region(span), "insertedContent": {"text": text}});
    json!({
        "description": {"text": plain(&description)},
        "artifactChanges": [{
            "artifactLocation": artifact(&file.path),
            "replacements": fix.edits.iter().map(replacement).collect::<Vec<_>>(),
        }],
    })
}

fn region(span: &Span) -> Value {
    json!({
        "startLine": span.start.row,
        "startColumn": span.start.column,
        "endLine": span.end.row,
        "endColumn": span.end.column,
    })
}

/// A place (§3.28). A region would count in the lines of the file; in a notebook's cell, rows
/// are those of the cell, and so the cell is a logical location that has them as properties.
fn location(path: &str, span: &Span) -> Value {
    let artifact = artifact(path);
    let Some(cell) = span.cell else {
        let place = json!({"artifactLocation": artifact, "region": region(span)});
        return json!({"physicalLocation": place});
    };
    json!({
        "physicalLocation": {"artifactLocation": artifact},
        "logicalLocations": [{
            "name": format!("cell {cell}"),
            "fullyQualifiedName": format!("{}:cell {cell}", escape(path)),
            "kind": "cell",
        }],
        "properties": {
            "cell": cell,
            "row": span.start.row,
            "column": span.start.column,
            "endRow": span.end.row,
            "endColumn": span.end.column,
        },
    })
}

/// A file (§3.4): relative to the working directory, or a URI of its own.
fn artifact(path: &str) -> Value {
    let path = escape(path);
    let encoded = utf8_percent_encode(&path, KEPT);
    let drive = path.as_bytes().get(1..3) == Some(b":/");
    if path.starts_with('/') {
        json!({"uri": format!("file://{encoded}")})
    } else if drive {
        json!({"uri": format!("file:///{encoded}")})
    } else {
        json!({"uri": encoded.to_string(), "uriBaseId": ROOT})
    }
}

/// A plain text message in which nothing is a link: `](` ends a link's text only without a
/// backslash before it (§3.11.6). Backslashes that stand there are doubled, so that what was there
/// can be told.
fn plain(text: &str) -> String {
    let shown = escape(text);
    let mut pieces = shown.split("](");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let before = plain.len() - plain.trim_end_matches('\\').len();
        plain.extend(std::iter::repeat_n('\\', before + 1));
        plain.push_str("](");
        plain.push_str(piece);
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;
    use crate::fingerprint::Fingerprint;
    use crate::render::fixture::{self, finding, report};

    /// The standard's own schema, as the crate `serde-sarif` carries it, but for the pattern of
    /// `language`, which is no regular expression: a bracket is closed that none opens.
    static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
        let schema = include_str!("../../../tests/schemas/sarif-2.1.0.json");
        let mut schema: Value = serde_json::from_str(schema).expect("JSON");
        for of in ["run", "toolComponent"] {
            let language = &mut schema["definitions"][of]["properties"]["language"];
            language.as_object_mut().and_then(|it| it.remove("pattern")).expect("the pattern");
        }
        jsonschema::validator_for(&schema).expect("a schema")
    });

    fn rendered(report: &Report) -> Value {
        let text = fixture::text(|out| write(out, report));
        let value = serde_json::from_str(&text).expect("JSON");
        let errors: Vec<_> = VALIDATOR
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        value
    }

    /// The text that a plain message stands for.
    fn unlinked(plain: &str) -> String {
        let mut pieces = plain.split("](");
        let mut text = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let slashes = text.len() - text.trim_end_matches('\\').len();
            assert_eq!(slashes % 2, 1, "a link in {plain}");
            text.truncate(text.len() - slashes.div_ceil(2));
            text.push_str("](");
            text.push_str(piece);
        }
        text
    }

    #[test]
    fn a_result_in_full() {
        let found = finding("connects")
            .at(3, 5)
            .width(4)
            .why("denied")
            .remedy("allow it")
            .related(7, 1, 70, 3, "used");
        let log = rendered(&report("src/a b.py", vec![found]));
        let run = &log["runs"][0];
        assert_eq!(run["columnKind"], "unicodeCodePoints");
        let result = &run["results"][0];
        let driver = &run["tool"]["driver"];
        assert_eq!(driver["rules"][0]["id"], "network-connect");
        let text = driver["rules"][0]["fullDescription"]["text"].as_str();
        assert!(text.is_some_and(|text| text.starts_with("A test that")), "{driver}");
        assert_eq!(result["ruleIndex"], 0);
        assert_eq!(result["level"], "error");
        assert_eq!(result["message"]["text"], "connects\ndenied\nallow it");
        assert_eq!(
            result["locations"],
            json!([{"physicalLocation": {
                "artifactLocation": {"uri": "src/a%20b.py", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 3, "startColumn": 5, "endLine": 3, "endColumn": 9},
            }}])
        );
        let related = &result["relatedLocations"][0];
        assert_eq!(related["message"]["text"], "used");
        assert_eq!(related["physicalLocation"]["region"]["startLine"], 7);
        assert!(result.get("partialFingerprints").is_none());
        assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    }

    #[test]
    fn a_fix_has_its_replacements() {
        let found =
            vec![finding("x").at(1, 1).fixable(None), finding("x").at(2, 1).fixable(Some("a](b"))];
        let log = rendered(&report("a b.py", found));
        let fix = |index: usize| &log["runs"][0]["results"][index]["fixes"][0];
        let change = &fix(0)["artifactChanges"][0];
        assert_eq!(change["artifactLocation"]["uri"], "a%20b.py");
        assert_eq!(
            change["replacements"],
            json!([{
                "deletedRegion": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 2},
                "insertedContent": {"text": "os"},
            }])
        );
        let told = fix(1)["description"]["text"].as_str();
        assert_eq!(told, Some("look it up where it is used; unsafe: a\\](b"));
    }

    #[test]
    fn a_fingerprint_is_the_findings_own() {
        let mut found = finding("x").at(1, 1);
        found.fingerprint = Fingerprint::parse("0123456789abcdef");
        let log = rendered(&report("a.py", vec![found]));
        let fingerprints = &log["runs"][0]["results"][0]["partialFingerprints"];
        assert_eq!(fingerprints[FINGERPRINT], "0123456789abcdef");
    }

    #[test]
    fn a_cell_is_a_logical_location() {
        let log = rendered(&report("n.ipynb", vec![finding("x").at(2, 3).cell(4)]));
        let location = &log["runs"][0]["results"][0]["locations"][0];
        assert!(location["physicalLocation"].get("region").is_none());
        assert_eq!(location["logicalLocations"][0]["name"], "cell 4");
        assert_eq!(location["properties"]["row"], 2);
    }

    #[test]
    fn what_was_not_analysed_is_a_notification_and_fails_the_run() {
        let mut report = report("a.py", vec![]);
        fixture::not_analysed(&mut report, "syntax-error", "line 9", false);
        let invocation = &rendered(&report)["runs"][0]["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], false);
        let notification = &invocation["toolExecutionNotifications"][0];
        assert_eq!(notification["level"], "error");
        assert_eq!(notification["descriptor"]["id"], "syntax-error");
    }

    #[test]
    fn levels_are_mapped_and_off_is_left_out() {
        let levels = [Level::Error, Level::Warn, Level::Info, Level::Off];
        let found = levels.map(|level| finding("x").at(1, 1).level(level)).into();
        let log = rendered(&report("a.py", found));
        let results = log["runs"][0]["results"].as_array().expect("a list");
        let told: Vec<_> = results.iter().map(|result| &result["level"]).collect();
        assert_eq!(told, ["error", "warning", "note"]);
    }

    #[test]
    fn every_rule_has_a_valid_descriptor() {
        let mut findings = Vec::new();
        for rule in hermetic_policy::rules::all() {
            let mut found = finding("x").at(1, 1);
            found.rule = crate::diagnostic::RuleRef(rule);
            findings.push(found);
        }
        let log = rendered(&report("a.py", findings));
        let described = log["runs"][0]["tool"]["driver"]["rules"].as_array().expect("a list");
        assert_eq!(described.len(), hermetic_policy::rules::all().count());
        assert!(described.iter().all(|rule| rule["fullDescription"]["text"].is_string()));
    }

    #[test]
    fn paths_outside_have_uris_of_their_own() {
        assert_eq!(artifact("/srv/a#.py"), json!({"uri": "file:///srv/a%23.py"}));
        assert_eq!(artifact("C:/a.py"), json!({"uri": "file:///C%3A/a.py"}));
        assert_eq!(artifact("a:b.py")["uri"], "a%3Ab.py");
    }

    proptest! {
        #[test]
        fn paths_and_messages_read_back_and_make_no_links(
            path in fixture::hostile(), message in fixture::hostile(),
        ) {
            prop_assume!(!path.is_empty());
            let log = rendered(&report(&path, vec![finding(&message).at(1, 1)]));
            let result = &log["runs"][0]["results"][0];
            let text = result["message"]["text"].as_str().expect("a text");
            prop_assert_eq!(unlinked(text), escape(&message));
            let location = &result["locations"][0]["physicalLocation"]["artifactLocation"];
            let uri = location["uri"].as_str().expect("a URI");
            let decoded = percent_decode_str(uri).decode_utf8().expect("UTF-8");
            let decoded = match location.get("uriBaseId") {
                Some(_) => decoded.as_ref(),
                None => decoded.strip_prefix("file://").expect("a file's"),
            };
            let escaped = escape(&path);
            prop_assert!(decoded == escaped || decoded.strip_prefix('/') == Some(&escaped));
        }
    }
}
