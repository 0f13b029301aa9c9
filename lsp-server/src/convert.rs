//! The protocol's types from ours, and back. Beside the handlers, only this file names them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;

use hermetic_check::configuration::Failure;
use hermetic_check::diagnostic::{Diagnostic, Position, Related, Span};
use hermetic_check::project::source_of;
use hermetic_check::source::Source;
use hermetic_check::workspace::{self, Name, Snapshot};
use hermetic_policy::{Level, Rule};
use serde_json::json;
use tower_lsp_server::ls_types as lsp;

use crate::documents::Target;
use crate::text::{Edit, Encoding, Place, Text};

/// One diagnostic, as the client gets it.
pub(crate) type LspDiagnostic = lsp::Diagnostic;

/// Who says it.
pub(crate) const SOURCE: &str = "hermetic";

/// The address of a document, as the client spells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Uri(String);

impl Uri {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The file it is, if it is one.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        let uri = self.lsp()?;
        let is_file = uri.scheme().as_str().eq_ignore_ascii_case("file");
        let path = is_file.then(|| uri.to_file_path())??.into_owned();
        path.is_absolute().then_some(path)
    }

    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        lsp::Uri::from_file_path(path).map(|uri| Self::from(&uri))
    }

    pub(crate) fn lsp(&self) -> Option<lsp::Uri> {
        lsp::Uri::from_str(&self.0).ok()
    }
}

impl From<&lsp::Uri> for Uri {
    fn from(uri: &lsp::Uri) -> Self {
        Self(uri.as_str().to_owned())
    }
}

/// What the client can do, and what was agreed on.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a capability of its own")]
pub(crate) struct Features {
    pub(crate) encoding: Encoding,
    /// It asks for diagnostics.
    pub(crate) pulls: bool,
    pub(crate) related: bool,
    pub(crate) code_description: bool,
    pub(crate) tags: bool,
    pub(crate) data: bool,
    pub(crate) progress: bool,
    pub(crate) configuration: bool,
    pub(crate) watches: bool,
    pub(crate) code_actions: bool,
    pub(crate) resolves: bool,
    pub(crate) lens_refresh: bool,
    pub(crate) notebooks: bool,
    pub(crate) creates_files: bool,
    /// It shows how things stand (`hermetic/status`).
    pub(crate) status: bool,
    /// It shows findings by itself where somebody points.
    pub(crate) shows_findings: bool,
    pub(crate) client: String,
    /// The folder with the pages of rules, where the client follows links to them.
    pub(crate) pages: Option<PathBuf>,
}

impl Features {
    pub(crate) fn of(params: &lsp::InitializeParams) -> Self {
        let capabilities = &params.capabilities;
        let document = capabilities.text_document.as_ref();
        let published = document.and_then(|it| it.publish_diagnostics.as_ref());
        let workspace = capabilities.workspace.as_ref();
        let window = capabilities.window.as_ref();
        let on = |flag: Option<bool>| flag.unwrap_or(false);
        let refreshes = workspace
            .and_then(|it| it.diagnostics.as_ref())
            .is_some_and(|it| on(it.refresh_support));
        let action = document.and_then(|it| it.code_action.as_ref());
        let experimental = |name: &str| {
            let all = capabilities.experimental.as_ref();
            all.and_then(|all| all.get(name)).is_some_and(|it| it == true)
        };
        let pulled = document.and_then(|it| it.diagnostic.as_ref());
        let edit = workspace.and_then(|it| it.workspace_edit.as_ref());
        let creates = edit
            .and_then(|it| it.resource_operations.as_ref())
            .is_some_and(|all| all.contains(&lsp::ResourceOperationKind::Create));
        Self {
            encoding: encoding(capabilities.general.as_ref()),
            // Without a refresh, what an edit changes in other files would not be asked for.
            pulls: pulled.is_some() && refreshes,
            related: published.is_some_and(|it| on(it.related_information))
                || pulled.is_some_and(|it| on(it.related_information)),
            code_description: published.is_some_and(|it| on(it.code_description_support))
                || pulled.is_some_and(|it| on(it.code_description_support)),
            tags: published.is_some_and(|it| it.tag_support.is_some())
                || pulled.is_some_and(|it| it.tag_support.is_some()),
            data: published.is_some_and(|it| on(it.data_support))
                || pulled.is_some_and(|it| on(it.data_support)),
            progress: window.is_some_and(|it| on(it.work_done_progress)),
            configuration: workspace.is_some_and(|it| on(it.configuration)),
            watches: workspace
                .and_then(|it| it.did_change_watched_files.as_ref())
                .is_some_and(|it| on(it.dynamic_registration)),
            code_actions: action.is_some_and(|it| it.code_action_literal_support.is_some()),
            resolves: action
                .and_then(|it| it.resolve_support.as_ref())
                .is_some_and(|it| it.properties.iter().any(|property| property == "edit"))
                && action.is_some_and(|it| on(it.data_support)),
            lens_refresh: workspace
                .and_then(|it| it.code_lens.as_ref())
                .is_some_and(|it| on(it.refresh_support)),
            notebooks: capabilities.notebook_document.is_some(),
            status: experimental("hermeticStatus"),
            shows_findings: experimental("hermeticShowsFindings"),
            creates_files: creates && edit.is_some_and(|it| on(it.document_changes)),
            client: params.client_info.as_ref().map_or_else(String::new, |client| {
                format!("{} {}", client.name, client.version.as_deref().unwrap_or_default())
            }),
            pages: None,
        }
    }

