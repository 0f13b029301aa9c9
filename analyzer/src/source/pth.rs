//! `.pth` files: the lines `site` executes at start-up (`Lib/site.py`, `addpackage`).
//!
//! Lines that begin with `import` and a space or tab are executed one by one; all others name
//! folders. Up to 3.12 a line ends where a text file's does; later versions take
//! `str.splitlines`, which knows more line ends, after decoding UTF-8 or else the locale's
//! encoding.

use memchr::memchr2;

use super::{Part, Reason, Unanalysed, offset};

/// Line ends of `str.splitlines` that are no line ends of a text file, in UTF-8.
const SEPARATORS: [&[u8]; 8] =
    [b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9"];

/// The executed lines, each a part of its own; all others left blank.
pub(super) fn decode(bytes: &[u8]) -> Result<(String, Vec<Part>), Unanalysed> {
    let utf8 = core::str::from_utf8(bytes).is_ok();
    let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut text = String::new();
    let mut parts = Vec::new();
    let mut row = 0;
    while !rest.is_empty() {
        row += 1;
        let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, tail) = rest.split_at(end);
        rest = tail.strip_prefix(b"\r\n").or_else(|| tail.get(1..)).unwrap_or_default();

        let mut pieces = pieces(line, utf8);
        let whole = is_executed(line);
        let first = pieces.next().unwrap_or_default();
        if (whole && first.len() < line.len()) || pieces.any(is_executed) {
            let detail = format!(
                "line {row} holds a separator that ends the line for some versions of Python only"
            );
            return Err(Unanalysed::new(Reason::Ambiguous, detail));
        }
        if whole {
            if line.contains(&0) {
                let detail = format!("line {row} contains a NUL byte");
                return Err(Unanalysed::new(Reason::NulBytes, detail));
            }
            let Ok(code) = core::str::from_utf8(line) else {
                let detail = format!("line {row} is not UTF-8 and would be read as the locale's");
                return Err(Unanalysed::new(Reason::Encoding, detail));
            };
            let start = offset(text.len());
            text.push_str(code);
            parts.push(Part { start, end: offset(text.len() + 1), cell: None });
        }
        text.push('\n');
    }
    if parts.is_empty() && is_checkpoint(bytes) {
        let detail = "saved model weights by the first bytes, no line that site would execute";
        return Err(Unanalysed::new(Reason::Checkpoint, detail));
    }
    Ok((text, parts))
}

fn is_executed(line: &[u8]) -> bool {
    line.starts_with(b"import ") || line.starts_with(b"import\t")
}

/// The lines that `str.splitlines` makes of one. Where the file is not UTF-8, byte 0x85 counts:
/// it is NEXT LINE in Latin-1.
fn pieces(line: &[u8], utf8: bool) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    core::iter::from_fn(move || {
        let bytes = rest?;
        let separator = |at: usize| {
            let tail = bytes.get(at..).unwrap_or_default();
            let known = SEPARATORS.iter().find(|known| tail.starts_with(known));
            known.map(|known| known.len()).or((!utf8 && tail.first() == Some(&0x85)).then_some(1))
        };
        let found = (0..bytes.len()).find_map(|at| separator(at).map(|length| (at, length)));
        let (end, next) = match found {
            Some((at, length)) => (at, bytes.get(at + length..)),
            None => (bytes.len(), None),
        };
        rest = next;
        bytes.get(..end)
    })
}

/// A zip archive, or a pickle of protocol 2 to 5: what `torch.save` writes under this name.
fn is_checkpoint(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || matches!(bytes, [0x80, 2..=5, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        decode(bytes).expect("decodes").0
    }

    fn reason(bytes: &[u8]) -> Reason {
        decode(bytes).expect_err("is refused").reason
    }

    #[test]
    fn only_import_lines_are_kept_and_rows_stay() {
        let bytes =
            b"# import os\n../lib\r\nimport os; os.x()\r\n importx\nimport\tsys\rimportlib\n";
        assert_eq!(text(bytes), "\n\nimport os; os.x()\n\nimport\tsys\n\n");
        assert_eq!(decode(bytes).expect("decodes").1.len(), 2);
    }

    #[test]
    fn a_byte_order_mark_is_stripped() {
        assert_eq!(text(b"\xef\xbb\xbfimport os"), "import os\n");
    }

    #[test]
    fn what_versions_split_differently_is_refused() {
        assert_eq!(reason(b"# note\x0cimport os\n"), Reason::Ambiguous);
        assert_eq!(reason("lib\u{2028}import os\n".as_bytes()), Reason::Ambiguous);
        assert_eq!(reason("import a; b = '\u{85}'\n".as_bytes()), Reason::Ambiguous);
        assert_eq!(reason(b"lib\xff\x85import os\n"), Reason::Ambiguous);
        assert_eq!(text("lib\u{2028}other\n".as_bytes()), "\n");
    }

    #[test]
    fn bytes_that_are_no_utf8_matter_on_executed_lines_only() {
        assert_eq!(text(b"caf\xe9\nimport os\n"), "\nimport os\n");
        assert_eq!(reason(b"import os; x = '\xe9'\n"), Reason::Encoding);
        assert_eq!(reason(b"import os\0\n"), Reason::NulBytes);
    }

    #[test]
    fn model_weights_are_told_apart_unless_a_line_would_run() {
        assert_eq!(reason(b"PK\x03\x04\0\0data"), Reason::Checkpoint);
        assert_eq!(reason(b"\x80\x02}q\0."), Reason::Checkpoint);
        assert_eq!(text(b"PK\x03\x04\nimport os\n"), "\nimport os\n");
        assert_eq!(text(b""), "");
    }
}
