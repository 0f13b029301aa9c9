use std::fmt::Write;

use super::super::tests::python;
use super::*;

const UNITS: &str = "
import sys
for name in sys.stdin.read().split():
    def show(prefix, data):
        try:
            text = (prefix + data).decode(name)
        except UnicodeError:
            return
        print(name, (prefix + data).hex(), text.encode().hex())
    single = set()
    for byte in range(128, 256):
        try:
            bytes([byte]).decode(name)
            single.add(byte)
        except UnicodeError:
            pass
    for first in range(128, 256):
        if first not in single:
            for second in range(256):
                show(b'', bytes([first, second]))
    if name == 'euc_jp':
        for first in range(0xa1, 0xff):
            for second in range(0xa1, 0xff):
                show(b'\\x8f', bytes([first, second]))
";

/// The text of `ranges.rs`, from the `CPython` on this machine and `encoding_rs`.
fn generated() -> Option<String> {
    let names: Vec<&str> = Multibyte::names().collect();
    let output = python(UNITS, &names.join(" "))?;
    let mut text = String::from(
        "//! Byte sequences that `CPython` and `encoding_rs` decode alike, as inclusive ranges of\n\
         //! big-endian numbers. Written by the ignored test `write_ranges`; do not edit.\n",
    );
    for codec in &CODECS {
        for (suffix, length) in [("", 4), ("_8F", 6)] {
            let mut values: Vec<u16> = Vec::new();
            for line in output.lines() {
                let mut parts = line.split(' ');
                let mut part = || parts.next().expect("three parts");
                let (name, bytes, theirs) = (part(), part(), part());
                if name != codec.name || bytes.len() != length {
                    continue;
                }
                let all: Vec<u8> = (0..length / 2)
                    .map(|at| u8::from_str_radix(&bytes[at * 2..at * 2 + 2], 16).expect("hex"))
                    .collect();
                let ours = codec.encoding.decode_without_bom_handling_and_without_replacement(&all);
                let ours = ours.map(|text| {
                    text.bytes().fold(String::new(), |all, byte| all + &format!("{byte:02x}"))
                });
                if ours.as_deref() == Some(theirs) {
                    values.push(u16::from_str_radix(&bytes[length - 4..], 16).expect("hex"));
                }
            }
            if !values.is_empty() {
                write_table(&mut text, &format!("{}{suffix}", codec.name.to_uppercase()), &values);
            }
        }
    }
    Some(text)
}

fn write_table(text: &mut String, name: &str, values: &[u16]) {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for &value in values {
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == value => *end = value,
            _ => ranges.push((value, value)),
        }
    }
    let _ = write!(text, "\n#[rustfmt::skip]\npub(super) const {name}: &[(u16, u16)] = &[");
    for (at, (start, end)) in ranges.iter().enumerate() {
        text.push_str(if at % 5 == 0 { "\n    " } else { " " });
        let _ = write!(text, "({start:#06x}, {end:#06x}),");
    }
    text.push_str("\n];\n");
}

#[test]
fn ranges_are_what_cpython_and_encoding_rs_share() {
    let Some(generated) = generated() else { return };
    assert!(generated == include_str!("ranges.rs"), "run the ignored test write_ranges");
}

#[test]
#[ignore = "writes ranges.rs"]
fn write_ranges() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/source/codec/multibyte/ranges.rs");
    std::fs::write(path, generated().expect("python3")).expect("writable");
}