    pub(crate) fn encoding_name(&self) -> lsp::PositionEncodingKind {
        match self.encoding {
            Encoding::Utf8 => lsp::PositionEncodingKind::UTF8,
            Encoding::Utf16 => lsp::PositionEncodingKind::UTF16,
            Encoding::Utf32 => lsp::PositionEncodingKind::UTF32,
        }
    }
}

/// The client's first choice that we know.
fn encoding(general: Option<&lsp::GeneralClientCapabilities>) -> Encoding {
    let offered = general.and_then(|general| general.position_encodings.as_deref());
    let known = |kind: &lsp::PositionEncodingKind| match kind.as_str() {
        "utf-8" => Some(Encoding::Utf8),
        "utf-16" => Some(Encoding::Utf16),
        "utf-32" => Some(Encoding::Utf32),
        _ => None,
    };
    offered.unwrap_or_default().iter().find_map(known).unwrap_or_default()
}

/// The folders of a client.
pub(crate) fn folders(params: &lsp::InitializeParams) -> Vec<PathBuf> {
    if let Some(folders) = &params.workspace_folders {
        return folders.iter().filter_map(|folder| Uri::from(&folder.uri).path()).collect();
    }
    #[expect(deprecated, reason = "older clients have nothing else")]
    let root = params.root_uri.as_ref().and_then(|uri| Uri::from(uri).path());
    #[expect(deprecated, reason = "older clients have nothing else")]
    let path = params.root_path.as_ref().map(PathBuf::from).filter(|path| path.is_absolute());
    root.or(path).into_iter().collect()
}

/// Edits in order.
pub(crate) fn edits(changes: Vec<lsp::TextDocumentContentChangeEvent>) -> Vec<Edit> {
    let edit = |change: lsp::TextDocumentContentChangeEvent| Edit {
        range: change.range.map(|range| (place(range.start), place(range.end))),
        text: change.text,
    };
    changes.into_iter().map(edit).collect()
}

pub(crate) fn place(position: lsp::Position) -> Place {
    Place { row: position.line, column: position.character }
}

pub(crate) fn position(place: Place) -> lsp::Position {
    lsp::Position { line: place.row, character: place.column }
}

/// What conversions need to know.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) snapshot: Snapshot,
    pub(crate) features: Arc<Features>,
    pub(crate) targets: Arc<BTreeMap<Name, Target>>,
}

/// What is published at one address.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Published {
    pub(crate) uri: Uri,
    pub(crate) version: Option<i32>,
    pub(crate) diagnostics: Vec<lsp::Diagnostic>,
}

impl Context {
    /// A place in a document, as the editor counts.
    pub(crate) fn position(&self, name: &Name, cell: Option<u32>, at: Position) -> lsp::Position {
        let line = self.snapshot.line(name, cell, at.row);
        from_line(line, at, self.features.encoding)
    }

    /// A place in a document, as we count.
    pub(crate) fn place(&self, name: &Name, cell: Option<u32>, at: lsp::Position) -> Position {
        let row = at.line.saturating_add(1);
        let line = self.snapshot.line(name, cell, row).unwrap_or_default();
        let column = self.features.encoding.characters(line, at.character).saturating_add(1);
        Position { row, column }
    }

