//! Bytes to text, as Python would read them, and places in that text.
//!
//! Nothing here touches the disk: [`discover`](crate::discover) reads, [`decode`] makes text of
//! it or says why it cannot. What `CPython` would read differently in any way, by version or by
//! whether a file is run or imported, is refused, never guessed.

mod codec;
mod cookie;
mod line_index;
mod notebook;
mod pth;
mod reason;

#[cfg(test)]
mod tests;

use core::ops::Range;
use std::sync::OnceLock;

use memchr::memchr;
use serde::{Deserialize, Serialize};

pub use self::reason::{Reason, Unanalysed};

use self::codec::Codec;
use self::line_index::LineIndex;
use crate::diagnostic::{Position, Span};

/// Bytes beyond which a file is not read: 20 MiB, an order of magnitude above the largest
/// modules that packages ship. A tree takes some ten times the memory of its text.
pub const SIZE_LIMIT: u64 = 20 << 20;

/// Places before this many bytes are told without an index of the lines.
const NEAR: u32 = 8192;

/// What a file is to Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FileKind {
    /// A module: `.py`, `.pyw`, or any file named by the user.
    Module,
    /// `sitecustomize.py` or `usercustomize.py`: `site` imports it at every start.
    StartupModule,
    /// A file without a Python suffix that names a Python interpreter in its first line.
    Script,
    /// `.ipynb`.
    Notebook,
    /// `.pth`: `site` executes its `import` lines at every start.
    StartupLines,
}

impl FileKind {
    /// The language its text is in.
    pub const fn mode(self) -> Mode {
        match self {
            Self::Module | Self::StartupModule | Self::Script | Self::StartupLines => Mode::Python,
            Self::Notebook => Mode::Ipython,
        }
    }

    /// Whether `site` runs it whenever an interpreter starts, were it on the path.
    pub const fn is_startup(self) -> bool {
        match self {
            Self::StartupModule | Self::StartupLines => true,
            Self::Module | Self::Script | Self::Notebook => false,
        }
    }
}

/// The language of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Python.
    Python,
    /// Python with magics, shell escapes and help (`%`, `!`, `?`).
    Ipython,
}

/// A stretch of the text that Python compiles on its own: a whole module, a notebook's cell, an
/// executed line of a `.pth` file. A statement that reaches from one part into the next is no
/// statement to Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Byte offset of its start.
    pub start: u32,
    /// Byte offset of its end, its last line end included.
    pub end: u32,
    /// The notebook's cell, from 1 counting all cells.
    pub cell: Option<u32>,
}

/// A cell magic (`%%name line`) and what becomes of the cell below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellMagic {
    /// The cell, from 1 counting all cells.
    pub cell: u32,
    /// Byte offset of its `%%` in the text.
    pub offset: u32,
    /// The magic's name, without `%%`.
    pub name: String,
    /// What follows the name on its line.
    pub line: String,
    /// What the body is.
    pub body: MagicBody,
}

/// What the body of a cell magic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MagicBody {
    /// Python: kept in the text.
    Python,
    /// Another language or data: left blank in the text.
    Other,
    /// The magic is not known: left blank, and to be reported as [`Reason::CellMagic`].
    Unknown,
}

/// One decoded file. The text is shorter than 4 GiB; offsets are bytes of it.
#[derive(Debug)]
pub struct Source {
    text: String,
    kind: FileKind,
    parts: Vec<Part>,
    magics: Vec<CellMagic>,
    index: OnceLock<LineIndex>,
}

/// Decodes a file of that kind.
pub fn decode(bytes: Vec<u8>, kind: FileKind) -> Result<Source, Unanalysed> {
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(too_large(bytes.len() as u64));
    }
    let (text, parts, magics) = match kind {
        FileKind::Module | FileKind::StartupModule | FileKind::Script => {
            let text = decode_module(bytes)?;
            let whole = Part { start: 0, end: offset(text.len()), cell: None };
            (text, vec![whole], Vec::new())
        }
        FileKind::Notebook => {
            let code = notebook::decode(&bytes)?;
            (code.text, code.parts, code.magics)
        }
        FileKind::StartupLines => {
            let (text, parts) = pth::decode(&bytes)?;
            (text, parts, Vec::new())
        }
    };
    Ok(Source { text, kind, parts, magics, index: OnceLock::new() })
}

