//! Documents that are made from the rules and their pages, checked fresh; `UPDATE=1` rewrites
//! them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hermetic_policy::config::Config;
use hermetic_policy::rule::Reported;
use hermetic_policy::{Capability, rules};

use crate::attack::{Attack, Record, Status, Through, attacks, record};
use crate::page::{Page, Says};
use crate::repository::{pages, root, updating};

#[test]
fn the_table_of_rules_is_fresh() {
    fresh("docs/rules.md", &rule_table());
}

#[test]
fn the_list_of_blind_spots_is_fresh() {
    fresh("docs/blind-spots.md", &blind_spots(&pages()));
}

#[test]
fn the_numbers_of_the_threat_model_are_fresh() {
    let path = "docs/threat-model.md";
    let text = std::fs::read_to_string(root().join(path)).expect("it is there");
    let (begin, end) = ("<!-- counted:", "<!-- end of counted -->");
    let start = text.find(begin).and_then(|at| Some(at + text[at..].find('\n')? + 1));
    let (Some(start), Some(stop)) = (start, text.find(end)) else { panic!("{path} has no marks") };
    let counted = format!("{}{}{}", &text[..start], counted(&attacks().0), &text[stop..]);
    fresh(path, &counted);
}

/// What each capability has: rules, and attacks by what lets them through.
fn counted(attacks: &[Attack]) -> String {
    let recorded = record().all;
    let mut text = String::from(
        "\n| capability | flag | rules | attacks tried | past the guard | past guard and kernel \
         layer |\n|---|---|---|---|---|---|\n",
    );
    for capability in Capability::ALL {
        let guarded = |attack: &&Attack| {
            let config =
                Config::from_hermetic_toml(&attack.policy.replace("{scratch}", "/scratch"));
            let policy = config.ok().and_then(|config| config.policy.build().ok());
            policy.is_some_and(|policy| policy.guards(capability))
        };
        let Some(flag) = capability.flag() else { continue };
        let tried: Vec<_> = attacks.iter().filter(guarded).collect();
        let past = tried.iter().filter(|a| matches!(a.status, Status::Known(_)));
        let both = tried.iter().filter(|a| recorded.get(&a.name).is_some_and(|t| t.both));
        let count = rules::all().filter(|rule| rule.capability == capability).count();
        let _ = writeln!(
            text,
            "| {capability} | `{flag}` | {count} | {} | {} | {} |",
            tried.len(),
            past.count(),
            both.count()
        );
    }
    text + "\n"
}

#[test]
fn the_list_of_known_escapes_is_fresh() {
    fresh("docs/guard/known-escapes.md", &known_escapes(&attacks().0));
}

/// Compare a document with what it should be; with `UPDATE` set, write it.
pub(crate) fn fresh(path: &str, text: &str) {
    let file = root().join(path);
    if updating() {
        std::fs::create_dir_all(file.parent().expect("in a folder")).expect("a folder is made");
        std::fs::write(&file, text).expect("the document is written");
        return;
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == text, "{path} is stale; run: make update");
}

fn header(title: &str, source: &str) -> String {
    format!("<!-- Made from {source} by `make update`. -->\n\n# {title}\n")
}

fn known_escapes(attacks: &[Attack]) -> String {
    let mut text = header("Known escapes", "tests/corpus/escapes");
    let known = |attack: &&Attack| matches!(attack.status, Status::Known(_));
    let record = record();
    let recorded = &record.all;
    text.push_str(
        "\nThe attacks of the escape corpus in four settings: with nothing, with the runtime guard, \
         with the [kernel layer](kernel.md) alone, and with both.\nEach is tried by the tests; \
         the numbers are of those that get through, on CPython 3.11 and a kernel with all that \
         the layer can use.\n\n| family | nothing | guard | kernel layer | both |\n|---|---|---|---|---|\n",
    );
    let family = |attack: &Attack| {
        let path = attack.place.split(':').next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default().trim_end_matches(".md").to_owned()
    };
    let mut families = BTreeMap::<String, [usize; 4]>::new();
    for attack in attacks {
        let Some(through) = recorded.get(&attack.name) else { continue };
        for name in [family(attack), "~".to_owned()] {
            let counts = families.entry(name).or_default();
            let all = [true, known(&attack), through.kernel, through.both];
            for (count, through) in counts.iter_mut().zip(all) {
                *count += usize::from(through);
            }
        }
    }
    for (family, [nothing, guard, kernel, both]) in families {
        let family = if family == "~" { "all".to_owned() } else { family };
        let _ = writeln!(text, "| {family} | {nothing} | {guard} | {kernel} | {both} |");
    }
    let _ = write!(
        text,
        "\nThe kernel knows nothing of imports, code, variables and interpreters; there the guard \
         stands alone.\n\n## What gets past the guard\n\n{} attacks, and why. The other {} fail.\n\n\
         | attack | what it does | policy | why it gets through | with the kernel layer |\n\
         |---|---|---|---|---|\n",
        attacks.iter().filter(known).count(),
        attacks.iter().filter(|attack| !known(attack)).count()
    );
    let cell = |text: &str| text.trim().replace('|', "\\|").replace('\n', " ");
    for attack in attacks.iter().filter(known) {
        let Status::Known(reason) = &attack.status else { continue };
        let policy = cell(&attack.policy.replace("{scratch}", "/root-of-reading"));
        let (name, lead, reason) = (&attack.name, cell(&attack.lead), cell(reason));
        let file = attack.place.split(':').next().unwrap_or_default();
        let kernel = match recorded.get(name) {
            Some(Through { both: false, .. }) => "fails",
            Some(Through { both: true, .. }) => "gets through",
            None => "of another version",
        };
        let _ = writeln!(
            text,
            "| [{name}](../../{file}) | {lead} | `` {policy} `` | {reason} | {kernel} |"
        );
    }
    text + &other_versions(&record)
}

