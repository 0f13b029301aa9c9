//! Places in configuration files, which may be broken while they are edited: lines are read, not
//! the whole.

use std::path::Path;

use crate::text::{Encoding, Place, Text};

/// Where in a configuration somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Here {
    /// The table of ours, without `tool.hermetic`: empty, `check`, `check.levels`.
    pub(crate) table: String,
    /// The word there.
    pub(crate) word: String,
    /// The key whose value is written there, if it is a value.
    pub(crate) key: Option<String>,
    /// What stands between the row's start and the word.
    pub(crate) before: String,
}

/// What is at a place; `None` outside of our tables.
pub(crate) fn at(path: &Path, text: &Text, place: Place, encoding: Encoding) -> Option<Here> {
    let table = table(path, text, place.row)?;
    let line = text.line(place.row)?;
    let characters = encoding.characters(line, place.column) as usize;
    let offset = line.char_indices().nth(characters).map_or(line.len(), |(at, _)| at);
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let start = line.get(..offset)?.trim_end_matches(is_word).len();
    let end = offset + line.get(offset..)?.find(|c| !is_word(c)).unwrap_or(line.len() - offset);
    let before = line.get(..start)?.to_owned();
    let key = before.split_once('=').map(|(key, _)| key.trim().trim_matches('"').to_owned());
    Some(Here { table, word: line.get(start..end)?.to_owned(), key, before })
}

/// The table of ours that a row is in.
fn table(path: &Path, text: &Text, row: u32) -> Option<String> {
    let shared = path.file_name().is_some_and(|name| name == "pyproject.toml");
    let header = (0..=row).rev().find_map(|row| {
        let line = text.line(row)?.trim();
        let name = line.strip_prefix('[')?.trim_start_matches('[');
        let (name, _) = name.split_once(']')?;
        Some(name.chars().filter(|c| !matches!(c, ' ' | '"')).collect::<String>())
    });
    if !shared {
        return Some(header.unwrap_or_default());
    }
    let header = header?;
    let own = header.strip_prefix("tool.hermetic")?;
    match own.strip_prefix('.') {
        Some(table) => Some(table.to_owned()),
        None => own.is_empty().then(String::new),
    }
}

/// A configuration with one more entry: `key = value` in a table of ours. A value that is a list
/// adds to the one that is there.
pub(crate) fn with_entry(
    path: &Path,
    text: &str,
    table: &str,
    key: &str,
    value: &str,
) -> Option<String> {
    let mut document: toml_edit::DocumentMut = text.parse().ok()?;
    let shared = path.file_name().is_some_and(|name| name == "pyproject.toml");
    let own = if shared { "tool.hermetic" } else { "" };
    let mut at: &mut toml_edit::Table = document.as_table_mut();
    let parts: Vec<&str> =
        own.split('.').chain(table.split('.')).filter(|part| !part.is_empty()).collect();
    for (index, part) in parts.iter().enumerate() {
        let new = || {
            let mut table = toml_edit::Table::new();
            table.set_implicit(index + 1 < parts.len());
            toml_edit::Item::Table(table)
        };
        at = at.entry(part).or_insert_with(new).as_table_mut()?;
    }
    let value: toml_edit::Value = value.parse().ok()?;
    let entry = at.entry(key).or_insert(toml_edit::Item::None);
    match (entry.as_array_mut(), value) {
        (Some(list), toml_edit::Value::Array(more)) => {
            for mut one in more {
                one.decor_mut().clear();
                list.push(one);
            }
        }
        (_, value) => *entry = toml_edit::Item::Value(value),
    }
    Some(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_added_where_they_belong() {
        let shared = Path::new("/p/pyproject.toml");
        let own = Path::new("/p/hermetic.toml");
        let domain = |path, text| with_entry(path, text, "", "allow-domain", "[\"b.example\"]");
        assert_eq!(
            domain(shared, "[tool.hermetic]\nno-network = true # why\n").as_deref(),
            Some("[tool.hermetic]\nno-network = true # why\nallow-domain = [\"b.example\"]\n")
        );
        assert_eq!(
            domain(own, "allow-domain = [\"a.example\"]\n").as_deref(),
            Some("allow-domain = [\"a.example\", \"b.example\"]\n")
        );
        assert_eq!(
            with_entry(shared, "", "check.levels", "not-analysed", "\"info\"").as_deref(),
            Some("[tool.hermetic.check.levels]\nnot-analysed = \"info\"\n")
        );
        assert_eq!(domain(own, "= broken"), None);
    }

    #[test]
    fn places_are_in_tables() {
        let text =
            Text::new("[tool.other]\nx = 1\n[tool.hermetic.check]\nundecided = \"wa\"\n".into());
        let at = |row, column| {
            at(Path::new("/p/pyproject.toml"), &text, Place { row, column }, Encoding::Utf16)
        };
        assert_eq!(at(1, 0), None);
        let here = at(3, 3).expect("ours");
        assert_eq!((&*here.table, &*here.word, here.key), ("check", "undecided", None));
        let here = at(3, 14).expect("ours");
        assert_eq!((&*here.word, here.key.as_deref()), ("wa", Some("undecided")));
    }
}
