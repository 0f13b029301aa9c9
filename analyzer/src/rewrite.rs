//! Edits of a file's text, and the same edits of its bytes.
//!
//! Only the edited stretches change: encoding, byte order mark, line ends and formatting stay as
//! they are. What comes out is decoded and compared with what was meant, so that an encoding in
//! which an edit cannot be made is refused and never guessed.

use crate::source::{FileKind, Source, decode};
use crate::summary::Range;

/// A stretch of a text and what takes its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edit {
    /// What is replaced; empty where something is put in.
    pub range: Range,
    /// With what.
    pub text: String,
}

impl Edit {
    pub(crate) fn insert(at: u32, text: String) -> Self {
        Self { range: Range { start: at, end: at }, text }
    }
}

/// Whether a file's text is a stretch of its bytes, and edits can be made there.
pub(crate) const fn is_editable(kind: FileKind) -> bool {
    match kind {
        FileKind::Module | FileKind::StartupModule | FileKind::Script => true,
        FileKind::Notebook | FileKind::StartupLines => false,
    }
}

/// The text with the edits made, which are in order and do not overlap; `None` where they do.
pub(crate) fn edited(text: &str, edits: &[Edit]) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 64 * edits.len());
    let mut last = 0;
    for edit in edits {
        out.push_str(text.get(last..edit.range.start as usize)?);
        out.push_str(&edit.text);
        last = edit.range.end as usize;
    }
    out.push_str(text.get(last..)?);
    Some(out)
}

/// The bytes of a file with edits of its text made; `None` where they cannot be.
pub(crate) fn edited_bytes(source: &Source, bytes: &[u8], edits: &[Edit]) -> Option<Vec<u8>> {
    if !is_editable(source.kind()) {
        return None;
    }
    let text = source.text();
    let meant = edited(text, edits)?;
    let mark = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let same = bytes.get(mark..) == Some(text.as_bytes());
    let rows = if same { Vec::new() } else { rows(bytes) };
    let mut written = bytes.to_vec();
    for edit in edits.iter().rev() {
        let place = |at: u32| {
            let at = at as usize;
            if same { Some(at + mark) } else { byte_offset(text, at, &rows) }
        };
        let (start, end) = (place(edit.range.start)?, place(edit.range.end)?);
        if start > end || end > written.len() {
            return None;
        }
        written.splice(start..end, edit.text.bytes());
    }
    let read = decode(written.clone(), source.kind()).ok()?;
    (read.text() == meant).then_some(written)
}

/// Where a byte of the text is in bytes of another encoding: as many bytes from the row's start as
/// characters, or as many from its end. Which is right, if one is, shows when it is read back.
fn byte_offset(text: &str, at: usize, rows: &[(usize, usize)]) -> Option<usize> {
    let before = text.get(..at)?;
    let row = self::rows(before.as_bytes()).len() - 1;
    let (start, end) = *rows.get(row)?;
    let head = before.rsplit(['\n', '\r']).next()?;
    let rest = text.get(at..)?.split(['\n', '\r']).next()?;
    if !head.is_ascii() && rest.is_ascii() {
        // Without a line end, the file's end is the row's.
        return end.checked_sub(rest.len());
    }
    Some(start + head.chars().count())
}

/// Where rows begin and end, their line ends left out.
fn rows(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut rows = Vec::new();
    let mut start = 0;
    for at in memchr::memchr2_iter(b'\n', b'\r', bytes) {
        if at > 0 && bytes.get(at - 1..=at) == Some(b"\r\n") {
            start = at + 1;
            continue;
        }
        rows.push((start, at));
        start = at + 1;
    }
    rows.push((start, bytes.len()));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace(bytes: &[u8], old: &str, new: &str) -> Option<Vec<u8>> {
        let source = decode(bytes.to_vec(), FileKind::Module).expect("decodes");
        let at = source.text().find(old).expect("there");
        let narrow = |value: usize| u32::try_from(value).expect("short");
        let range = Range { start: narrow(at), end: narrow(at + old.len()) };
        edited_bytes(&source, bytes, &[Edit { range, text: new.to_owned() }])
    }

    #[test]
    fn bytes_stay_in_their_encoding() {
        for (bytes, expected) in [
            (&b"a = 1\r\nb = old\r\n"[..], &b"a = 1\r\nb = new!\r\n"[..]),
            (b"\xef\xbb\xbfa = '\xc3\xa9', old\n", b"\xef\xbb\xbfa = '\xc3\xa9', new!\n"),
            (
                b"# coding: latin-1\n'\xe9'; old; '\xe9'\n",
                b"# coding: latin-1\n'\xe9'; new!; '\xe9'\n",
            ),
            (b"# coding: latin-1\r'\xe9'\rold", b"# coding: latin-1\r'\xe9'\rnew!"),
            (b"# coding: euc-jp\n'\xa4\xa2'; old\n", b"# coding: euc-jp\n'\xa4\xa2'; new!\n"),
            (b"# coding: euc-jp\nold; '\xa4\xa2'\n", b"# coding: euc-jp\nnew!; '\xa4\xa2'\n"),
        ] {
            assert_eq!(replace(bytes, "old", "new!").as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_cannot_be_placed_or_encoded_is_refused() {
        // Between characters of more bytes than one.
        let text = b"# coding: euc-jp\n'\xa4\xa2'; old; '\xa4\xa2'\n";
        assert_eq!(replace(text, "old", "new"), None);
        assert_eq!(replace(b"# coding: latin-1\n'\xe9'\nold\n", "old", "\u{20ac}"), None);
        assert_eq!(replace(b"old", "old", "# coding: ascii"), Some(b"# coding: ascii".to_vec()));
    }
}
