//! Every codec against the `CPython` on this machine.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use super::charmap::{ALIASES, TABLES};
use super::multibyte::Multibyte;
use super::*;

/// Runs a script in `python3`; `None`, loudly, where there is none.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
pub(super) fn python(script: &str, input: &str) -> Option<String> {
    let spawned = Command::new("python3")
        .args(["-I", "-W", "ignore", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        eprintln!("SKIPPED: no python3 to compare with");
        return None;
    };
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("python3 ends");
    writer.join().expect("no panic").expect("python3 reads its input");
    assert!(output.status.success(), "the script failed in python3");
    Some(String::from_utf8(output.stdout).expect("the script writes UTF-8"))
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).expect("hex"))
        .collect()
}

/// Compares what the script prints, `codec hex result-in-hex-of-utf-8` or `!` where `CPython`
/// refuses, with our decoding. Returns how many sequences of each codec `CPython` decodes and we
/// refuse.
fn compare(script: &str, input: &str) -> Option<BTreeMap<String, usize>> {
    let output = python(script, input)?;
    let mut refused = BTreeMap::new();
    let mut lines = 0;
    for line in output.lines() {
        lines += 1;
        let mut parts = line.split(' ');
        let mut part = || parts.next().expect("three parts");
        let (name, bytes, theirs) = (part(), unhex(part()), part());
        let codec = Codec::lookup(name).unwrap_or_else(|| panic!("{name} is not supported"));
        let theirs = (theirs != "!").then(|| String::from_utf8(unhex(theirs)).expect("UTF-8"));
        let ours = codec.decode(&bytes).ok();
        if ours.is_none() && theirs.is_some() {
            *refused.entry(name.to_owned()).or_default() += 1;
        } else {
            assert_eq!(ours, theirs, "{name} {bytes:02x?}");
        }
    }
    assert!(lines > 0);
    Some(refused)
}

const SHOW: &str = "
import sys, random
def show(name, data):
    try:
        print(name, data.hex(), data.decode(name).encode().hex())
    except UnicodeError:
        print(name, data.hex(), '!')
def known(names):
    for name in names:
        try:
            b''.decode(name)
            yield name
        except LookupError:
            pass
";

#[test]
fn every_byte_of_every_single_byte_codec_is_cpythons() {
    let script = format!(
        "{SHOW}
for name in known(sys.stdin.read().split()):
    for byte in range(256):
        show(name, bytes([byte]))
"
    );
    let mut names: Vec<&str> = TABLES.iter().map(|&(name, _)| name).collect();
    names.extend(["ascii", "latin_1", "charmap", "utf_8"]);
    let Some(refused) = compare(&script, &names.join(" ")) else { return };
    assert_eq!(refused, BTreeMap::new());
}

#[test]
fn two_bytes_of_every_other_codec_are_cpythons_or_refused() {
    let script = format!(
        "{SHOW}
for name in known(sys.stdin.read().split()):
    for first in range(256):
        show(name, bytes([first]))
        for second in range(256):
            show(name, bytes([first, second]))
"
    );
    let mut names: Vec<&str> = Multibyte::names().collect();
    names.extend(["utf_7", "utf_8", "unicode_escape", "raw_unicode_escape"]);
    let Some(refused) = compare(&script, &names.join(" ")) else { return };
    let known = [
        ("big5", 260),
        ("big5hkscs", 11),
        // Four bytes, alone and before and after each of 192 single bytes and each other.
        ("cp932", 4 + 2 * 4 * 192 + 16),
        ("cp950", 250),
        ("euc_jp", 6),
        ("gb18030", 20),
        ("gb2312", 2),
        ("shift_jis", 6),
    ];
    for (name, count) in &refused {
        let expected = known.iter().find(|(known, _)| known == name).map(|(_, count)| *count);
        assert_eq!(Some(*count), expected, "{name}");
    }
}

