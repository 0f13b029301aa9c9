//! UTF-7 as `CPython` decodes it (`Objects/unicodeobject.c`, `PyUnicode_DecodeUTF7Stateful`).

use super::Malformed;

/// A base64 run under way.
#[derive(Default)]
struct Shift {
    start: usize,
    bits: u32,
    count: u32,
    high: Option<u16>,
}

/// Decodes all of `bytes`.
pub(super) fn decode(bytes: &[u8]) -> Result<String, Malformed> {
    let mut text = String::with_capacity(bytes.len());
    let mut shift: Option<Shift> = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if let Some(run) = &mut shift {
            if let Some(value) = base64(byte) {
                run.push(value, &mut text)?;
                at += 1;
                continue;
            }
            run.finish()?;
            shift = None;
            if byte == b'-' {
                at += 1;
            }
            // Any other terminator is read again as plain text.
        } else if byte == b'+' {
            match bytes.get(at + 1) {
                Some(b'-') => {
                    text.push('+');
                    at += 2;
                }
                Some(&next) if base64(next).is_none() => return Err(Malformed { at }),
                _ => {
                    shift = Some(Shift { start: at, ..Shift::default() });
                    at += 1;
                }
            }
        } else if byte.is_ascii() {
            text.push(char::from(byte));
            at += 1;
        } else {
            return Err(Malformed { at });
        }
    }
    if let Some(run) = shift {
        run.finish()?;
    }
    Ok(text)
}

impl Shift {
    fn push(&mut self, value: u8, text: &mut String) -> Result<(), Malformed> {
        self.bits = self.bits << 6 | u32::from(value);
        self.count += 6;
        if self.count < 16 {
            return Ok(());
        }
        self.count -= 16;
        let unit = u16::try_from(self.bits >> self.count & 0xffff).unwrap_or_default();
        self.bits &= (1 << self.count) - 1;
        let units = match self.high.take() {
            Some(high) => [high, unit],
            None if (0xd800..0xdc00).contains(&unit) => {
                self.high = Some(unit);
                return Ok(());
            }
            None => [unit, 0],
        };
        let used = if (0xd800..0xdc00).contains(&units[0]) { 2 } else { 1 };
        // A surrogate on its own decodes but has no UTF-8, which the tokenizer needs.
        for char in char::decode_utf16(units.into_iter().take(used)) {
            text.push(char.map_err(|_| Malformed { at: self.start })?);
        }
        Ok(())
    }

    fn finish(&self) -> Result<(), Malformed> {
        if self.high.is_some() || self.count >= 6 || self.bits != 0 {
            return Err(Malformed { at: self.start });
        }
        Ok(())
    }
}

fn base64(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}
