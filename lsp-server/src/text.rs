//! The text of an open document: places as an editor counts them, and edits.

use std::ops::Range;

/// What an editor counts columns in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// 16-bit units: what every client can do.
    #[default]
    Utf16,
    /// Characters.
    Utf32,
}

impl Encoding {
    /// Units of a character.
    pub fn units(self, c: char) -> u32 {
        let units = match self {
            Self::Utf8 => c.len_utf8(),
            Self::Utf16 => c.len_utf16(),
            Self::Utf32 => 1,
        };
        u32::try_from(units).unwrap_or(u32::MAX)
    }

    /// Units before the character of that number, from 0, in a line.
    pub fn column(self, line: &str, characters: u32) -> u32 {
        let characters = characters as usize;
        if self == Self::Utf32 || line.get(..characters).is_some_and(str::is_ascii) {
            return u32::try_from(characters.min(line.len())).unwrap_or(u32::MAX);
        }
        line.chars().take(characters).map(|c| self.units(c)).sum()
    }

    /// Characters before a column of a line; one inside a character counts as before it.
    pub fn characters(self, line: &str, column: u32) -> u32 {
        let (mut units, mut characters) = (0_u32, 0_u32);
        for c in line.chars() {
            units = units.saturating_add(self.units(c));
            if units > column {
                break;
            }
            characters += 1;
        }
        characters
    }
}

/// A row, from 0, and a column in the editor's units, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The row.
    pub row: u32,
    /// The column.
    pub column: u32,
}

/// One edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; all of it where there is none.
    pub range: Option<(Place, Place)>,
    /// What takes its place.
    pub text: String,
}

/// A text with its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    text: String,
    /// Byte offset of each line's first character. LF, CR and CRLF end a line (LSP 3.17,
    /// `TextDocument`).
    starts: Vec<usize>,
}

impl Default for Text {
    fn default() -> Self {
        Self::new(String::new())
    }
}

impl Text {
    /// Find the lines.
    pub fn new(text: String) -> Self {
        let mut starts = vec![0];
        line_starts(&text, 0..text.len(), &mut starts);
        Self { text, starts }
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How many lines there are, the last one even if it is empty.
    pub fn rows(&self) -> usize {
        self.starts.len()
    }

    /// A line by its row, from 0, without its end.
    pub fn line(&self, row: u32) -> Option<&str> {
        let start = *self.starts.get(row as usize)?;
        let end = self.starts.get(row as usize + 1).copied().unwrap_or(self.text.len());
        Some(self.text.get(start..end)?.trim_end_matches(['\n', '\r']))
    }

    /// The byte offset of a place. One behind a line's end is at its end, one behind the last line
    /// at the text's end, one inside a character before it.
    pub fn offset(&self, place: Place, encoding: Encoding) -> usize {
        let Some(start) = self.starts.get(place.row as usize) else { return self.text.len() };
        let line = self.line(place.row).unwrap_or_default();
        let column = place.column as usize;
        if line.get(..column).is_some_and(str::is_ascii) {
            return start + column;
        }
        let characters = encoding.characters(line, place.column) as usize;
        start + line.char_indices().nth(characters).map_or(line.len(), |(at, _)| at)
    }

    /// The place of a byte offset.
    pub fn place(&self, offset: usize, encoding: Encoding) -> Place {
        let row = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.starts.get(row).copied().unwrap_or_default();
        let before = self.text.get(start..offset).unwrap_or_default();
        let column = before.chars().map(|c| encoding.units(c)).sum();
        Place { row: u32::try_from(row).unwrap_or(u32::MAX), column }
    }

    /// Make edits, one after the other.
    pub fn edit(&mut self, edits: Vec<Edit>, encoding: Encoding) {
        for Edit { range, text } in edits {
            match range {
                None => *self = Self::new(text),
                Some((start, end)) => {
                    let (start, end) = (self.offset(start, encoding), self.offset(end, encoding));
                    self.replace(start.min(end)..start.max(end), &text);
                }
            }
        }
    }

    fn replace(&mut self, range: Range<usize>, new: &str) {
        self.text.replace_range(range.clone(), new);
        // A line end may be put together or taken apart at either edge, so that the line before
        // and the one behind count as touched.
        let touched = self.starts.partition_point(|start| *start <= range.start);
        let first = touched.saturating_sub(2);
        let last = self.starts.partition_point(|start| *start <= range.end + 1);
        let from = self.starts.get(first).copied().unwrap_or_default();
        let moved = |start: usize| start - range.len() + new.len();
        let rest: Vec<usize> =
            self.starts.get(last..).unwrap_or_default().iter().map(|at| moved(*at)).collect();
        self.starts.truncate(first + 1);
        let until = rest.first().copied().unwrap_or(self.text.len());
        line_starts(&self.text, from..until, &mut self.starts);
        // The one the stretch ends at is known from both sides.
        if self.starts.last() == rest.first() {
            self.starts.pop();
        }
        self.starts.extend(rest);
    }
}

/// Where lines begin behind the ends that stand in a stretch of the text.
fn line_starts(text: &str, range: Range<usize>, starts: &mut Vec<usize>) {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate().take(range.end).skip(range.start) {
        let ends = match byte {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        if ends {
            starts.push(at + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn columns_count_in_units() {
        let text = Text::new("a\u{1f600}é\r\nb\rc".to_owned());
        for (encoding, column) in [(Encoding::Utf8, 7), (Encoding::Utf16, 4), (Encoding::Utf32, 3)]
        {
            let end = Place { row: 0, column };
            assert_eq!(text.offset(end, encoding), 7, "{encoding:?}");
            assert_eq!(text.place(7, encoding), end);
            // Behind the end of the line, and of the text.
            assert_eq!(text.offset(Place { row: 0, column: 99 }, encoding), 7);
            assert_eq!(text.offset(Place { row: 99, column: 0 }, encoding), text.as_str().len());
        }
        assert_eq!(text.rows(), 3);
        assert_eq!(text.line(1), Some("b"));
        // Inside a character.
        assert_eq!(text.offset(Place { row: 0, column: 2 }, Encoding::Utf16), 1);
        assert_eq!(text.offset(Place { row: 0, column: 3 }, Encoding::Utf8), 1);
    }

    fn piece() -> impl Strategy<Value = String> {
        const PIECES: [&str; 9] =
            ["a", "\n", "\r", "\r\n", "é", "\u{1f600}", "import os", "", " x = 1"];
        prop::collection::vec(prop::sample::select(&PIECES[..]), 0..6).prop_map(|all| all.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        /// Lines are those of the text, whatever was edited.
        #[test]
        fn edits_keep_the_lines(
            start in piece(),
            edits in prop::collection::vec((0..8_u32, 0..12_u32, 0..8_u32, 0..12_u32, piece()), 1..8),
            encoding in prop::sample::select(&[Encoding::Utf8, Encoding::Utf16, Encoding::Utf32][..]),
        ) {
            let mut text = Text::new(start);
            for (row, column, to_row, to_column, new) in edits {
                let range = (Place { row, column }, Place { row: to_row, column: to_column });
                text.edit(vec![Edit { range: Some(range), text: new }], encoding);
                prop_assert_eq!(&text, &Text::new(text.as_str().to_owned()));
            }
        }
    }
}