/// What an editor has of a file of that kind: text that was decoded already.
///
/// # Errors
/// As [`decode`], for the file it will be written to.
pub fn from_text(text: String, kind: FileKind) -> Result<Source, Unanalysed> {
    let is_module = matches!(kind, FileKind::Module | FileKind::StartupModule | FileKind::Script);
    // Written in UTF-8 or in ASCII it is what the bytes say.
    if !is_module || text.is_ascii() || text.len() as u64 > SIZE_LIMIT {
        return decode(text.into_bytes(), kind);
    }
    let declared = cookie::declaration(text.as_bytes()).cookie.map(Codec::lookup);
    match declared {
        Some(Some(codec)) if !codec.has_escapes() && !matches!(codec, Codec::Utf8) => {
            Ok(Source::of_module(text, kind))
        }
        _ => decode(text.into_bytes(), kind),
    }
}

/// The refusal of a file of that many bytes.
pub(crate) fn too_large(bytes: u64) -> Unanalysed {
    let detail = format!("{bytes} bytes, more than the limit of {SIZE_LIMIT}");
    Unanalysed::new(Reason::TooLarge, detail)
}

impl Source {
    /// A module's text that is in no file.
    pub(crate) fn of_module(text: String, kind: FileKind) -> Self {
        let whole = Part { start: 0, end: offset(text.len()), cell: None };
        Self { text, kind, parts: vec![whole], magics: Vec::new(), index: OnceLock::new() }
    }

    /// The text to parse. Line ends are as in the file; what is no Python is left blank, so that
    /// rows and offsets stay right.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text, when nothing else is wanted of it any more.
    pub fn into_text(self) -> String {
        self.text
    }

    /// What the file is to Python.
    pub fn kind(&self) -> FileKind {
        self.kind
    }

    /// The language of the text.
    pub fn mode(&self) -> Mode {
        self.kind.mode()
    }

    /// What Python compiles separately, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The part that holds the byte at `offset`, or else the last one before it.
    pub fn part_at(&self, offset: u32) -> Option<&Part> {
        let after = self.parts.partition_point(|part| part.start <= offset);
        after.checked_sub(1).and_then(|at| self.parts.get(at))
    }

    /// Cell magics of a notebook, in order.
    pub fn cell_magics(&self) -> &[CellMagic] {
        &self.magics
    }

    /// Lines of the text; an empty one after a final line end is not counted.
    pub fn lines(&self) -> u64 {
        line_index::lines(&self.text) as u64
    }

    /// The cell, if any, and the place of a byte offset, which counts from the cell's first line.
    pub fn position(&self, offset: u32) -> (Option<u32>, Position) {
        let part = self.part_at(offset).filter(|part| part.cell.is_some());
        (part.and_then(|part| part.cell), self.place(offset, part))
    }

    /// The span of a byte range; both ends count rows in the cell of the start.
    pub fn span(&self, range: Range<u32>) -> Span {
        let part = self.part_at(range.start).filter(|part| part.cell.is_some());
        Span {
            cell: part.and_then(|part| part.cell),
            offset: range.start,
            start: self.place(range.start, part),
            end: self.place(range.end, part),
        }
    }

    /// The row of an offset, from 1, and the cell of a notebook it counts in.
    pub fn row(&self, offset: u32) -> (Option<u32>, u32) {
        let part = self.part_at(offset).filter(|part| part.cell.is_some());
        let first = part.map_or(0, |part| self.index().row(part.start));
        let row = self::offset(self.index().row(offset).saturating_sub(first)) + 1;
        (part.and_then(|part| part.cell), row)
    }

    /// The text of a line, its end not included. Rows count from 1, in a notebook from the start
    /// of the cell.
    pub fn line(&self, cell: Option<u32>, row: u32) -> Option<&str> {
        let index = self.index();
        let (mut first, mut end) = (0, self.text.len());
        if cell.is_some() {
            let found = self.parts.binary_search_by_key(&cell, |part| part.cell).ok()?;
            let part = self.parts.get(found)?;
            (first, end) = (index.row(part.start), part.end as usize);
        }
        let row = first + (row as usize).checked_sub(1)?;
        let start = index.start(row)? as usize;
        let next = index.start(row + 1).map_or(self.text.len(), |next| next as usize);
        if start >= end {
            return None;
        }
        Some(self.text.get(start..next)?.trim_end_matches(['\n', '\r']))
    }

    fn place(&self, offset: u32, part: Option<&Part>) -> Position {
        // Of most files only the imports are asked for, and they stand at the top.
        if part.is_none() && offset < NEAR && self.index.get().is_none() {
            let (row, column) = line_index::near_start(&self.text, offset);
            return Position { row: self::offset(row) + 1, column: column + 1 };
        }
        let index = self.index();
        let first = part.map_or(0, |part| index.row(part.start));
        Position {
            row: self::offset(index.row(offset).saturating_sub(first)) + 1,
            column: index.column(&self.text, offset) + 1,
        }
    }

