//! `unicode_escape` and `raw_unicode_escape` as `CPython` decodes them
//! (`Objects/unicodeobject.c`). Bytes outside escapes are Latin-1.

use super::Malformed;

/// Decodes `unicode_escape`: the escapes of a string literal. `\N{...}` is refused, for the names
/// it knows change with the version of Python.
pub(super) fn unicode(bytes: &[u8]) -> Result<String, Malformed> {
    let mut text = String::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'\\' {
            text.push(char::from(byte));
            at += 1;
            continue;
        }
        let malformed = Malformed { at };
        let &kind = bytes.get(at + 1).ok_or(malformed)?;
        at += 2;
        match kind {
            b'\n' => {}
            b'\\' | b'\'' | b'"' => text.push(char::from(kind)),
            b'a' => text.push('\x07'),
            b'b' => text.push('\x08'),
            b't' => text.push('\t'),
            b'n' => text.push('\n'),
            b'v' => text.push('\x0b'),
            b'f' => text.push('\x0c'),
            b'r' => text.push('\r'),
            b'0'..=b'7' => {
                let mut value = u32::from(kind - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = bytes.get(at) else { break };
                    value = value * 8 + u32::from(digit - b'0');
                    at += 1;
                }
                text.push(char::from_u32(value).ok_or(malformed)?);
            }
            b'x' | b'u' | b'U' => {
                let digits = digits(kind);
                text.push(hexadecimal(bytes, at, digits).ok_or(malformed)?);
                at += digits;
            }
            b'N' => return Err(malformed),
            _ => text.extend(['\\', char::from(kind)]),
        }
    }
    Ok(text)
}

/// Decodes `raw_unicode_escape`: `\uXXXX` and `\UXXXXXXXX` alone. A backslash before any other
/// byte keeps that byte, a backslash too, from starting an escape.
pub(super) fn raw_unicode(bytes: &[u8]) -> Result<String, Malformed> {
    let mut text = String::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        text.push(char::from(byte));
        at += 1;
        if byte != b'\\' {
            continue;
        }
        match bytes.get(at) {
            Some(&kind @ (b'u' | b'U')) => {
                let digits = digits(kind);
                text.pop();
                let malformed = Malformed { at: at - 1 };
                text.push(hexadecimal(bytes, at + 1, digits).ok_or(malformed)?);
                at += 1 + digits;
            }
            Some(&other) => {
                text.push(char::from(other));
                at += 1;
            }
            None => {}
        }
    }
    Ok(text)
}

const fn digits(kind: u8) -> usize {
    match kind {
        b'x' => 2,
        b'u' => 4,
        _ => 8,
    }
}

/// `None` for a wrong or missing digit, and for what is no Unicode scalar value: a surrogate
/// decodes but has no UTF-8, which the tokenizer needs.
fn hexadecimal(bytes: &[u8], at: usize, digits: usize) -> Option<char> {
    let mut value = 0;
    for &digit in bytes.get(at..at + digits)? {
        value = value << 4 | char::from(digit).to_digit(16)?;
    }
    char::from_u32(value)
}