    pub(crate) fn range(&self, name: &Name, span: &Span) -> lsp::Range {
        let start = self.position(name, span.cell, span.start);
        let end = self.position(name, span.cell, span.end);
        lsp::Range { start, end: end.max(start) }
    }

    /// The address of a place in a document: its own, or its notebook's cell's.
    pub(crate) fn uri(&self, name: &Name, cell: Option<u32>) -> Option<Uri> {
        match self.targets.get(name) {
            Some(Target::Plain(uri, _)) => Some(uri.clone()),
            Some(Target::Cells(cells)) => {
                let at = (cell.unwrap_or(1) as usize).checked_sub(1)?;
                cells.get(at).or_else(|| cells.first()).map(|(uri, _)| uri.clone())
            }
            None => Uri::of_path(name.path()?),
        }
    }

    /// The findings of a document as the editor wants them, address by address.
    pub(crate) fn published(&self, name: &Name, findings: &[Diagnostic]) -> Vec<Published> {
        let mut files = Files::default();
        let mut all: Vec<Published> = match self.targets.get(name) {
            Some(Target::Plain(uri, version)) => {
                vec![Published::new(uri.clone(), Some(*version))]
            }
            Some(Target::Cells(cells)) => cells
                .iter()
                .map(|(uri, version)| Published::new(uri.clone(), Some(*version)))
                .collect(),
            None => {
                let uri = name.path().and_then(Uri::of_path);
                uri.map(|uri| Published::new(uri, None)).into_iter().collect()
            }
        };
        for finding in findings {
            let at = finding.span.cell.map_or(0, |cell| cell.saturating_sub(1) as usize);
            let at = if at < all.len() { at } else { 0 };
            let diagnostic = self.diagnostic(name, finding, &mut files);
            if let Some(published) = all.get_mut(at) {
                published.diagnostics.push(diagnostic);
            }
        }
        all
    }

    fn diagnostic(&self, name: &Name, finding: &Diagnostic, files: &mut Files) -> lsp::Diagnostic {
        let rule = finding.rule.0;
        let related = finding.related.iter().filter_map(|one| self.related(name, one, files));
        let related: Vec<_> = if self.features.related { related.collect() } else { Vec::new() };
        let unneeded = self.features.tags && rule.name == "unused-suppression";
        lsp::Diagnostic {
            range: self.range(name, &finding.span),
            severity: Some(severity(finding.level)),
            code: Some(lsp::NumberOrString::String(rule.name.to_owned())),
            code_description: self.features.pages.as_deref().and_then(|folder| page(folder, rule)),
            source: Some(SOURCE.to_owned()),
            message: message(finding),
            related_information: (!related.is_empty()).then_some(related),
            tags: unneeded.then(|| vec![lsp::DiagnosticTag::UNNECESSARY]),
            data: self.features.data.then(|| json!({"hermetic": {"rule": rule.name}})),
        }
    }

    fn related(
        &self,
        name: &Name,
        related: &Related,
        files: &mut Files,
    ) -> Option<lsp::DiagnosticRelatedInformation> {
        let of = match &related.path {
            None => name.clone(),
            Some(shown) => Name::File(self.snapshot.path_of(name, shown)?),
        };
        let uri = self.uri(&of, related.span.cell)?.lsp()?;
        let is_open = self.targets.contains_key(&of);
        let encoding = self.features.encoding;
        let mut place = |at: Position| {
            if is_open || of == *name {
                return self.position(&of, related.span.cell, at);
            }
            let source = of.path().and_then(|path| files.get(path));
            from_line(source.and_then(|it| it.line(related.span.cell, at.row)), at, encoding)
        };
        let range = lsp::Range { start: place(related.span.start), end: place(related.span.end) };
        let location = lsp::Location { uri, range };
        Some(lsp::DiagnosticRelatedInformation { location, message: related.message.clone() })
    }

    /// Edits of a document, by address.
    pub(crate) fn text_edits(
        &self,
        name: &Name,
        edits: &[workspace::Edit],
    ) -> BTreeMap<Uri, Vec<lsp::TextEdit>> {
        let mut all: BTreeMap<Uri, Vec<lsp::TextEdit>> = BTreeMap::new();
        for edit in edits {
            let Some(uri) = self.uri(name, edit.span.cell) else { continue };
            let range = self.range(name, &edit.span);
            all.entry(uri).or_default().push(lsp::TextEdit { range, new_text: edit.text.clone() });
        }
        all
    }
}

