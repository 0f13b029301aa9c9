//! The lines of source a finding is shown with.
//!
//! Lines are found from the span's byte offset outward and never read past a window, so that a
//! finding in a line of 50 MB costs as much as any other. What is shown is escaped, and a map
//! from columns of the file to bytes of the shown line keeps the carets in place.

use std::collections::BTreeMap;
use std::ops::Range;

use super::escape::push_shown;
use crate::diagnostic::{Diagnostic, Position, Span};

/// As much of a line as is shown, in shown characters.
const WIDTH: usize = 120;
/// Before the caret, where the line has to be cut there.
const CONTEXT: usize = 40;
/// A caret further right than this cuts the line on the left.
const MAX_LEFT: usize = 80;
/// Rows of a span that are shown; of a longer one only the first.
const MAX_ROWS: u32 = 5;
/// Related places drawn into the excerpt; the rest are told in a line.
const MAX_RELATED: usize = 6;
/// Rows between the finding and a related place that is still drawn.
const MAX_DISTANCE: u32 = 400;
const CUT: &str = "...";

/// Consecutive rows of shown source with the finding and its related places marked.
#[derive(Debug)]
pub(super) struct Excerpt<'a> {
    /// The row of the first line.
    pub(super) first_row: u32,
    /// Shown lines, each but the last ended by a line feed; rows between marks are empty.
    pub(super) source: String,
    /// Bytes of `source` the finding covers.
    pub(super) finding: Range<usize>,
    /// Bytes of `source` a related place covers, and what is there.
    pub(super) related: Vec<(Range<usize>, &'a str)>,
    /// The related places that are not drawn, in the report's order.
    pub(super) undrawn: Vec<&'a crate::diagnostic::Related>,
}

/// The excerpt of a finding; `None` where its span does not fit the text, which then is not (or
/// no longer) the text that was analysed.
pub(super) fn excerpt<'a>(text: &str, finding: &'a Diagnostic) -> Option<Excerpt<'a>> {
    let span = &finding.span;
    let mut lines = Lines { text, rows: BTreeMap::new() };
    lines.add(span.start, span.offset)?;
    let finding_end = lines.end_of(span);

    let mut related = Vec::new();
    let mut undrawn = Vec::new();
    for place in &finding.related {
        let near = place.path.is_none()
            && place.span.cell == span.cell
            && place.span.start.row.abs_diff(span.start.row) <= MAX_DISTANCE
            && related.len() < MAX_RELATED;
        let start = place.span.start;
        if near && lines.add(start, place.span.offset).is_some() {
            let end = if place.span.end.row == start.row {
                place.span.end
            } else {
                Position { row: start.row, column: u32::MAX }
            };
            related.push((start, end, place.message.as_str()));
        } else {
            undrawn.push(place);
        }
    }
    lines.fill_gaps();
    let (first_row, source, starts) = lines.join()?;
    let bytes = |start: Position, end: Position| {
        let from = starts.get(&start.row)? + lines.rows.get(&start.row)?.byte_of(start.column);
        let to = starts.get(&end.row)? + lines.rows.get(&end.row)?.byte_of(end.column);
        Some(from..to.max(from))
    };
    Some(Excerpt {
        first_row,
        finding: bytes(span.start, finding_end)?,
        related: related
            .into_iter()
            .filter_map(|(start, end, message)| Some((bytes(start, end)?, message)))
            .collect(),
        source,
        undrawn,
    })
}

/// The lines gathered so far, by row.
struct Lines<'t> {
    text: &'t str,
    rows: BTreeMap<u32, Line>,
}

