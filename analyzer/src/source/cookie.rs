//! The encoding declaration of PEP 263, as the tokenizer of `CPython` finds it
//! (`Parser/tokenizer.c`, `check_bom`, `check_coding_spec`, `get_coding_spec`).

use memchr::memchr2;

/// What the head of a file says about its encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declaration<'a> {
    /// Bytes of the UTF-8 byte order mark: 0 or 3.
    pub bom: usize,
    /// The codec's name as written, or as [`normal_name`] has it where that differs.
    pub cookie: Option<&'a str>,
    /// Length in bytes, mark included, of the lines up to the declaration, which `CPython` reads
    /// undecoded when it runs a script and decodes when it imports a module.
    pub head: usize,
}

/// The UTF-8 byte order mark.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads the declaration from line 1, or from line 2 where line 1 is blank or a comment.
pub(super) fn declaration(bytes: &[u8]) -> Declaration<'_> {
    let bom = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
    let mut start = bom;
    for _ in 0..2 {
        let rest = bytes.get(start..).unwrap_or_default();
        let (line, next) = first_line(rest);
        if let Some(name) = coding(line) {
            return Declaration { bom, cookie: Some(normal_name(name)), head: start + next };
        }
        if !is_blank_or_comment(line) {
            break;
        }
        start += next;
    }
    Declaration { bom, cookie: None, head: bom }
}

/// The line without its end, and where the next one starts. LF, CR and CRLF end a line.
fn first_line(bytes: &[u8]) -> (&[u8], usize) {
    let Some(end) = memchr2(b'\n', b'\r', bytes) else { return (bytes, bytes.len()) };
    let (line, rest) = bytes.split_at(end);
    (line, end + if rest.starts_with(b"\r\n") { 2 } else { 1 })
}

fn skip_blank(line: &[u8]) -> &[u8] {
    let blank = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | 0x0c)).count();
    line.get(blank..).unwrap_or_default()
}

fn is_blank_or_comment(line: &[u8]) -> bool {
    matches!(skip_blank(line).first(), None | Some(b'#'))
}

/// `^[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+)`
fn coding(line: &[u8]) -> Option<&str> {
    let comment = skip_blank(line);
    if comment.first() != Some(&b'#') {
        return None;
    }
    memchr::memmem::find_iter(comment, b"coding").find_map(|at| {
        let rest = comment.get(at + b"coding".len()..)?;
        let (&mark, rest) = rest.split_first()?;
        if !matches!(mark, b':' | b'=') {
            return None;
        }
        let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let rest = rest.get(blank..)?;
        let name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let name = rest.get(..rest.iter().take_while(name).count())?;
        if name.is_empty() { None } else { core::str::from_utf8(name).ok() }
    })
}

/// The tokenizer's own short list (`get_normal_name`): `utf-8-unix` is UTF-8, `latin-1-dos` is
/// Latin-1. Only the first twelve characters count.
fn normal_name(name: &str) -> &str {
    let start: String = name
        .chars()
        .take(12)
        .map(|char| if char == '_' { '-' } else { char.to_ascii_lowercase() })
        .collect();
    let is = |known: &str| {
        start.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    if is("utf-8") {
        "utf-8"
    } else if is("latin-1") || is("iso-8859-1") || is("iso-latin-1") {
        "iso-8859-1"
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(bytes: &[u8]) -> Option<&str> {
        declaration(bytes).cookie
    }

    #[test]
    fn a_cookie_stands_on_line_one_or_after_a_blank_or_comment_line() {
        assert_eq!(cookie(b"# coding: koi8-r\n"), Some("koi8-r"));
        assert_eq!(
            cookie(b"#!/usr/bin/python\n# vim: set fileencoding=cp1251 :\n"),
            Some("cp1251")
        );
        assert_eq!(cookie(b" \t\x0c\n#coding=gbk"), Some("gbk"));
        assert_eq!(cookie(b"#\r# coding: gbk\r"), Some("gbk"));
        assert_eq!(cookie(b"#\r\n# coding: gbk\r\n"), Some("gbk"));
        assert_eq!(cookie(b"\n\n# coding: gbk\n"), None);
        assert_eq!(cookie(b"x = 1\n# coding: gbk\n"), None);
        assert_eq!(cookie(b"\\\n# coding: gbk\n"), None);
        assert_eq!(cookie(b"x = 1 # coding: gbk\n"), None);
        assert_eq!(cookie(b"\x0b# coding: gbk\n"), None);
        assert_eq!(cookie(b""), None);
    }

    #[test]
    fn the_first_that_fits_counts() {
        assert_eq!(cookie(b"#coding= coding:latin-1"), Some("coding"));
        assert_eq!(cookie(b"#coding=\"x\" coding:gbk"), Some("gbk"));
        assert_eq!(cookie(b"#coding : gbk\n#xcoding:\t big5;"), Some("big5"));
        assert_eq!(cookie(b"# coding: \xff\n"), None);
    }

    #[test]
    fn the_tokenizer_has_its_own_names() {
        assert_eq!(cookie(b"# coding: UTF_8-dos"), Some("utf-8"));
        assert_eq!(cookie(b"# coding: utf8"), Some("utf8"));
        assert_eq!(cookie(b"# coding: Latin-1-unix"), Some("iso-8859-1"));
        assert_eq!(cookie(b"# coding: iso-latin-1-mac"), Some("iso-8859-1"));
        assert_eq!(cookie(b"# coding: iso-8859-15"), Some("iso-8859-15"));
    }

    #[test]
    fn the_head_ends_with_the_cookie_line() {
        let found = declaration(b"\xef\xbb\xbf#\r\n# coding: utf-8\r\nx");
        assert_eq!((found.bom, found.head, found.cookie), (3, 23, Some("utf-8")));
    }
}
