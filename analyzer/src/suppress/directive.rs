//! The grammar of a comment that suppresses findings.

use hermetic_policy::{Rule, rules};

use crate::summary::Range;

/// What begins such a comment, behind `#` and spaces.
pub(crate) const PREFIX: &str = "hermetic:";

/// One `# hermetic: ...` of a comment.
#[derive(Debug)]
pub(crate) struct Directive<'t> {
    /// From its `#` to the end of its reason.
    pub(crate) range: Range,
    /// What it asks for.
    pub(crate) kind: Kind,
    /// The rules named.
    pub(crate) names: Vec<Name<'t>>,
    /// The byte offset of the closing bracket.
    pub(crate) close: u32,
    /// What stands behind the bracket.
    pub(crate) reason: &'t str,
    /// What was written.
    pub(crate) text: &'t str,
}

/// What a directive asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `ignore[...]`.
    Line,
    /// `ignore-file[...]`.
    File,
    /// Either of them without rules.
    Bare,
    /// Anything else.
    Malformed,
}

/// A rule as a directive names it.
#[derive(Debug)]
pub(crate) struct Name<'t> {
    /// What was written.
    pub(crate) text: &'t str,
    /// Where.
    pub(crate) range: Range,
    /// The rule of that name.
    pub(crate) rule: Option<&'static Rule>,
}

/// The directives of one comment, which begins at byte `offset` of its text. A comment may hold
/// other tools' words before and behind them: `# noqa  # hermetic: ignore[...] reason`.
pub(crate) fn directives(comment: &str, offset: u32) -> Vec<Directive<'_>> {
    let begins = |at: usize| {
        let behind_space = comment
            .get(..at)
            .is_some_and(|before| before.chars().next_back().is_none_or(char::is_whitespace));
        let rest = comment.get(at + 1..).unwrap_or_default();
        behind_space && rest.trim_start().starts_with(PREFIX)
    };
    let mut starts: Vec<usize> =
        comment.match_indices('#').map(|(at, _)| at).filter(|at| begins(*at)).collect();
    starts.push(comment.len());
    starts
        .windows(2)
        .filter_map(|pair| {
            let [start, end] = pair else { return None };
            Some(directive(comment.get(*start..*end)?, offset.saturating_add(narrow(*start))))
        })
        .collect()
}

/// One directive; the text begins with its `#`.
fn directive(text: &str, offset: u32) -> Directive<'_> {
    let at = |part: &str| {
        // Parts of one text: the difference of their places is an offset.
        narrow(part.as_ptr() as usize - text.as_ptr() as usize).saturating_add(offset)
    };
    let text = text.get(..comment_end(text)).unwrap_or(text).trim_end();
    let range = Range { start: offset, end: offset.saturating_add(narrow(text.len())) };
    let mut found = Directive {
        range,
        kind: Kind::Malformed,
        names: Vec::new(),
        close: range.end,
        reason: "",
        text,
    };
    let body = text.trim_start_matches('#').trim_start();
    let body = body.strip_prefix(PREFIX).unwrap_or(body).trim_start();
    let word_end = body.find(|c: char| !c.is_alphanumeric() && c != '-').unwrap_or(body.len());
    let (word, rest) = body.split_at(word_end);
    let kind = match word {
        "ignore" => Kind::Line,
        "ignore-file" => Kind::File,
        _ => return found,
    };
    let Some(list) = rest.trim_start().strip_prefix('[') else {
        found.kind = Kind::Bare;
        return found;
    };
    let Some((list, reason)) = list.split_once(']') else { return found };
    found.close = at(list).saturating_add(narrow(list.len()));
    found.reason = reason.trim_start_matches([':', '-', ' ', '\t']).trim();
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let start = at(name);
        let range = Range { start, end: start.saturating_add(narrow(name.len())) };
        found.names.push(Name { text: name, range, rule: rules::find(name) });
    }
    found.kind = if found.names.is_empty() { Kind::Bare } else { kind };
    found
}

/// Where another comment begins behind the first, `# hermetic: ignore[x] reason  # noqa`; the
/// number of an issue, `#12`, is none.
fn comment_end(text: &str) -> usize {
    let next = |at: &usize| {
        let (before, rest) = text.split_at(*at);
        *at > 0
            && before.ends_with(char::is_whitespace)
            && !rest.get(1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    text.match_indices('#').map(|(at, _)| at).find(next).unwrap_or(text.len())
}

fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(comment: &str) -> Vec<(Kind, Vec<&str>, &str)> {
        let all = directives(comment, 0);
        all.into_iter()
            .map(|d| (d.kind, d.names.iter().map(|name| name.text).collect(), d.reason))
            .collect()
    }

    #[test]
    fn what_is_a_directive() {
        for (comment, kind, names, reason) in [
            ("# hermetic: ignore[a]", Kind::Line, &["a"][..], ""),
            ("#hermetic:ignore[ a , b, ] see #12", Kind::Line, &["a", "b"], "see #12"),
            ("# hermetic: ignore[a]: why", Kind::Line, &["a"], "why"),
            ("# hermetic: ignore[a] -- why # noqa: E501", Kind::Line, &["a"], "why"),
            ("# noqa  # hermetic: ignore[a]", Kind::Line, &["a"], ""),
            ("# hermetic: ignore-file[a] why", Kind::File, &["a"], "why"),
            ("# hermetic: ignore", Kind::Bare, &[], ""),
            ("# hermetic: ignore[]", Kind::Bare, &[], ""),
            ("# hermetic: ignore-file", Kind::Bare, &[], ""),
            ("# hermetic: ignore[a", Kind::Malformed, &[], ""),
            ("# hermetic: ignored[a]", Kind::Malformed, &[], ""),
            ("# hermetic: off", Kind::Malformed, &[], ""),
        ] {
            assert_eq!(read(comment), [(kind, names.to_vec(), reason)], "{comment}");
        }
        for comment in ["# noqa: S", "# nosec", "# see `# hermetic: ignore[a]`", "# hermetic"] {
            assert_eq!(read(comment), [], "{comment}");
        }
        assert_eq!(read("# hermetic: ignore[a] x # hermetic: ignore[b]").len(), 2);
    }

    #[test]
    fn places_are_offsets_of_the_text() {
        let text = "x  # n  # hermetic: ignore[a, bc] why ";
        let all = directives(&text[3..], 3);
        let [found] = &all[..] else { panic!("one: {all:?}") };
        let slice = |range: Range| &text[range.start as usize..range.end as usize];
        assert_eq!(slice(found.range), "# hermetic: ignore[a, bc] why");
        assert_eq!(slice(found.names[1].range), "bc");
        assert_eq!(&text[found.close as usize..], "] why ");
    }
}