impl Lines<'_> {
    /// Take in the line that has this position at this offset, unless it is there and shows it.
    fn add(&mut self, at: Position, offset: u32) -> Option<()> {
        if let Some(line) = self.rows.get(&at.row) {
            return line.shows(at.column).then_some(());
        }
        let line = Line::around(self.text, usize::try_from(offset).ok()?, at.column)?;
        self.rows.insert(at.row, line);
        Some(())
    }

    /// Take in the further rows of a span that is worth showing whole. Returns where its
    /// underline ends.
    fn end_of(&mut self, span: &Span) -> Position {
        let cut_after_first = Position { row: span.start.row, column: u32::MAX };
        if span.end.row == span.start.row {
            return span.end;
        }
        if span.end.row < span.start.row || span.end.row - span.start.row >= MAX_ROWS {
            return cut_after_first;
        }
        let mut more = Vec::new();
        let mut last = self.rows.get(&span.start.row);
        for row in span.start.row + 1..=span.end.row {
            let next = last
                .and_then(|line| line.next)
                .and_then(|offset| Line::around(self.text, offset, 1));
            let Some(next) = next else { return cut_after_first };
            more.push((row, next));
            last = more.last().map(|(_, line)| line);
        }
        self.rows.extend(more);
        span.end
    }

    /// A single row between two shown ones is shown too; more are left out by the library that
    /// draws the excerpt.
    fn fill_gaps(&mut self) {
        let rows: Vec<u32> = self.rows.keys().copied().collect();
        for pair in rows.windows(2) {
            let &[above, below] = pair else { continue };
            if below - above != 2 {
                continue;
            }
            let offset = self.rows.get(&above).and_then(|line| line.next);
            let line = offset.and_then(|offset| Line::around(self.text, offset, 1));
            self.rows.insert(above + 1, line.unwrap_or_else(Line::cut));
        }
    }

    /// The first row, all lines joined, and where each row starts.
    fn join(&self) -> Option<(u32, String, BTreeMap<u32, usize>)> {
        let (&first, _) = self.rows.first_key_value()?;
        let mut source = String::new();
        let mut starts = BTreeMap::new();
        let mut row = first;
        for (&next, line) in &self.rows {
            while row < next {
                source.push('\n');
                row += 1;
            }
            starts.insert(next, source.len());
            source.push_str(&line.shown);
        }
        Some((first, source, starts))
    }
}

/// A window of one line.
#[derive(Debug)]
struct Line {
    shown: String,
    /// The column of the first character in the window.
    first_column: u32,
    /// Where each character of the window starts in `shown`, then where the last one ends.
    starts: Vec<usize>,
    /// Where the next line starts in the text, if the window reaches so far.
    next: Option<usize>,
}

impl Line {
    /// The window around one character, given its offset and its column.
    fn around(text: &str, offset: usize, column: u32) -> Option<Self> {
        let (mut before, mut after) = text.split_at_checked(offset)?;
        let (mut offset, mut column) = (offset, column);
        if before.ends_with('\r') && after.starts_with('\n') {
            // Between the two halves of a line end: the end of the line.
            (offset, column) = (offset - 1, column.checked_sub(1)?);
            (before, after) = text.split_at_checked(offset)?;
        }
        let mut scratch = String::new();
        let mut width = 0;
        // Characters to the left, with the width up to each, nearest first.
        let mut left = Vec::new();
        let mut whole = true;
        for c in before.chars().rev() {
            if matches!(c, '\n' | '\r') {
                break;
            }
            if width > MAX_LEFT {
                whole = false;
                break;
            }
            scratch.clear();
            width += push_shown(&mut scratch, c);
            left.push((c, width));
        }
        let seen = u32::try_from(left.len()).ok()?;
        if whole && seen.checked_add(1)? != column || seen >= column {
            return None;
        }
        if !whole {
            let near = left.iter().take_while(|&&(_, width)| width <= CONTEXT).count();
            left.truncate(near);
        }

        let mut line = Self {
            shown: String::new(),
            first_column: column - u32::try_from(left.len()).ok()?,
            starts: Vec::new(),
            next: None,
        };
        if !whole {
            line.shown.push_str(CUT);
        }
        let mut width = 0;
        for &(c, _) in left.iter().rev() {
            width += line.push(c);
        }
        let mut rest = after.char_indices();
        let end = loop {
            let Some((at, c)) = rest.next() else { break after.len() };
            match c {
                '\n' => {
                    line.next = Some(offset + at + 1);
                    break at;
                }
                '\r' => {
                    let pair = after[at..].starts_with("\r\n");
                    line.next = Some(offset + at + if pair { 2 } else { 1 });
                    break at;
                }
                _ if width >= WIDTH => break at,
                _ => width += line.push(c),
            }
        };
        line.starts.push(line.shown.len());
        if line.next.is_none() && end < after.len() {
            line.shown.push_str(CUT);
        }
        Some(line)
    }

    /// A line of which nothing is known but that it is there.
    fn cut() -> Self {
        Self { shown: CUT.to_owned(), first_column: 1, starts: vec![0], next: None }
    }

    fn push(&mut self, c: char) -> usize {
        self.starts.push(self.shown.len());
        push_shown(&mut self.shown, c)
    }

    fn shows(&self, column: u32) -> bool {
        column >= self.first_column
            && usize::try_from(column - self.first_column).is_ok_and(|at| at < self.starts.len())
    }

