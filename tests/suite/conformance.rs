//! Every page keeps the page grammar, and the analyzer says exactly what its marks say.

use std::collections::BTreeSet;

use hermetic_policy::{Capability, Rule, rules};

use crate::analyzer::{Case, Found, check};
use crate::page::{Block, HEADINGS, Page, Says};
use crate::repository::{assert_none, corpus, pages};

/// The policy of a block with no `toml` before it: the page's capability denied.
pub(crate) const fn default_policy(capability: Capability) -> &'static str {
    match capability {
        Capability::Network => "no-network = true\n",
        Capability::Subprocess => "no-subprocess = true\n",
        Capability::Filesystem => "fs-readonly = true\n",
        Capability::Environment => "no-environment = true\n",
        Capability::DynamicCode => "no-code-exec = true\n",
        Capability::Native => "block-native = true\n",
        Capability::Interpreter => "no-interpreter-mutation = true\n",
        // Which modules are denied only the block can say, and integrity needs no policy.
        Capability::Imports | Capability::Integrity => "",
    }
}

/// The policy of a block of the corpus with no `toml` before it.
pub(crate) const CORPUS_POLICY: &str = "profile = [\"block-all\"]\n";

#[test]
fn every_page_is_complete() {
    let mut complaints = Vec::new();
    for page in pages() {
        complaints.extend(page.complaints.iter().cloned());
        complaints.extend(shape(&page).iter().map(|what| format!("{}: {what}", page.path)));
    }
    assert_none(&complaints);
}

#[test]
fn the_corpus_is_in_order() {
    let mut complaints = Vec::new();
    for page in corpus() {
        complaints.extend(page.complaints.iter().cloned());
        if page.title.is_empty() || page.blocks.is_empty() {
            complaints.push(format!("{}: no title or no block", page.path));
        }
        for block in &page.blocks {
            complaints
                .extend(marks_shape(block).iter().map(|what| format!("{}: {what}", page.path)));
        }
    }
    assert_none(&complaints);
}

fn shape(page: &Page) -> Vec<String> {
    let mut complaints = Vec::new();
    let Some(rule) = rules::find(&page.name) else {
        return vec![format!("no rule is called {}", page.name)];
    };
    if page.title != page.name {
        complaints.push(format!("its title is `{}`", page.title));
    }
    if page.lead.trim().is_empty() {
        complaints.push("no sentence after the title".to_owned());
    }
    let headings: Vec<&str> = page.sections.iter().map(|(h, _)| h.as_str()).collect();
    if headings != HEADINGS {
        complaints.push(format!("its headings are {headings:?}, not {HEADINGS:?}"));
    }
    for (heading, text) in &page.sections {
        // The examples may speak for themselves.
        if text.trim().is_empty() && heading != "Examples" {
            complaints.push(format!("`{heading}` is empty"));
        }
    }
    let denied = |block: &Block| {
        block.marks.iter().any(|mark| match &mark.says {
            Says::Deny { analyzer, .. } => *analyzer == page.name,
            Says::Static(r) => *r == page.name,
            // An act whose operand is all that can be denied has no other example.
            Says::Undecided(r) => *r == page.name,
            Says::Runtime(_) | Says::Allow(_) => false,
        })
    };
    if !page.blocks.iter().any(denied) {
        complaints.push("no example of what is denied".to_owned());
    }
    if !page.blocks.iter().any(shows_allowed) {
        complaints.push("no example of what is allowed: `# allow`, or a block with no mark".into());
    }
    let one_faced = page.blocks.iter().flat_map(|b| &b.marks).any(|m| m.says.is_one_faced());
    let blind = page.section("Blind spots").unwrap_or_default().trim();
    if one_faced && (blind.is_empty() || blind.starts_with("None")) {
        complaints.push("has one-faced lines and no reason under `Blind spots`".to_owned());
    }
    for block in &page.blocks {
        complaints.extend(block_shape(block, rule));
    }
    complaints
}

fn shows_allowed(block: &Block) -> bool {
    block.marks.iter().all(|m| matches!(m.says, Says::Allow(_)))
        || block.marks.iter().any(|m| matches!(m.says, Says::Allow(_)))
}

/// What the marks of a block name.
fn marks_shape(block: &Block) -> Vec<String> {
    let mut complaints = Vec::new();
    for mark in &block.marks {
        let line = block.page_line(mark.row);
        for name in mark.says.rules() {
            if rules::find(name).is_none() {
                complaints.push(format!("line {line}: no rule is called `{name}`"));
            }
        }
        if let Says::Deny { analyzer, guard } = &mark.says
            && let (Some(s), Some(r)) = (rules::find(analyzer), rules::find(guard))
            && s.capability != r.capability
        {
            complaints.push(format!("line {line}: {analyzer} and {guard} differ in capability"));
        }
    }
    complaints
}

