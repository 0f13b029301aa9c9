//! Jupyter notebooks, formats 2 to 4.

use serde::Deserialize;

use super::{CellMagic, MagicBody, Part, Reason, Unanalysed, offset};

/// The code of a notebook.
#[derive(Debug, Default)]
pub(super) struct Code {
    /// The code cells, one after the other; bodies that are no Python left blank.
    pub text: String,
    /// One part for each code cell.
    pub parts: Vec<Part>,
    /// Cells that begin with a cell magic.
    pub magics: Vec<CellMagic>,
}

/// Cell magics that execute their body as Python: of `IPython`, then of well-known extensions.
const PYTHON_BODY: [&str; 12] = [
    "capture", "debug", "prun", "pypy", "python", "python3", "time", "timeit", //
    "ipytest", "memit", "px", "snakeviz",
];

/// Cell magics whose body is a program of another language, text or a file's content.
const OTHER_BODY: [&str; 25] = [
    "!",
    "HTML",
    "R",
    "SVG",
    "bash",
    "bigquery",
    "cmd",
    "file",
    "html",
    "javascript",
    "js",
    "julia",
    "latex",
    "markdown",
    "perl",
    "powershell",
    "python2",
    "ruby",
    "script",
    "sh",
    "sql",
    "svg",
    "sx",
    "system",
    "writefile",
];

#[derive(Deserialize)]
struct Notebook {
    #[serde(rename = "nbformat")]
    format: u64,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    cells: Vec<Cell>,
    #[serde(default)]
    worksheets: Vec<Worksheet>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    kernelspec: Option<Kernel>,
    language_info: Option<Language>,
}

#[derive(Deserialize)]
struct Kernel {
    name: Option<String>,
    language: Option<String>,
}

#[derive(Deserialize)]
struct Language {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Worksheet {
    #[serde(default)]
    cells: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    #[serde(rename = "cell_type")]
    kind: String,
    source: Option<Text>,
    input: Option<Text>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Whole(String),
    Lines(Vec<String>),
}

impl Text {
    fn join(self) -> String {
        match self {
            Self::Whole(text) => text,
            Self::Lines(lines) => lines.concat(),
        }
    }
}

/// Joins the code cells of a notebook whose language is Python.
pub(super) fn decode(bytes: &[u8]) -> Result<Code, Unanalysed> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let notebook: Notebook = serde_json::from_slice(bytes).map_err(|error| {
        Unanalysed::new(Reason::Notebook, format!("no valid notebook: {error}"))
    })?;
    let cells = match notebook.format {
        4 => notebook.cells,
        2 | 3 => notebook.worksheets.into_iter().flat_map(|sheet| sheet.cells).collect(),
        other => {
            let detail = format!("notebook format {other} is not known, only 2 to 4 are");
            return Err(Unanalysed::new(Reason::Notebook, detail));
        }
    };
    if let Some(language) = other_language(&notebook.metadata) {
        let detail = format!("the notebook's language is {language}");
        return Err(Unanalysed::new(Reason::NotebookLanguage, detail));
    }
    let mut code = Code::default();
    for (number, cell) in (1..).zip(cells) {
        if cell.kind == "code" {
            let source = if notebook.format == 4 { cell.source } else { cell.input };
            code.push(number, &source.map(Text::join).unwrap_or_default());
        }
    }
    if code.text.contains('\0') {
        return Err(Unanalysed::new(Reason::NulBytes, "a code cell contains a NUL character"));
    }
    Ok(code)
}

/// The language, where all the notebook says about it names another one than Python. Jupyter
/// starts the kernel by its name whatever the language fields say.
fn other_language(metadata: &Metadata) -> Option<&str> {
    let kernel = metadata.kernelspec.as_ref();
    let language = metadata.language_info.as_ref().and_then(|language| language.name.as_deref());
    let declared = kernel.and_then(|kernel| kernel.language.as_deref());
    let name = kernel.and_then(|kernel| kernel.name.as_deref());
    let is_python = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.contains("python") || name.contains("pypy") || name.starts_with("sage")
    };
    if [language, declared, name].into_iter().flatten().any(is_python) {
        return None;
    }
    language.or(declared)
}

impl Code {
    fn push(&mut self, cell: u32, source: &str) {
        let start = offset(self.text.len());
        match cell_magic(source) {
            None => self.text.push_str(source),
            Some(magic) => {
                let (kept, body) = source.split_at(magic.end);
                self.text.push_str(kept);
                if magic.body == MagicBody::Python {
                    self.text.push_str(body);
                } else {
                    self.text.extend(body.chars().filter(|char| matches!(char, '\n' | '\r')));
                }
                self.magics.push(CellMagic {
                    cell,
                    offset: start + offset(magic.start),
                    name: magic.name.to_owned(),
                    line: magic.line.to_owned(),
                    body: magic.body,
                });
            }
        }
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        // A backslash at the end of a cell does not reach into the next one.
        let end = self.text.get(start as usize..).unwrap_or_default();
        if end.trim_end_matches(['\n', '\r']).ends_with('\\') {
            self.text.push('\n');
        }
        self.parts.push(Part { start, end: offset(self.text.len()), cell: Some(cell) });
    }
}

/// A cell magic by its byte offsets in the cell.
struct Found<'a> {
    start: usize,
    /// Where the magic's line ends, the line end not counted.
    end: usize,
    name: &'a str,
    line: &'a str,
    body: MagicBody,
}

/// As `IPython` finds it (`IPython/core/inputtransformer2.py`): on the first line that is not
/// blank, indentation removed; `%%name?` asks for help instead.
fn cell_magic(source: &str) -> Option<Found<'_>> {
    let start = source.len() - source.trim_start().len();
    let rest = source.get(start..)?;
    let first = rest.split(['\n', '\r']).next()?;
    let command = first.strip_prefix("%%")?.trim_end();
    let (name, line) = command.split_once([' ', '\t']).unwrap_or((command, ""));
    let word = name.trim_start_matches(|char: char| char.is_alphanumeric() || char == '_');
    if word.len() < name.len() && word.starts_with('?') {
        return None;
    }
    let body = if PYTHON_BODY.contains(&name) {
        MagicBody::Python
    } else if OTHER_BODY.contains(&name) {
        MagicBody::Other
    } else {
        MagicBody::Unknown
    };
    Some(Found { start, end: start + first.len(), name, line: line.trim(), body })
}

#[cfg(test)]
mod tests;
