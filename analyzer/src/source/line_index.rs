//! Byte offsets to rows and columns.

use memchr::{memchr, memchr_iter, memchr2_iter, memrchr};

/// Bytes per block of the character count.
const BLOCK: usize = 1024;

/// Where the lines of a text start, and how many characters come before each block of it, so
/// that a column costs at most one block even in a line of many megabytes.
#[derive(Clone, Debug)]
pub(super) struct LineIndex {
    /// Byte offset of each line's first character. LF, CR and CRLF end a line, form feed and the
    /// Unicode separators do not.
    starts: Vec<u32>,
    /// Characters before byte `BLOCK * n`; empty for ASCII.
    characters: Vec<u32>,
}

/// Lines of a text, an empty one after a final line end not counted. Needs no index.
pub(super) fn lines(text: &str) -> usize {
    let bytes = text.as_bytes();
    let ends = if memchr(b'\r', bytes).is_none() {
        memchr_iter(b'\n', bytes).count()
    } else {
        let lone = |at: usize| bytes.get(at) == Some(&b'\n') || bytes.get(at + 1) != Some(&b'\n');
        memchr2_iter(b'\n', b'\r', bytes).filter(|at| lone(*at)).count()
    };
    ends + usize::from(!bytes.is_empty() && !bytes.ends_with(b"\n") && !bytes.ends_with(b"\r"))
}

/// The row and column of a place near the start of a text, both from 0, as an index would tell
/// them.
pub(super) fn near_start(text: &str, offset: u32) -> (usize, u32) {
    let bytes = text.as_bytes();
    let end = (offset as usize).min(bytes.len());
    let before = bytes.get(..end).unwrap_or_default();
    let (mut row, mut start) = (0, 0);
    if memchr(b'\r', before).is_none() {
        row = memchr_iter(b'\n', before).count();
        start = memrchr(b'\n', before).map_or(0, |at| at + 1);
        return (row, narrow(characters_in(before.get(start..).unwrap_or_default())));
    }
    for at in memchr2_iter(b'\n', b'\r', before) {
        if !is_in_crlf(bytes, at) {
            (row, start) = (row + 1, at + 1);
        }
    }
    (row, narrow(characters_in(before.get(start..).unwrap_or_default())))
}

/// Whether the byte is the first of a line end of two.
fn is_in_crlf(bytes: &[u8], at: usize) -> bool {
    bytes.get(at) == Some(&b'\r') && bytes.get(at + 1) == Some(&b'\n')
}

impl LineIndex {
    /// Of a text shorter than 4 GiB.
    pub(super) fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for at in memchr2_iter(b'\n', b'\r', bytes) {
            if !is_in_crlf(bytes, at) {
                starts.push(narrow(at + 1));
            }
        }
        let mut characters = Vec::new();
        if !text.is_ascii() {
            let mut count = 0;
            for block in bytes.chunks(BLOCK) {
                characters.push(narrow(count));
                count += characters_in(block);
            }
            characters.push(narrow(count));
        }
        Self { starts, characters }
    }

    /// The line, from 0, that holds the byte at `offset`; the last line beyond the end.
    pub(super) fn row(&self, offset: u32) -> usize {
        self.starts.partition_point(|&start| start <= offset).saturating_sub(1)
    }

    /// Byte offset of a line's start, counting lines from 0.
    pub(super) fn start(&self, row: usize) -> Option<u32> {
        self.starts.get(row).copied()
    }

    /// Characters from the start of its line to `offset`.
    pub(super) fn column(&self, text: &str, offset: u32) -> u32 {
        let start = self.start(self.row(offset)).unwrap_or_default();
        self.characters_before(text, offset) - self.characters_before(text, start)
    }

    fn characters_before(&self, text: &str, offset: u32) -> u32 {
        let end = (offset as usize).min(text.len());
        let block = end / BLOCK;
        match self.characters.get(block) {
            None => narrow(end),
            Some(before) => {
                let rest = text.as_bytes().get(block * BLOCK..end).unwrap_or_default();
                before + narrow(characters_in(rest))
            }
        }
    }
}

/// Characters that start in a stretch of UTF-8.
fn characters_in(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
}

fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_line_ends_and_no_more() {
        let text = "a\nb\rc\r\nd\x0ce\u{2028}f\u{85}g\n\r\n";
        let index = LineIndex::new(text);
        assert_eq!(lines(text), 5);
        assert_eq!(index.row(0), 0);
        assert_eq!(index.row(1), 0);
        assert_eq!(index.row(2), 1);
        assert_eq!(index.row(5), 2, "the CR of CRLF");
        assert_eq!(index.row(6), 2, "the LF of CRLF");
        assert_eq!(index.row(7), 3);
        assert_eq!(index.row(u32::MAX), 5);
    }

    #[test]
    fn no_text_has_no_lines() {
        assert_eq!(lines(""), 0);
        assert_eq!(lines("a"), 1);
        assert_eq!(lines("\n"), 1);
    }

    proptest! {
        #[test]
        fn rows_and_columns_are_those_of_a_plain_count(
            text in "([a-zäß漢😀\n\r]|\r\n| {0,3}){0,40}", repeat in 1_usize..60,
        ) {
            let text = text.repeat(repeat);
            let index = LineIndex::new(&text);
            let (mut row, mut column) = (0, 0);
            let mut chars = text.char_indices().peekable();
            while let Some((offset, char)) = chars.next() {
                prop_assert_eq!(index.row(narrow(offset)), row);
                prop_assert_eq!(index.column(&text, narrow(offset)), column);
                prop_assert_eq!(near_start(&text, narrow(offset)), (row, column));
                column += 1;
                let crlf = char == '\r' && chars.peek().is_some_and(|&(_, next)| next == '\n');
                if matches!(char, '\n' | '\r') && !crlf {
                    (row, column) = (row + 1, 0);
                }
            }
        }
    }
}