impl Published {
    pub(crate) fn new(uri: Uri, version: Option<i32>) -> Self {
        Self { uri, version, diagnostics: Vec::new() }
    }
}

/// Files that are not open, read while one set of findings is converted.
#[derive(Default)]
struct Files(BTreeMap<PathBuf, Option<Source>>);

impl Files {
    fn get(&mut self, path: &Path) -> Option<&Source> {
        let read = || source_of(path, None);
        self.0.entry(path.to_owned()).or_insert_with(read).as_ref()
    }
}

fn from_line(line: Option<&str>, at: Position, encoding: Encoding) -> lsp::Position {
    let characters = at.column.saturating_sub(1);
    let character = line.map_or(characters, |line| encoding.column(line, characters));
    lsp::Position { line: at.row.saturating_sub(1), character }
}

/// What, why and remedy: an editor shows nothing else of it.
fn message(finding: &Diagnostic) -> String {
    let mut text = finding.message.clone();
    for more in [&finding.why, &finding.remedy] {
        if !more.is_empty() {
            text.push('\n');
            text.push_str(more);
        }
    }
    text
}

fn severity(level: Level) -> lsp::DiagnosticSeverity {
    match level {
        Level::Error => lsp::DiagnosticSeverity::ERROR,
        Level::Warn => lsp::DiagnosticSeverity::WARNING,
        Level::Info | Level::Off => lsp::DiagnosticSeverity::INFORMATION,
    }
}

/// Where a rule is documented: its page, written below that folder.
fn page(folder: &Path, rule: &Rule) -> Option<lsp::CodeDescription> {
    let href = Uri::of_path(&folder.join(format!("{}.md", rule.name)))?.lsp()?;
    Some(lsp::CodeDescription { href })
}

/// What is wrong with a configuration file, at its place.
pub(crate) fn failure(failure: &Failure, text: &Text, encoding: Encoding) -> lsp::Diagnostic {
    let place = failure.file().and_then(|(_, place)| place);
    let (row, column) = place.map_or((0, 0), |at| (at.row.saturating_sub(1), at.column - 1));
    let line = text.line(row).unwrap_or_default();
    let start = Place { row, column: encoding.column(line, column) };
    let offset = text.offset(start, encoding);
    let rest = text.as_str().get(offset..).unwrap_or_default();
    let end = offset + token(rest);
    let range = lsp::Range { start: position(start), end: position(text.place(end, encoding)) };
    lsp::Diagnostic {
        range,
        severity: Some(lsp::DiagnosticSeverity::ERROR),
        code: Some(lsp::NumberOrString::String("configuration".to_owned())),
        source: Some(SOURCE.to_owned()),
        message: format!(
            "{}\nuntil this is right, the last good configuration applies",
            failure.message()
        ),
        ..lsp::Diagnostic::default()
    }
}

/// Bytes of the word or string a text begins with.
fn token(text: &str) -> usize {
    let mut chars = text.char_indices();
    let Some((_, first)) = chars.next() else { return 0 };
    if first == '"' || first == '\'' {
        let close = chars.find(|(_, c)| *c == first || *c == '\n');
        return close.map_or(text.len(), |(at, c)| if c == '\n' { at } else { at + 1 });
    }
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.find(|c| !is_word(c)).unwrap_or(text.len()).max(first.len_utf8().min(text.len()))
}

/// The smallest edit between two texts, as one that an editor can make.
pub(crate) fn difference(before: &Text, after: &str, encoding: Encoding) -> lsp::TextEdit {
    let old = before.as_str();
    let same = |(a, b): (char, char)| a == b;
    let head: usize = old
        .chars()
        .zip(after.chars())
        .take_while(|pair| same(*pair))
        .map(|(c, _)| c.len_utf8())
        .sum();
    let (old_rest, new_rest) =
        (old.get(head..).unwrap_or_default(), after.get(head..).unwrap_or_default());
    let tail: usize = old_rest
        .chars()
        .rev()
        .zip(new_rest.chars().rev())
        .take_while(|pair| same(*pair))
        .map(|(c, _)| c.len_utf8())
        .sum();
    let new_text = new_rest.get(..new_rest.len() - tail).unwrap_or_default().to_owned();
    let start = position(before.place(head, encoding));
    let end = position(before.place(old.len() - tail, encoding));
    lsp::TextEdit { range: lsp::Range { start, end }, new_text }
}