#[test]
fn three_and_four_byte_sequences_are_cpythons_or_refused() {
    let script = format!(
        "{SHOW}
for first in range(0xa1, 0xff):
    for second in range(0xa1, 0xff):
        show('euc_jp', bytes([0x8f, first, second]))
for first in range(0x81, 0xff):
    for second in range(0x30, 0x3a):
        for third in range(0x81, 0xff, 5):
            for fourth in range(0x30, 0x3a, 3):
                show('gb18030', bytes([first, second, third, fourth]))
show('gb18030', bytes([0x81, 0x35, 0xf4, 0x37]))
"
    );
    let Some(refused) = compare(&script, "") else { return };
    assert!(refused.values().all(|&count| count == 1), "{refused:?}");
}

#[test]
fn random_text_is_cpythons_or_refused() {
    let script = format!(
        "{SHOW}
pick = random.Random(20)
escapes = [b'\\\\', b'\\\\', b'\\\\u', b'\\\\U000', b'\\\\x', b'\\\\N', b'0', b'1', b'7', b'a', b'e9', b'd800',
    b'\\n', b'\\r', b'n', b'r', b'q', b' ', b'\\xe9', b'\\'', b'{{', b'0041', b'00000041']
shifts = [b'+', b'+', b'-', b'AGE', b'A', b'AAo', b'2D3cAA', b'2D0', b'/', b' ', b'\\n', b'x', b'9', b'\\xe9', b'~', b'\\\\']
for _ in range(40000):
    data = b''.join(pick.choice(escapes) for _ in range(pick.randrange(9)))
    show('unicode_escape', data)
    show('raw_unicode_escape', data)
    show('utf_7', b''.join(pick.choice(shifts) for _ in range(pick.randrange(9))))
for name in known(sys.stdin.read().split()):
    for _ in range(3000):
        show(name, bytes(pick.choice([pick.randrange(256), pick.randrange(0x81, 0xff), 0x30, 10])
            for _ in range(pick.randrange(7))))
"
    );
    let names: Vec<&str> = Multibyte::names().collect();
    let Some(refused) = compare(&script, &names.join(" ")) else { return };
    assert!(!refused.contains_key("utf_7") && !refused.contains_key("raw_unicode_escape"));
}

#[test]
fn names_are_found_as_in_cpython() {
    for name in ["LATIN1", "l1", "iso.8859.1", "_latin1_", "ISO  8859-1", "cp819", "charmap"] {
        assert!(matches!(Codec::lookup(name), Some(Codec::Latin1)), "{name}");
    }
    for name in ["U8", "utf8", "cp65001", "utf_8_sig"] {
        assert!(matches!(Codec::lookup(name), Some(Codec::Utf8)), "{name}");
    }
    assert!(matches!(Codec::lookup("unicode-1-1-utf-7"), Some(Codec::Utf7)));
    for name in ["", "rot13", "hex", "utf-16", "utf-32-le", "cp037", "hz", "punycode", "nonesuch"] {
        assert!(Codec::lookup(name).is_none(), "{name}");
    }
}

#[test]
fn aliases_are_cpythons() {
    let script = "
import sys, codecs, encodings
for name in sys.stdin.read().split():
    found = encodings.aliases.aliases.get(name)
    if found is not None:
        print(name, found)
";
    let names: Vec<&str> = ALIASES.iter().map(|&(alias, _)| alias).collect();
    let Some(output) = python(script, &names.join(" ")) else { return };
    for line in output.lines() {
        let (alias, module) = line.split_once(' ').expect("two parts");
        assert!(ALIASES.contains(&(alias, module)), "{line}");
    }
}

#[test]
fn tables_are_sorted_and_whole() {
    assert!(ALIASES.is_sorted_by(|one, other| one.0 < other.0));
    assert!(TABLES.is_sorted_by(|one, other| one.0 < other.0));
    for (name, table) in TABLES {
        assert_eq!(table.chars().count(), 128, "{name}");
    }
    for (alias, _) in ALIASES {
        assert!(Codec::lookup(alias).is_some(), "{alias}");
    }
}
