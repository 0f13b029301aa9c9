//! Characters that a terminal acts on, or that do not show, made visible.
//!
//! A path, a message or a line of source may hold escape sequences, direction overrides
//! ("Trojan Source", CVE-2021-42574), tag characters or variation selectors. Text formats show
//! them as `\u{202e}`, JSON as `\u202e`.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Text that shows hidden characters when displayed.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((at, hidden)) = find_hidden(rest) {
            f.write_str(&rest[..at])?;
            write_hidden(f, hidden)?;
            rest = &rest[at + hidden.len_utf8()..];
        }
        f.write_str(rest)
    }
}

/// The text with hidden characters shown.
pub fn escape(text: &str) -> Cow<'_, str> {
    match find_hidden(text) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(Escaped(text).to_string()),
    }
}

/// Whether a character is written as an escape: controls, line and paragraph separators, format
/// characters (general categories Cc, Zl, Zp, Cf) and everything a renderer may ignore
/// (`Default_Ignorable_Code_Point`), as of Unicode 16.
pub const fn is_hidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(c,
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{34f}'
        | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}' | '\u{891}' | '\u{8e2}'
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The first hidden character and its byte offset.
pub(super) fn find_hidden(text: &str) -> Option<(usize, char)> {
    text.char_indices().find(|&(_, c)| is_hidden(c))
}

/// Write a hidden character as text formats show it.
pub(super) fn write_hidden(out: &mut impl fmt::Write, hidden: char) -> fmt::Result {
    match hidden {
        '\t' => out.write_str("\\t"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        _ => write!(out, "\\u{{{:x}}}", u32::from(hidden)),
    }
}

/// Append one character as an excerpt shows it: a tab as four spaces, hidden ones as escapes.
/// Returns how many characters that took.
pub(super) fn push_shown(out: &mut String, c: char) -> usize {
    if c == '\t' {
        out.push_str("    ");
        return 4;
    }
    if !is_hidden(c) {
        out.push(c);
        return 1;
    }
    let before = out.len();
    // A `String` takes whatever is written to it.
    let _ = write_hidden(out, c);
    out.len() - before
}

/// A number with a comma before every third digit from the right.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            let _ = grouped.write_char(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hidden_character_of_the_threat_list_is_shown() {
        let listed = ['\u{200e}', '\u{200f}', '\u{61c}', '\u{1b}', '\0', '\u{7f}', '\u{9b}']
            .into_iter()
            .chain('\u{202a}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}')
            .chain('\u{e0100}'..='\u{e01ef}');
        for c in listed {
            let shown = escape(c.encode_utf8(&mut [0; 4])).into_owned();
            assert_eq!(shown, format!("\\u{{{:x}}}", u32::from(c)));
        }
    }

    #[test]
    fn printable_text_is_left_alone_and_borrowed() {
        for text in ["", "plain", "naïve 文字 🦀 e\u{301}", "back\\slash"] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn white_space_controls_are_short() {
        assert_eq!(escape("a\tb\nc\rd"), "a\\tb\\nc\\rd");
    }

    #[test]
    fn text_around_a_hidden_character_is_kept() {
        assert_eq!(escape("文\u{202e}字\u{1b}[31m"), "文\\u{202e}字\\u{1b}[31m");
    }

    #[test]
    fn a_tab_in_an_excerpt_is_four_spaces() {
        let mut out = String::new();
        assert_eq!(push_shown(&mut out, '\t'), 4);
        assert_eq!(push_shown(&mut out, '\u{202e}'), 8);
        assert_eq!(out, "    \\u{202e}");
    }

    #[test]
    fn numbers_are_grouped() {
        let shown: Vec<_> = [0, 999, 1000, 81_220, 1_234_567].map(grouped).into();
        assert_eq!(shown, ["0", "999", "1,000", "81,220", "1,234,567"]);
    }
}
