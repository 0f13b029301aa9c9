//! What a finding is recognised by when its file has changed around it.
//!
//! A fingerprint is made of the statement's text and of the name of the function or class around
//! it. Rows, comments, line breaks, the kind of quotes and trailing commas do not count, so that
//! neither an edit further up nor a formatter makes a finding look new. A change of the statement
//! itself does.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Span};
use crate::logical::LogicalLines;
use crate::source::Source;
use crate::syntax::{Parsed, TokenKind};

/// A finding's fingerprint; the same for every version of the tool and every system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Fingerprint {
    /// As it is displayed; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let digits =
            text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        digits.then(|| u64::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

/// The rule whose findings are about all of a file: any change of it makes them new.
const NOT_ANALYSED: &str = "not-analysed";

/// Give each finding of a file its fingerprint.
pub(crate) fn mark(source: &Source, parsed: &Parsed, findings: &mut [Diagnostic]) {
    if findings.is_empty() {
        return;
    }
    let places = Places::new(source, parsed);
    for finding in findings {
        finding.fingerprint = Some(if is_about_file(finding) {
            of_file(source, &finding.target)
        } else {
            places.at(&finding.span)
        });
    }
}

/// Whether a finding is known by all of its file, and not by its place.
pub(crate) fn is_about_file(finding: &Diagnostic) -> bool {
    finding.rule.0.name == NOT_ANALYSED
}

/// Of what is said of a file as a whole.
pub(crate) fn of_file(source: &Source, target: &str) -> Fingerprint {
    let mut hash = Fnv::new();
    hash.word(target);
    hash.word(source.text());
    Fingerprint(hash.0)
}

/// The places of a file, to take fingerprints of.
pub(crate) struct Places<'s> {
    source: &'s Source,
    lines: LogicalLines,
    /// Of each logical line, what its tokens come to.
    hashes: Vec<Fnv>,
}

impl<'s> Places<'s> {
    pub(crate) fn new(source: &'s Source, parsed: &Parsed) -> Self {
        let lines = LogicalLines::new(parsed, source.text());
        let hashes = hashes(parsed, source.text(), &lines);
        Self { source, lines, hashes }
    }

    /// Of what stands there.
    pub(crate) fn at(&self, span: &Span) -> Fingerprint {
        let mut hash = Fnv::new();
        let at = self.lines.index_at(span.offset);
        let line = at.and_then(|at| self.lines.lines.get(at));
        let scope = line.and_then(|line| self.lines.scopes.get(line.scope));
        hash.word(scope.map_or("", String::as_str));
        if let Some(statement) = at.and_then(|at| self.hashes.get(at)) {
            hash.word(&statement.0.to_string());
        } else {
            // A comment between statements.
            let row = self.source.line(span.cell, span.start.row);
            hash.word(row.unwrap_or_default().trim());
        }
        Fingerprint(hash.0)
    }
}

/// Of each logical line, what its tokens come to.
fn hashes(parsed: &Parsed, text: &str, lines: &LogicalLines) -> Vec<Fnv> {
    let mut hashes: Vec<Fnv> = lines.lines.iter().map(|_| Fnv::new()).collect();
    let mut at = 0;
    // A comma counts once it is known that no bracket closes behind it.
    let mut comma = false;
    for (kind, range) in parsed.tokens() {
        let (start, end) = (range.start().to_u32(), range.end().to_u32());
        while lines.lines.get(at).is_some_and(|line| line.range.end < start) {
            at += 1;
            comma = false;
        }
        let Some(hash) = hashes.get_mut(at) else { break };
        match kind {
            TokenKind::Comment
            | TokenKind::Newline
            | TokenKind::NonLogicalNewline
            | TokenKind::Indent
            | TokenKind::Dedent
            | TokenKind::EndOfFile => continue,
            TokenKind::Comma => {
                comma = true;
                continue;
            }
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => {}
            _ if comma => hash.word(","),
            _ => {}
        }
        comma = false;
        let word = text.get(start as usize..end as usize).unwrap_or_default();
        match kind {
            TokenKind::String | TokenKind::FStringStart | TokenKind::FStringEnd => {
                hash.word(&word.replace('\'', "\""));
            }
            _ => hash.word(word),
        }
    }
    hashes
}

/// FNV-1a, 64 bits (RFC 9923): a baseline outlives any hasher of the standard library, which may
/// change with its version.
#[derive(Clone, Copy)]
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Take a word in, and its end.
    fn word(&mut self, word: &str) {
        for byte in word.bytes().chain([0]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use hermetic_policy::PolicyOptions;

    use super::*;
    use crate::judge::Judgement;
    use crate::project::check_bytes;
    use crate::source::FileKind;

    fn of(text: &str) -> Vec<String> {
        let options = PolicyOptions { no_subprocess: true, ..PolicyOptions::default() };
        let policy = options.build().expect("valid");
        let judgement = Judgement { policy, fingerprints: true, ..Judgement::default() };
        let bytes = Ok(text.as_bytes().to_vec());
        let report =
            check_bytes(&judgement, &[], "a.py", bytes, FileKind::Module).expect("threads");
        let all = report.files.iter().flat_map(|file| &file.diagnostics);
        all.map(|d| d.fingerprint.expect("asked for").to_string()).collect()
    }

    #[test]
    fn what_does_not_count() {
        let one = of("import os\nos.system('ls', 1)\n");
        assert_eq!(one.len(), 1);
        for text in [
            "import os\n\n\nx = 1\nos.system('ls', 1)\n",
            "import os\nos.system(\"ls\", 1)\n",
            "import os\nos.system(\n    'ls',  # c\n    1,\n)\n",
            "import os\r\nif x:\r\n    os.system('ls', 1)",
        ] {
            assert_eq!(of(text), one, "{text}");
        }
    }

    #[test]
    fn what_counts() {
        let one = of("import os\nos.system('ls', 1)\n");
        for text in [
            "import os\nos.system('lss', 1)\n",
            "import os\nos.system('ls' 1)\n",
            "import os\ndef f():\n    os.system('ls', 1)\n",
            "import os\nclass f:\n  def f(self):\n    os.system('ls', 1)\n",
        ] {
            assert_ne!(of(text).first(), one.first(), "{text}");
        }
    }

    #[test]
    fn a_file_not_analysed_is_known_by_all_of_it() {
        assert_eq!(of("x = (\n"), of("x = (\n"));
        assert_ne!(of("x = (\n"), of("x = (\n\n"));
    }

    #[test]
    fn it_is_stable_and_read_back() {
        let mut hash = Fnv::new();
        hash.word("a");
        // What a file written by an older version holds.
        let shown = Fingerprint(hash.0).to_string();
        assert_eq!(shown, "089be207b544f1e4");
        assert_eq!(Fingerprint::parse(&shown), Some(Fingerprint(hash.0)));
        for text in ["", "89be207b544f1e4", "089BE207b544f1e4", "+89be207b544f1e4"] {
            assert_eq!(Fingerprint::parse(text), None, "{text}");
        }
    }
}
