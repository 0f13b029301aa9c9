//! What the script of the page knows: the way behind each cell, and rows of source.
//!
//! Ways share their ends, since each step has one shortest way on; so they are kept as a tree of
//! steps, and grow with the program and not with its square.

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::Sources;
use crate::capabilities::{Entry, Reach, Step};
use crate::render::escape::{escape, grouped, push_shown};
use crate::render::record::write_line;

/// Bytes of source in a page.
pub(super) const MOST_BYTES: usize = 8 << 20;
/// Steps of all ways together.
const MOST_STEPS: usize = 300_000;
/// Rows shown above a step's row, and below it.
const AROUND: u32 = 2;
/// As much of a row as is shown, in shown characters.
const WIDTH: usize = 160;

/// A place of source: the number of its file, the cell or 0, the row.
type At = (u32, u32, u32);

/// All the page's script knows.
pub(super) struct Data<'a> {
    columns: Vec<&'static str>,
    files: Interned<'a>,
    names: Interned<'a>,
    /// A step and the way that goes on from it.
    ways: Vec<(u32, At, Option<u32>)>,
    numbers: FxHashMap<(u32, At, Option<u32>), u32>,
    /// Column, time, whether direct, way, count.
    entries: Vec<(usize, u8, u8, Option<u32>, u32)>,
    /// How far from the API each place stands at the nearest.
    places: BTreeMap<At, u32>,
    /// By file: cell, row and text.
    lines: Vec<Vec<(u32, u32, String)>>,
    cut_ways: usize,
    unread: usize,
    cut_places: usize,
}

/// Strings by number.
#[derive(Default)]
struct Interned<'a> {
    all: Vec<&'a str>,
    numbers: FxHashMap<&'a str, u32>,
}