    /// Where a column starts in `shown`; what is outside the window is taken to its edge.
    fn byte_of(&self, column: u32) -> usize {
        usize::try_from(column.saturating_sub(self.first_column))
            .ok()
            .and_then(|at| self.starts.get(at))
            .or(self.starts.last())
            .copied()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixture::finding;

    /// The text under the carets.
    fn marked(text: &str, finding: &Diagnostic) -> Option<(u32, String, String)> {
        let excerpt = excerpt(text, finding)?;
        let marked = excerpt.source.get(excerpt.finding.clone())?.to_owned();
        Some((excerpt.first_row, excerpt.source, marked))
    }

    #[test]
    fn line_ends_of_every_kind() {
        for text in ["a\nbcd\ne", "a\r\nbcd\r\ne", "a\rbcd\re"] {
            let offset = text.find('c').unwrap_or_default();
            let found = finding("x").at(2, 2).offset(offset).width(2);
            assert_eq!(marked(text, &found), Some((2, "bcd".into(), "cd".into())), "{text:?}");
        }
    }

    #[test]
    fn escapes_move_the_mark() {
        let text = "\tx\u{202e}y = 文(1)";
        let offset = text.find('文').unwrap_or_default();
        let found = finding("x").at(1, 8).offset(offset).width(4);
        let (_, source, mark) = marked(text, &found).expect("fits");
        assert_eq!(source, "    x\\u{202e}y = 文(1)");
        assert_eq!(mark, "文(1)");
    }

    #[test]
    fn a_long_line_is_cut_on_both_sides() {
        let text = format!("{}NEEDLE{}", "é".repeat(500_000), "b".repeat(500_000));
        let found = finding("x").at(1, 500_001).offset(1_000_000).width(6);
        let (_, source, mark) = marked(&text, &found).expect("fits");
        assert_eq!(mark, "NEEDLE");
        assert_eq!(source, format!("...{}NEEDLE{}...", "é".repeat(40), "b".repeat(74)));
    }

    #[test]
    fn a_span_wider_than_the_window_ends_with_it() {
        let text = "x".repeat(1_000_000);
        let found = finding("x").at(1, 1).offset(0).width(1_000_000);
        let (_, source, mark) = marked(&text, &found).expect("fits");
        assert_eq!(source.len(), WIDTH + CUT.len());
        assert_eq!(mark.len(), WIDTH);
    }

    #[test]
    fn a_position_that_does_not_fit_gives_nothing() {
        let text = "aé\nbcd";
        for (row, column, offset) in [(2, 3, 5), (2, 1, 5), (1, 2, 2), (1, 1, 99), (2, 0, 4)] {
            let found = finding("x").at(row, column).offset(offset);
            assert!(excerpt(text, &found).is_none(), "{row}:{column} at {offset}");
        }
        // Far right of a long line the start of the line is not looked for, but a column that
        // is too small cannot be true.
        let text = "x".repeat(1000);
        assert!(excerpt(&text, &finding("x").at(1, 3).offset(500)).is_none());
    }

    #[test]
    fn the_end_of_the_text_can_be_marked() {
        let found = finding("x").at(1, 3).offset(2);
        assert_eq!(marked("ab", &found), Some((1, "ab".into(), String::new())));
        let found = finding("x").at(1, 1).offset(0);
        assert_eq!(marked("", &found), Some((1, String::new(), String::new())));
    }

    #[test]
    fn a_short_span_of_several_rows_is_whole_and_a_long_one_is_not() {
        let text = "f(\n  1,\n)\nx\nx\nx\nx\n";
        let short = finding("x").at(1, 1).offset(0).until(3, 2);
        let (_, source, mark) = marked(text, &short).expect("fits");
        assert_eq!(source, "f(\n  1,\n)");
        assert_eq!(mark, source);
        let long = finding("x").at(1, 1).offset(0).until(6, 2);
        let (_, source, mark) = marked(text, &long).expect("fits");
        assert_eq!((source.as_str(), mark.as_str()), ("f(", "f("));
    }

    #[test]
    fn related_places_keep_their_rows() {
        let text = "import ctypes\n\n\nctypes.a()\nb\nctypes.c()\n";
        let found = finding("x")
            .at(1, 8)
            .offset(7)
            .width(6)
            .related(4, 1, 16, 8, "first")
            .related(6, 1, 29, 8, "second");
        let excerpt = excerpt(text, &found).expect("fits");
        assert_eq!(excerpt.source, "import ctypes\n\n\nctypes.a()\nb\nctypes.c()");
        let related: Vec<_> = excerpt
            .related
            .iter()
            .map(|(range, message)| (&excerpt.source[range.clone()], *message))
            .collect();
        assert_eq!(related, [("ctypes.a", "first"), ("ctypes.c", "second")]);
        assert!(excerpt.undrawn.is_empty());
    }

    #[test]
    fn related_places_out_of_reach_are_told_otherwise() {
        let text = format!("x\n{}y", "\n".repeat(1000));
        let found = finding("x").at(1, 1).offset(0).related(1002, 1, 1002, 1, "far");
        let excerpt = excerpt(&text, &found).expect("fits");
        assert_eq!(excerpt.source, "x");
        assert_eq!(excerpt.undrawn.len(), 1);
    }
}
