//! The documents an editor has open.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hermetic_check::discover::kind_of;
use hermetic_check::source::FileKind;
use hermetic_check::workspace::Name;
use serde_json::json;

use crate::convert::Uri;
use crate::text::{Edit, Encoding, Text};

/// One open text.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    pub(crate) uri: Uri,
    pub(crate) version: i32,
    pub(crate) text: Text,
    pub(crate) role: Role,
}

/// What a text is to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Python.
    Python(Name, FileKind),
    /// `pyproject.toml` or `hermetic.toml`.
    Configuration(PathBuf),
    /// The cell of a notebook, which has that address.
    Cell(Uri),
    /// Nothing we know.
    Other,
}

/// An open notebook.
#[derive(Clone, Debug)]
pub(crate) struct Notebook {
    pub(crate) version: i32,
    pub(crate) name: Name,
    /// Its cells in order.
    pub(crate) cells: Vec<Cell>,
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    /// The address of its text.
    pub(crate) uri: Uri,
    /// Whether it is code in Python.
    pub(crate) is_code: bool,
}

/// Where the findings of a document are published.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// At one address.
    Plain(Uri, i32),
    /// At the cells of a notebook, counted from 1.
    Cells(Vec<(Uri, i32)>),
}

/// All open documents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Documents {
    open: BTreeMap<Uri, Open>,
    notebooks: BTreeMap<Uri, Notebook>,
    by_name: Arc<BTreeMap<Name, Target>>,
}

impl Documents {
    /// A document was opened. What opens twice is taken as it is now.
    pub(crate) fn open(&mut self, uri: &Uri, language: &str, version: i32, text: String) -> Open {
        let role = role(uri, language);
        let text = Text::new(text);
        let open = Open { uri: uri.clone(), version, text, role };
        self.open.insert(uri.clone(), open.clone());
        self.name_all();
        open
    }

    /// A document was edited; `None` for one that is not open, or an edit of an older version.
    pub(crate) fn edit(
        &mut self,
        uri: &Uri,
        version: i32,
        edits: Vec<Edit>,
        encoding: Encoding,
    ) -> Option<&Open> {
        let open = self.open.get_mut(uri)?;
        // Versions only grow (LSP 3.17, `VersionedTextDocumentIdentifier`). Its edits are made
        // all the same: they have been made at the other end.
        open.version = open.version.max(version);
        open.text.edit(edits, encoding);
        let (version, role) = (open.version, open.role.clone());
        if let Role::Python(name, _) = role {
            let target = Target::Plain(uri.clone(), version);
            Arc::make_mut(&mut self.by_name).insert(name, target);
        }
        self.open.get(uri)
    }

    /// A document was closed.
    pub(crate) fn close(&mut self, uri: &Uri) -> Option<Open> {
        let closed = self.open.remove(uri);
        self.name_all();
        closed
    }