fn block_shape(block: &Block, rule: &Rule) -> Vec<String> {
    let mut complaints = marks_shape(block);
    if rule.capability == Capability::Imports && block.policy.is_none() && !block.marks.is_empty() {
        complaints.push(format!("line {}: imports are denied by name: a toml block", block.line));
    }
    // The guard never sees a reference being kept; it must see it being used.
    let captures = |says: &Says| matches!(says, Says::Static(r) if r == "captured-reference");
    let used = |says: &Says| matches!(says, Says::Deny { .. } | Says::Undecided(_));
    if !block.only_static
        && !block.notebook
        && block.marks.iter().any(|m| captures(&m.says))
        && !block.marks.iter().any(|m| used(&m.says))
    {
        complaints.push(format!(
            "line {}: a captured reference that no `# deny` line uses (or mark the block static)",
            block.line
        ));
    }
    complaints
}

/// What a face has to say of one line: the rule, and whether it is undecided.
type Line = (u32, String, bool);

/// What the marks ask of the analyzer.
fn expected(block: &Block) -> BTreeSet<Line> {
    let line = |mark: &crate::page::Mark| match &mark.says {
        Says::Deny { analyzer: rule, .. } | Says::Static(rule) => {
            Some((mark.row, rule.clone(), false))
        }
        Says::Undecided(rule) => Some((mark.row, rule.clone(), true)),
        Says::Runtime(_) | Says::Allow(_) => None,
    };
    block.marks.iter().filter_map(line).collect()
}

/// What the analyzer said, as far as it has to be marked: advice at `info` may go unmarked.
fn differences(block: &Block, found: &[Found]) -> Vec<String> {
    let expected = expected(block);
    let line = |f: &Found| (f.row, f.rule.clone(), f.decision == "undecided");
    let missing = expected.iter().filter(|e| !found.iter().any(|f| line(f) == **e));
    let surplus = found
        .iter()
        .filter(|f| !(expected.contains(&line(f)) || f.level == "info" && f.decision == "advise"));
    let at = |row: u32| format!("{}: `{}`", block.page_line(row.max(1)), block.code(row.max(1)));
    let says = |undecided: bool| if undecided { "undecided" } else { "reported" };
    let mut differences: Vec<String> = missing
        .map(|(row, rule, undecided)| format!("{} misses {rule} ({})", at(*row), says(*undecided)))
        .collect();
    differences.extend(
        surplus.map(|f| format!("{} has {} ({}, {})", at(f.row), f.rule, f.decision, f.level)),
    );
    differences
}

#[test]
fn the_analyzer_says_what_the_marks_say() {
    let (pages, corpus) = (pages(), corpus());
    let of_rule = |page: &Page| rules::find(&page.name).map(|rule| default_policy(rule.capability));
    let pages = pages.iter().filter_map(|page| Some((page, of_rule(page)?)));
    let corpus = corpus.iter().map(|page| (page, CORPUS_POLICY));
    let mut blocks: Vec<(&Page, &Block)> = Vec::new();
    let mut cases = Vec::new();
    for (page, policy) in pages.chain(corpus) {
        for block in &page.blocks {
            let policy = block.policy.as_deref().unwrap_or(policy);
            cases.push(Case { source: &block.source, policy, notebook: block.notebook });
            blocks.push((page, block));
        }
    }
    let mut complaints = Vec::new();
    for ((page, block), found) in blocks.iter().zip(check(&cases)) {
        complaints.extend(
            differences(block, &found).into_iter().map(|what| format!("{}:{what}", page.path)),
        );
    }
    assert_none(&complaints);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(row: u32, rule: &str, decision: &str, level: &str) -> Found {
        Found { row, rule: rule.into(), decision: decision.into(), level: level.into() }
    }

    fn block(source: &str) -> Block {
        let page = Page::parse("r.md", &format!("```py\n{source}\n```\n"));
        page.blocks.into_iter().next().expect("one block")
    }

    #[test]
    fn a_finding_missing_or_surplus_is_told() {
        let block = block("x()\ny()  # deny: a\nz()  # undecided: a\nw()  # runtime: a");
        let good = [found(2, "a", "deny", "error"), found(3, "a", "undecided", "info")];
        assert_eq!(differences(&block, &good), [] as [String; 0]);
        assert_eq!(differences(&block, &good[..1]).len(), 1);
        let more = |f: Found| [good.to_vec(), vec![f]].concat();
        assert_eq!(differences(&block, &more(found(1, "a", "deny", "error"))).len(), 1);
        assert_eq!(differences(&block, &more(found(4, "a", "deny", "error"))).len(), 1);
        assert_eq!(differences(&block, &more(found(1, "a", "undecided", "info"))).len(), 1);
        assert_eq!(differences(&block, &more(found(1, "b", "advise", "warn"))).len(), 1);
        assert_eq!(differences(&block, &more(found(1, "b", "advise", "info"))).len(), 0);
        // Undecided is not denied.
        let wrong = [found(2, "a", "undecided", "info"), found(3, "a", "undecided", "info")];
        assert_eq!(differences(&block, &wrong).len(), 2);
    }
}
