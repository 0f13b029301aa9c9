//! Sentences about comments that suppress findings.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Told, shown};

/// What there is to say of such a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuppressionFault<'a> {
    /// It names no rule; these have findings where it stands.
    NoRules {
        /// Names of rules.
        here: &'a [&'static str],
    },
    /// It names a rule that there is not.
    UnknownRule {
        /// What was written.
        name: &'a str,
        /// The rule that was perhaps meant.
        near: Option<&'static str>,
    },
    /// Neither `ignore[...]` nor `ignore-file[...]`, or the bracket is not closed.
    Malformed {
        /// What was written.
        text: &'a str,
    },
    /// On a line, about a rule that speaks of whole files.
    AboutFiles {
        /// The rule.
        rule: &'static str,
    },
    /// About the whole file, behind code.
    NotAlone,
    /// Nothing is there that these rules found.
    Unused {
        /// Names of rules.
        rules: &'a [&'static str],
        /// All that the comment names.
        whole: bool,
        /// `ignore-file`.
        file: bool,
    },
    /// No reason is given.
    NoReason,
}

/// Tell a comment that suppresses findings, or was meant to.
pub fn tell_suppression(fault: SuppressionFault<'_>) -> Told {
    let told = |what: String, why: &str, remedy: String| Told { what, why: why.to_owned(), remedy };
    match fault {
        SuppressionFault::NoRules { here } => told(
            "the comment names no rule, so it suppresses nothing".to_owned(),
            "a comment for every rule would also accept what is added to the line later",
            match here {
                [] => "name the rules as in `# hermetic: ignore[RULE] reason`, or remove it; \
                       --rules lists them"
                    .to_owned(),
                here => format!("write `# hermetic: ignore[{}] reason`", here.join(", ")),
            },
        ),
        SuppressionFault::UnknownRule { name, near } => told(
            format!("unknown rule `{}` in a suppression", shown(name)),
            "the comment suppresses nothing by this name",
            match near {
                Some(near) => format!("did you mean `{near}`"),
                None => "--rules lists every rule".to_owned(),
            },
        ),
        SuppressionFault::Malformed { text } => told(
            format!("`{}` is no suppression", shown(text)),
            "a comment that begins with `# hermetic:` is read as one",
            "write `# hermetic: ignore[RULE] reason` or `# hermetic: ignore-file[RULE] reason`"
                .to_owned(),
        ),
        SuppressionFault::AboutFiles { rule } => told(
            format!("`{rule}` cannot be suppressed on a line"),
            "it is about the file",
            format!("write `# hermetic: ignore-file[{rule}] reason` on a line of its own"),
        ),
        SuppressionFault::NotAlone => told(
            "`ignore-file` stands behind code, so it suppresses nothing".to_owned(),
            "there it reads as if it were about that line",
            "put it on a line of its own, or write `ignore` for this line alone".to_owned(),
        ),
        SuppressionFault::Unused { rules, whole, file } => {
            let names: Vec<String> = rules.iter().map(|rule| format!("`{rule}`")).collect();
            let place = if file { "in this file" } else { "here" };
            told(
                format!("{} has no finding {place} to suppress", names.join(", ")),
                "a comment left behind accepts what is written there next",
                match (whole, rules.len()) {
                    (true, _) => "remove the comment".to_owned(),
                    (false, 1) => "take it out of the brackets".to_owned(),
                    (false, _) => "take them out of the brackets".to_owned(),
                },
            )
        }
        SuppressionFault::NoReason => told(
            "the suppression gives no reason".to_owned(),
            "reason-required asks for one",
            "write it after the bracket".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_keeps_the_form() {
        let rules = &["native-code", "shell-command"];
        for fault in [
            SuppressionFault::NoRules { here: &[] },
            SuppressionFault::NoRules { here: rules },
            SuppressionFault::UnknownRule { name: "x", near: Some("shell-command") },
            SuppressionFault::UnknownRule { name: "x", near: None },
            SuppressionFault::Malformed { text: "hermetic: off" },
            SuppressionFault::AboutFiles { rule: "not-analysed" },
            SuppressionFault::NotAlone,
            SuppressionFault::Unused { rules, whole: false, file: true },
            SuppressionFault::Unused { rules: &rules[..1], whole: true, file: false },
            SuppressionFault::NoReason,
        ] {
            let told = tell_suppression(fault);
            for text in [told.what, told.why, told.remedy] {
                let first = text.chars().next();
                assert!(first.is_some_and(|c| !c.is_uppercase()), "{text}");
                assert!(!text.ends_with('.'), "{text}");
            }
        }
    }
}