    pub(crate) fn get(&self, uri: &Uri) -> Option<&Open> {
        self.open.get(uri)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Open> {
        self.open.values()
    }

    /// The document at an address, and the cell it is of its notebook.
    pub(crate) fn name(&self, uri: &Uri) -> Option<(Name, Option<u32>)> {
        match &self.open.get(uri)?.role {
            Role::Python(name, _) => Some((name.clone(), None)),
            Role::Cell(notebook) => {
                let notebook = self.notebooks.get(notebook)?;
                let at = notebook.cells.iter().position(|cell| cell.uri == *uri)?;
                Some((notebook.name.clone(), u32::try_from(at + 1).ok()))
            }
            Role::Configuration(_) | Role::Other => None,
        }
    }

    /// Where findings are published, by document.
    pub(crate) fn targets(&self) -> Arc<BTreeMap<Name, Target>> {
        Arc::clone(&self.by_name)
    }

    /// A notebook was opened.
    pub(crate) fn open_notebook(&mut self, uri: Uri, version: i32, cells: Vec<Cell>) {
        let name = name_of(&uri);
        self.notebooks.insert(uri, Notebook { version, name, cells });
        self.name_all();
    }

    /// Cells were added or taken away.
    pub(crate) fn splice(&mut self, uri: &Uri, start: u32, removed: u32, added: Vec<Cell>) {
        let Some(notebook) = self.notebooks.get_mut(uri) else { return };
        let count = notebook.cells.len();
        let start = (start as usize).min(count);
        let end = start.saturating_add(removed as usize).min(count);
        notebook.cells.splice(start..end, added);
        self.name_all();
    }

    /// The version of a notebook, and what its cells are now.
    pub(crate) fn set_notebook(&mut self, uri: &Uri, version: i32, kinds: Vec<Cell>) {
        let Some(notebook) = self.notebooks.get_mut(uri) else { return };
        notebook.version = notebook.version.max(version);
        for kind in kinds {
            if let Some(cell) = notebook.cells.iter_mut().find(|cell| cell.uri == kind.uri) {
                *cell = kind;
            }
        }
        self.name_all();
    }

    /// The text of a cell.
    pub(crate) fn open_cell(&mut self, notebook: &Uri, uri: Uri, version: i32, text: String) {
        let role = Role::Cell(notebook.clone());
        self.open.insert(uri.clone(), Open { uri, version, text: Text::new(text), role });
        self.name_all();
    }

    /// A notebook was closed.
    pub(crate) fn close_notebook(&mut self, uri: &Uri) -> Option<Notebook> {
        let closed = self.notebooks.remove(uri)?;
        for cell in &closed.cells {
            self.open.remove(&cell.uri);
        }
        self.name_all();
        Some(closed)
    }

    /// A notebook as its file would be: nbformat 4.
    pub(crate) fn notebook_text(&self, uri: &Uri) -> Option<(Name, String)> {
        let notebook = self.notebooks.get(uri)?;
        let cells: Vec<serde_json::Value> = notebook
            .cells
            .iter()
            .map(|cell| {
                let text = self.open.get(&cell.uri).map_or("", |open| open.text.as_str());
                if cell.is_code {
                    json!({"cell_type": "code", "metadata": {}, "outputs": [],
                           "execution_count": null, "source": text})
                } else {
                    json!({"cell_type": "markdown", "metadata": {}, "source": ""})
                }
            })
            .collect();
        let whole = json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells});
        Some((notebook.name.clone(), whole.to_string()))
    }

    fn name_all(&mut self) {
        let mut all = BTreeMap::new();
        for open in self.open.values() {
            if let Role::Python(name, _) = &open.role {
                all.insert(name.clone(), Target::Plain(open.uri.clone(), open.version));
            }
        }
        for notebook in self.notebooks.values() {
            let version = |cell: &Cell| {
                let open = self.open.get(&cell.uri);
                (cell.uri.clone(), open.map_or(0, |open| open.version))
            };
            let cells = notebook.cells.iter().map(version).collect();
            all.insert(notebook.name.clone(), Target::Cells(cells));
        }
        self.by_name = Arc::new(all);
    }
}

/// What a document at an address is called.
pub(crate) fn name_of(uri: &Uri) -> Name {
    match uri.path() {
        Some(path) => Name::File(path),
        None => Name::Untitled(uri.as_str().to_owned()),
    }
}

fn role(uri: &Uri, language: &str) -> Role {
    let name = name_of(uri);
    if let Name::File(path) = &name
        && is_configuration(path)
    {
        return Role::Configuration(path.clone());
    }
    let python = language.eq_ignore_ascii_case("python");
    let kind = name.path().map_or(Some(FileKind::Module), kind_of);
    let by_name = name.path().and_then(Path::extension).is_some_and(|suffix| {
        suffix.eq_ignore_ascii_case("py") || suffix.eq_ignore_ascii_case("pyw")
    });
    match kind {
        // A notebook's file as text: places in it are none of its cells'.
        Some(FileKind::Notebook) | None => Role::Other,
        Some(kind) if python || by_name => Role::Python(name, kind),
        Some(_) => Role::Other,
    }
}

/// Whether a file of this name may configure us.
fn is_configuration(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "pyproject.toml" || name == "hermetic.toml")
}
