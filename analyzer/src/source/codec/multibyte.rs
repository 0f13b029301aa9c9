//! The codecs of East Asia. The characters come from `encoding_rs`, whose encodings are WHATWG's
//! and wider or otherwise different; only sequences that mean the same to `CPython` are let
//! through, so a file decodes as there or not at all.

mod ranges;

use encoding_rs::Encoding;

use super::Malformed;

/// One codec: inclusive ranges of the byte sequences, as big-endian numbers, that `CPython` and
/// `encoding_rs` decode alike.
#[derive(Debug)]
pub(in crate::source) struct Multibyte {
    /// Module of `Lib/encodings`.
    name: &'static str,
    encoding: &'static Encoding,
    /// One byte from 128 on.
    single: &'static [(u16, u16)],
    /// Two bytes.
    pairs: &'static [(u16, u16)],
    /// The two bytes after 0x8F (`euc_jp`).
    after_8f: &'static [(u16, u16)],
    /// Whether two-byte sequences whose second byte is a digit start four bytes (`gb18030`).
    /// `CPython` and `encoding_rs` decode those alike, save [`FOUR_DIFFERS`].
    four: bool,
}

/// The one four-byte sequence of `gb18030` on which they differ: U+1E3F to `CPython`, a private
/// character to `encoding_rs`.
const FOUR_DIFFERS: [u8; 4] = [0x81, 0x35, 0xf4, 0x37];

impl Multibyte {
    /// The codec of that module.
    pub(super) fn named(module: &str) -> Option<&'static Self> {
        CODECS.iter().find(|codec| codec.name == module)
    }

    /// Every codec's module name.
    #[cfg(test)]
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        CODECS.iter().map(|codec| codec.name)
    }

    /// Decodes all of `bytes`, or refuses the first sequence that is malformed or means something
    /// else to `encoding_rs`.
    pub(super) fn decode(&self, bytes: &[u8]) -> Result<String, Malformed> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            at += self.sequence(rest).ok_or(Malformed { at })?;
        }
        match self.encoding.decode_without_bom_handling_and_without_replacement(bytes) {
            Some(text) => Ok(text.into_owned()),
            None => Err(Malformed { at: 0 }),
        }
    }

    /// Length of the sequence at the start, if it is let through.
    fn sequence(&self, bytes: &[u8]) -> Option<usize> {
        match *bytes {
            [first, ..] if first.is_ascii() => Some(1),
            [first, ..] if contains(self.single, u16::from(first)) => Some(1),
            [0x8f, second, third, ..] if !self.after_8f.is_empty() => {
                contains(self.after_8f, u16::from_be_bytes([second, third])).then_some(3)
            }
            [a, b @ b'0'..=b'9', c, d, ..] if self.four => {
                ([a, b, c, d] != FOUR_DIFFERS).then_some(4)
            }
            [first, second, ..] => {
                contains(self.pairs, u16::from_be_bytes([first, second])).then_some(2)
            }
            _ => None,
        }
    }
}

fn contains(ranges: &[(u16, u16)], value: u16) -> bool {
    let after = ranges.partition_point(|&(start, _)| start <= value);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|&(_, end)| value <= end)
}

macro_rules! codec {
    ($name:literal, $encoding:ident, $single:expr, $pairs:ident) => {
        Multibyte {
            name: $name,
            encoding: &encoding_rs::$encoding,
            single: $single,
            pairs: ranges::$pairs,
            after_8f: &[],
            four: false,
        }
    };
}

static CODECS: [Multibyte; 11] = [
    codec!("big5", BIG5_INIT, &[], BIG5),
    codec!("big5hkscs", BIG5_INIT, &[], BIG5HKSCS),
    codec!("cp932", SHIFT_JIS_INIT, &[(0x80, 0x80), (0xa1, 0xdf)], CP932),
    codec!("cp949", EUC_KR_INIT, &[], CP949),
    codec!("cp950", BIG5_INIT, &[], CP950),
    Multibyte { after_8f: ranges::EUC_JP_8F, ..codec!("euc_jp", EUC_JP_INIT, &[], EUC_JP) },
    codec!("euc_kr", EUC_KR_INIT, &[], EUC_KR),
    Multibyte { four: true, ..codec!("gb18030", GB18030_INIT, &[], GB18030) },
    codec!("gb2312", GBK_INIT, &[], GB2312),
    codec!("gbk", GBK_INIT, &[], GBK),
    codec!("shift_jis", SHIFT_JIS_INIT, &[(0xa1, 0xdf)], SHIFT_JIS),
];

#[cfg(test)]
mod tests;