/// What is another result on another CPython.
fn other_versions(record: &Record) -> String {
    let mut text = String::from(
        "\n## On other versions of CPython\n\nAll of this is tried on CPython 3.9 to 3.15; what \
         differs from 3.11, or is of other versions alone:\n\n\
         | attack | on | kernel layer | both |\n|---|---|---|---|\n",
    );
    let mut rows = BTreeMap::<(&str, bool, bool), Vec<String>>::new();
    for ((name, minor), through) in &record.other {
        let row = rows.entry((name, through.kernel, through.both)).or_default();
        row.push(format!("3.{minor}"));
    }
    let word = |through| if through { "gets through" } else { "fails" };
    for ((name, kernel, both), versions) in rows {
        let (kernel, both) = (word(kernel), word(both));
        let _ = writeln!(text, "| {name} | {} | {kernel} | {both} |", versions.join(", "));
    }
    text
}

fn rule_table() -> String {
    let mut text = header("Rules", "policy/rules");
    let count = rules::all().count();
    let _ = write!(
        text,
        "\n{count} rules. Reported \"always\" means with or without a policy; \"by policy\" means \
         where the policy denies the act or cannot decide it.\n"
    );
    for capability in Capability::ALL {
        let mut of: Vec<_> = rules::all().filter(|r| r.capability == capability).collect();
        if of.is_empty() {
            continue;
        }
        of.sort_by_key(|rule| rule.name);
        let flag = capability.flag().map_or(String::new(), |flag| format!(" (`{flag}`)"));
        let _ = write!(
            text,
            "\n## {capability}{flag}\n\n| rule | level | reported | what it is | since |\n|---|---|---|---|---|\n"
        );
        for rule in of {
            let reported = match rule.reported {
                Reported::Always => "always",
                Reported::ByPolicy => "by policy",
            };
            let _ = writeln!(
                text,
                "| [{0}](../policy/rules/{0}.md) | {1} | {reported} | {2} | {3} |",
                rule.name,
                rule.level.name(),
                rule.summary.replace('|', "\\|"),
                rule.since,
            );
        }
    }
    text
}

/// A page's text with its links to other pages as they lead from `docs/`.
fn from_docs(text: &str) -> String {
    let mut pieces = text.split("](");
    let mut moved = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let to_page = piece.split(')').next().is_some_and(|link| !link.contains([':', '/']));
        moved.push_str(if to_page { "](../policy/rules/" } else { "](" });
        moved.push_str(piece);
    }
    moved
}

fn blind_spots(pages: &[Page]) -> String {
    let mut body = String::new();
    let (mut only_static, mut only_runtime) = (0, 0);
    for page in pages {
        let mut lines = String::new();
        for block in &page.blocks {
            for mark in &block.marks {
                let (face, rule) = match &mark.says {
                    Says::Static(rule) => {
                        only_static += 1;
                        ("analyzer only", rule)
                    }
                    Says::Runtime(rule) => {
                        only_runtime += 1;
                        ("guard only", rule)
                    }
                    Says::Deny { .. } | Says::Undecided(_) | Says::Allow(_) => continue,
                };
                let code = block.code(mark.row).replace('|', "\\|");
                let _ = writeln!(lines, "| `` {code} `` | {rule} | {face} |");
            }
        }
        let blind = page.section("Blind spots").unwrap_or_default().trim();
        let blind = from_docs(blind);
        if lines.is_empty() && (blind.is_empty() || blind.starts_with("None")) {
            continue;
        }
        let _ = write!(body, "\n## [{0}](../policy/rules/{0}.md)\n", page.name);
        if !blind.is_empty() && !blind.starts_with("None") {
            let _ = write!(body, "\n{blind}\n");
        }
        if !lines.is_empty() {
            let _ = write!(body, "\n| line of the page | rule | seen by |\n|---|---|---|\n{lines}");
        }
    }
    let mut text = header("Blind spots", "policy/rules");
    let _ = write!(
        text,
        "\nWhat one face sees and the other does not, and what neither sees, as the pages of the \
         rules say it.\n{only_static} lines of the pages are seen by the analyzer only, \
         {only_runtime} by the runtime guard only.\n"
    );
    text.push_str(&body);
    text
}