    fn index(&self) -> &LineIndex {
        self.index.get_or_init(|| LineIndex::new(&self.text))
    }
}

/// Decodes Python source by PEP 263.
fn decode_module(mut bytes: Vec<u8>) -> Result<String, Unanalysed> {
    if let Some(mark) = foreign_mark(&bytes) {
        let detail = format!("{mark} byte order mark, which Python does not take");
        return Err(Unanalysed::new(Reason::Encoding, detail));
    }
    if let Some(at) = memchr(0, &bytes) {
        let detail = format!("NUL byte at offset {at}, line {}", line_at(&bytes, at));
        return Err(Unanalysed::new(Reason::NulBytes, detail));
    }
    let declaration = cookie::declaration(&bytes);
    let (bom, head) = (declaration.bom, declaration.head);
    let name = declaration.cookie.unwrap_or("utf-8").to_owned();
    // The tokenizer compares names, it does not look codecs up: even `utf8` conflicts.
    if bom > 0 && name != "utf-8" {
        let detail = format!("a UTF-8 byte order mark and the declared encoding {name} conflict");
        return Err(Unanalysed::new(Reason::Encoding, detail));
    }
    let Some(codec) = Codec::lookup(&name) else {
        let detail = format!("the declared encoding {name} is not known or not supported");
        return Err(Unanalysed::new(Reason::Encoding, detail));
    };
    if bom > 0 {
        bytes.drain(..bom);
    }
    if codec.has_escapes() {
        return decode_escapes(&bytes, &name, codec, head);
    }
    if let Codec::Utf8 = codec {
        // Nearly every file: no copy.
        return String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            malformed(error.as_bytes(), at, bom, &name)
        });
    }
    codec.decode(&bytes).map_err(|error| malformed(&bytes, error.at, bom, &name))
}

/// Decodes where escapes can stand for line ends. `CPython` decodes the lines up to the
/// declaration only when it imports, and translates line ends after decoding when it runs a
/// script, before when it imports. Where that makes a difference there is no one reading.
fn decode_escapes(
    bytes: &[u8],
    name: &str,
    codec: Codec,
    head: usize,
) -> Result<String, Unanalysed> {
    let decode = |bytes| codec.decode(bytes).map_err(|error| malformed(bytes, error.at, 0, name));
    let text = decode(bytes)?;
    if text.contains('\0') {
        let detail = format!("the declared encoding {name} makes a NUL character");
        return Err(Unanalysed::new(Reason::NulBytes, detail));
    }
    let head = bytes.get(..head).unwrap_or_default();
    let same_head = text.chars().take(head.len()).eq(head.iter().map(|&byte| char::from(byte)));
    let same_lines = if bytes.contains(&b'\r') || text.contains('\r') {
        let early = codec.decode(&translate_line_ends(bytes));
        early.is_ok_and(|early| early.as_bytes() == translate_line_ends(text.as_bytes()))
    } else {
        true
    };
    if same_head && same_lines {
        return Ok(text);
    }
    let detail = format!(
        "the declared encoding {name} makes other code of the file when it is run than when it \
         is imported"
    );
    Err(Unanalysed::new(Reason::Ambiguous, detail))
}

/// CR and CRLF to LF.
fn translate_line_ends(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().peekable();
    while let Some(&byte) = rest.next() {
        if byte == b'\r' {
            rest.next_if(|&&next| next == b'\n');
            out.push(b'\n');
        } else {
            out.push(byte);
        }
    }
    out
}

/// A byte order mark of another encoding than UTF-8.
fn foreign_mark(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        _ => None,
    }
}

fn malformed(bytes: &[u8], at: usize, skipped: usize, name: &str) -> Unanalysed {
    let line = line_at(bytes, at);
    let detail = format!("not {name} at byte offset {}, line {line}", at + skipped);
    Unanalysed::new(Reason::Encoding, detail)
}

/// The line, from 1, of a byte offset.
fn line_at(bytes: &[u8], at: usize) -> usize {
    let before = bytes.get(..at).unwrap_or_default();
    let ends = before.iter().filter(|&&byte| byte == b'\n' || byte == b'\r').count();
    ends - before.windows(2).filter(|pair| pair == b"\r\n").count() + 1
}

/// A length within [`SIZE_LIMIT`] times the few bytes one byte can decode to.
fn offset(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