impl<'a> Interned<'a> {
    fn number(&mut self, text: &'a str) -> u32 {
        *self.numbers.entry(text).or_insert_with(|| {
            self.all.push(text);
            count(self.all.len() - 1)
        })
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl<'a> Data<'a> {
    pub(super) fn new(columns: &[Reach]) -> Self {
        Self {
            columns: columns.iter().map(|reach| reach.name()).collect(),
            files: Interned::default(),
            names: Interned::default(),
            ways: Vec::new(),
            numbers: FxHashMap::default(),
            entries: Vec::new(),
            places: BTreeMap::new(),
            lines: Vec::new(),
            cut_ways: 0,
            unread: 0,
            cut_places: 0,
        }
    }

    /// Take in what a cell shows; its number.
    pub(super) fn add(&mut self, column: usize, entry: &'a Entry) -> usize {
        let way = self.way(&entry.via);
        if way.is_none() {
            self.cut_ways += 1;
        }
        let (when, direct) = (entry.when as u8, u8::from(entry.direct));
        self.entries.push((column, when, direct, way, entry.count));
        self.entries.len() - 1
    }

    fn way(&mut self, via: &'a [Step]) -> Option<u32> {
        let mut next = None;
        for (distance, step) in via.iter().rev().enumerate() {
            let name = self.names.number(&step.name);
            let at = (self.files.number(&step.path), step.cell.unwrap_or(0), step.row);
            let one = (name, at, next);
            let number = if let Some(number) = self.numbers.get(&one) {
                *number
            } else {
                if self.ways.len() >= MOST_STEPS {
                    return None;
                }
                self.ways.push(one);
                self.numbers.insert(one, count(self.ways.len() - 1));
                count(self.ways.len() - 1)
            };
            let distance = count(distance);
            let nearest = self.places.entry(at).or_insert(distance);
            *nearest = distance.min(*nearest);
            next = Some(number);
        }
        next
    }

    /// Read the rows around every step, those first that are nearest to an API.
    pub(super) fn read(&mut self, sources: &impl Sources, most_bytes: usize) {
        let mut wanted: BTreeMap<(u32, u32), Vec<(u32, u32)>> = BTreeMap::new();
        for (&(file, cell, row), distance) in &self.places {
            // The API itself, what leads to it, and the rest.
            wanted.entry(((*distance).min(2), file)).or_default().push((cell, row));
        }
        let mut lines: Vec<BTreeMap<(u32, u32), String>> =
            vec![BTreeMap::new(); self.files.all.len()];
        let mut bytes = 0;
        for ((_, file), places) in wanted {
            let Some(path) = self.files.all.get(file as usize) else { continue };
            if bytes >= most_bytes {
                self.cut_places += places.len();
                continue;
            }
            let Some(source) = sources.source(path) else {
                self.unread += places.len();
                continue;
            };
            let Some(known) = lines.get_mut(file as usize) else { continue };
            for (cell, row) in places {
                if bytes >= most_bytes {
                    self.cut_places += 1;
                    continue;
                }
                for row in around(row) {
                    let in_cell = (cell > 0).then_some(cell);
                    if known.contains_key(&(cell, row)) {
                        continue;
                    }
                    if let Some(line) = source.line(in_cell, row) {
                        let shown = shown(line);
                        bytes += shown.len() + 12;
                        known.insert((cell, row), shown);
                    }
                }
            }
        }
        self.lines = lines
            .into_iter()
            .map(|known| known.into_iter().map(|((c, row), text)| (c, row, text)).collect())
            .collect();
    }

    /// What the page does not have, in words.
    pub(super) fn left_out(&self) -> Vec<String> {
        let told = |number: usize, what: &str| {
            (number > 0).then(|| format!("{} {what}", grouped(number as u64)))
        };
        [
            told(self.cut_ways, "cells have no call path; the report in JSON has it"),
            told(self.cut_places, "steps have no excerpt, those farthest from an API first"),
            told(self.unread, "steps have no excerpt, since their files could not be read again"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// As JSON that can stand in a `script` element.
    pub(super) fn json(&self) -> io::Result<String> {
        #[derive(Serialize)]
        struct All<'a> {
            columns: &'a [&'static str],
            files: Vec<String>,
            names: Vec<String>,
            /// Name, file, cell, row, and the way on.
            ways: Vec<(u32, u32, u32, u32, Option<u32>)>,
            entries: &'a [(usize, u8, u8, Option<u32>, u32)],
            lines: &'a [Vec<(u32, u32, String)>],
        }
        let escaped = |of: &Interned<'_>| of.all.iter().map(|s| escape(s).into_owned()).collect();
        let all = All {
            columns: &self.columns,
            files: escaped(&self.files),
            names: escaped(&self.names),
            ways: self.ways.iter().map(|&(name, at, on)| (name, at.0, at.1, at.2, on)).collect(),
            entries: &self.entries,
            lines: &self.lines,
        };
        let mut bytes = Vec::new();
        write_line(&mut bytes, &all)?;
        let text = String::from_utf8(bytes).map_err(io::Error::other)?;
        Ok(inert(text.trim_end()))
    }
}

fn around(row: u32) -> RangeInclusive<u32> {
    row.saturating_sub(AROUND).max(1)..=row.saturating_add(AROUND)
}

/// JSON without a character that an HTML parser, or a script's, takes for its own. All of them
/// can only stand in strings.
fn inert(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + json.len() / 16);
    for c in json.chars() {
        match c {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            _ => text.push(c),
        }
    }
    text
}

/// A row of source as it is shown, cut where it is too long.
fn shown(line: &str) -> String {
    let mut text = String::new();
    let mut width = 0;
    let mut rest = line.chars();
    for c in rest.by_ref() {
        width += push_shown(&mut text, c);
        if width >= WIDTH {
            break;
        }
    }
    if rest.next().is_some() {
        text.push_str(" …");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_in_a_page_ends_no_element_and_reads_back() {
        let text = "</script><!--<script>&amp;\u{2028}\u{2029}";
        let json = inert(&serde_json::to_string(text).expect("a string"));
        assert!(!json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
    }

    #[test]
    fn a_long_row_is_cut_and_hidden_characters_are_shown() {
        let long = shown(&"x".repeat(1_000_000));
        assert_eq!(long, format!("{} …", "x".repeat(WIDTH)));
        assert_eq!(shown("\ta\u{202e}b"), "    a\\u{202e}b");
    }
}
