//! Codecs of `CPython` by name: each either decodes exactly as there or refuses.

mod charmap;
mod escape;
mod multibyte;
mod utf7;

#[cfg(test)]
mod tests;

use self::charmap::{ALIASES, TABLES};
use self::multibyte::Multibyte;

/// Bytes the codec refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// Offset of the first byte of the sequence at fault.
    pub at: usize,
}

/// One codec.
#[derive(Clone, Copy, Debug)]
pub(super) enum Codec {
    /// `utf_8`, strict; surrogates refused.
    Utf8,
    /// `ascii`.
    Ascii,
    /// `latin_1`, and `charmap` without a table: byte n is character n.
    Latin1,
    /// A single-byte codec: the characters of the bytes from 128 on.
    Charmap(&'static str),
    /// A codec of East Asia.
    Multibyte(&'static Multibyte),
    /// `utf_7`.
    Utf7,
    /// `unicode_escape`.
    UnicodeEscape,
    /// `raw_unicode_escape`.
    RawUnicodeEscape,
}

impl Codec {
    /// Finds a codec as `codecs.lookup` does: normalised name, then `encodings.aliases`, then the
    /// module of that name. `None` for what is unknown there or not supported here.
    pub(super) fn lookup(name: &str) -> Option<Self> {
        let name = normalise(name);
        let alias = |name: &str| {
            let found = ALIASES.binary_search_by_key(&name, |&(alias, _)| alias).ok()?;
            ALIASES.get(found).map(|&(_, module)| module)
        };
        let module = alias(&name).or_else(|| alias(&name.replace('.', "_"))).unwrap_or(&name);
        Some(match module {
            "utf_8" | "utf_8_sig" => Self::Utf8,
            "ascii" => Self::Ascii,
            "latin_1" | "iso8859_1" | "charmap" => Self::Latin1,
            "utf_7" => Self::Utf7,
            "unicode_escape" => Self::UnicodeEscape,
            "raw_unicode_escape" => Self::RawUnicodeEscape,
            _ => match TABLES.binary_search_by_key(&module, |&(name, _)| name) {
                Ok(found) => Self::Charmap(TABLES.get(found)?.1),
                Err(_) => Self::Multibyte(Multibyte::named(module)?),
            },
        })
    }

    /// Whether bytes can stand for other ASCII characters than their own, so that a line end or
    /// code can hide behind them.
    pub(super) const fn has_escapes(self) -> bool {
        match self {
            Self::Utf7 | Self::UnicodeEscape | Self::RawUnicodeEscape => true,
            Self::Utf8 | Self::Ascii | Self::Latin1 | Self::Charmap(_) | Self::Multibyte(_) => {
                false
            }
        }
    }

    /// Decodes all of `bytes`, or refuses.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<String, Malformed> {
        match self {
            Self::Utf8 => match core::str::from_utf8(bytes) {
                Ok(text) => Ok(text.to_owned()),
                Err(error) => Err(Malformed { at: error.valid_up_to() }),
            },
            Self::Ascii => match bytes.iter().position(|byte| !byte.is_ascii()) {
                None => Ok(bytes.iter().map(|&byte| char::from(byte)).collect()),
                Some(at) => Err(Malformed { at }),
            },
            Self::Latin1 => Ok(bytes.iter().map(|&byte| char::from(byte)).collect()),
            Self::Charmap(table) => charmap(bytes, table),
            Self::Multibyte(codec) => codec.decode(bytes),
            Self::Utf7 => utf7::decode(bytes),
            Self::UnicodeEscape => escape::unicode(bytes),
            Self::RawUnicodeEscape => escape::raw_unicode(bytes),
        }
    }
}

fn charmap(bytes: &[u8], table: &str) -> Result<String, Malformed> {
    let table: Vec<char> = table.chars().collect();
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 2);
    for (at, &byte) in bytes.iter().enumerate() {
        text.push(match byte.checked_sub(128) {
            None => char::from(byte),
            Some(high) => match table.get(usize::from(high)) {
                Some(&char) if char != char::REPLACEMENT_CHARACTER => char,
                _ => return Err(Malformed { at }),
            },
        });
    }
    Ok(text)
}

/// `encodings.normalize_encoding`, lower case: runs of anything but letters, digits and the dot
/// become one underscore, none at the start.
fn normalise(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut gap = false;
    for char in name.chars() {
        if char.is_ascii_alphanumeric() || char == '.' {
            if gap && !out.is_empty() {
                out.push('_');
            }
            out.push(char.to_ascii_lowercase());
            gap = false;
        } else {
            gap = true;
        }
    }
    out
}
