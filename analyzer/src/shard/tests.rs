use std::path::Path;

use super::*;

fn part(text: &str) -> Part {
    text.parse().expect("a part")
}

fn name(path: &str) -> FileName {
    FileName::new(Path::new(path), Path::new("/base"))
}

/// A shard of one part with some of the files `0.py`, `1.py` ...
fn shard(text: &str, words: &[&str], graph: bool) -> Shard {
    let part = part(text);
    let names = (0..40).map(|number| name(&format!("{number}.py")));
    let entry = |name: FileName| {
        let content = blake3::hash(&name.0);
        let entry = Entry {
            kind: FileKind::Module,
            names: [7; 32],
            content: Some(content.into()),
            facts: Some(vec![1, 2, 3].into()),
            links: None,
        };
        (name, entry)
    };
    let files = names.filter(|name| part.has(name)).map(entry).collect();
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    Shard::of(part, Common::new(part, words, graph), files)
}

#[test]
fn parts_are_told_from_what_is_none() {
    assert_eq!((part("2/3").number(), part("2/3").of()), (2, 3));
    assert_eq!(part("4096/4096").to_string(), "4096/4096");
    for (text, told) in [
        ("2", "I/N"),
        ("", "I/N"),
        ("a/2", "`a` is no number"),
        ("1/-2", "`-2` is no number"),
        ("0/2", "count from 1"),
        ("3/2", "no part 3 of 2"),
        ("1/0", "1 to 4096 parts"),
        ("1/5000", "1 to 4096 parts"),
        ("1/2/3", "`2/3` is no number"),
    ] {
        let error = text.parse::<Part>().expect_err(text);
        assert!(error.contains(told), "{text}: {error}");
    }
}

#[test]
fn every_file_is_in_one_part_and_stays_there() {
    let paths: Vec<String> = (0..2000).map(|n| format!("pkg{}/mod_{n}.py", n % 37)).collect();
    for of in [1, 2, 3, 8, 50] {
        let mut counts = vec![0_u32; of as usize];
        for path in &paths {
            let number = name(path).part(of);
            assert!((1..=of).contains(&number));
            counts[number as usize - 1] += 1;
        }
        let even = 2000 / of;
        assert!(counts.iter().all(|count| (even / 2..=even * 3 / 2).contains(count)), "{counts:?}");
    }
    // The same on every machine: were this another, shards of two machines would not fit.
    let numbers: Vec<u32> = paths.iter().take(6).map(|path| name(path).part(4)).collect();
    assert_eq!(numbers, NUMBERS);
}

/// What BLAKE3 says of `pkg0/mod_0.py` and the next.
const NUMBERS: [u32; 6] = [4, 4, 2, 2, 3, 1];

#[test]
fn names_do_not_tell_where_the_folder_is() {
    assert_eq!(name("/base/a/b.py"), name("a/b.py"));
    assert_eq!(name("./a/b.py"), name("a/b.py"));
    assert_ne!(name("/elsewhere/a/b.py"), name("a/b.py"));
}

#[test]
fn the_order_of_merging_does_not_show() {
    let parts = || ["1/3", "2/3", "3/3"].map(|text| shard(text, &["--no-network"], false));
    let [mut left, two, three] = parts();
    left.merge(two).expect("of one run");
    left.merge(three).expect("of one run");
    let [one, mut right, three] = parts();
    let mut last = three;
    last.merge(one).expect("of one run");
    right.merge(last).expect("of one run");
    assert_eq!(left.to_bytes(), right.to_bytes());
    assert_eq!(left.files(), 40);
    assert_eq!(left.missing().count(), 0);
    assert_eq!(Shard::from_bytes(&left.to_bytes()).expect("a shard"), left);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let merge = |one: &Shard, other: Shard| one.clone().merge(other).expect_err("of other runs");
    let one = shard("1/2", &["--no-network", "--", "src"], false);
    assert_eq!(merge(&one, one.clone()), MergeError::Twice(1, 2));
    let other = shard("2/3", &["--no-network", "--", "src"], false);
    assert_eq!(merge(&one, other), MergeError::Count(2, 3));
    let other = shard("2/2", &["--no-env", "--", "src"], false);
    let settings = MergeError::Settings(vec!["--no-network".into()], vec!["--no-env".into()]);
    assert_eq!(merge(&one, other), settings);
    let other = shard("2/2", &["--no-network", "--", "src"], true);
    assert_eq!(merge(&one, other), MergeError::Graph(false));
    assert!(Shards::new(one).is_none(), "the other is missing");
}

#[test]
fn a_file_is_whole_or_none() {
    let bytes = shard("2/2", &["--", "src"], true).to_bytes();
    for length in 0..bytes.len() {
        let error = Shard::from_bytes(&bytes[..length]).expect_err("cut off");
        match error {
            ReadError::Foreign => assert_eq!(length, 0),
            ReadError::Truncated(there, all) => {
                assert!(there == length as u64 && there < all && all <= bytes.len() as u64);
            }
            other => panic!("{length}: {other}"),
        }
    }
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 0x10;
        let error = Shard::from_bytes(&other).expect_err("damaged");
        match at {
            ..16 => assert_eq!(error, ReadError::Foreign),
            16..20 => assert!(matches!(error, ReadError::Form(_)), "{error}"),
            20..28 => {
                assert!(matches!(error, ReadError::Truncated(..) | ReadError::Damaged), "{error}");
            }
            _ => assert_eq!(error, ReadError::Damaged),
        }
    }
    let longer = [&bytes[..], b"x"].concat();
    assert_eq!(Shard::from_bytes(&longer), Err(ReadError::Damaged));
    for foreign in [&b"import os\n"[..], b"\x7fELF", b"PK\x03\x04"] {
        assert_eq!(Shard::from_bytes(foreign), Err(ReadError::Foreign));
    }
    // As a transfer that takes it for text leaves it.
    let text: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b'\r').collect();
    assert_eq!(Shard::from_bytes(&text), Err(ReadError::Foreign));
}

/// A shard with this body and the right hash, as anybody can write one.
fn forged(body: &[u8]) -> Vec<u8> {
    let mut bytes = shard("1/1", &[], false).to_bytes();
    bytes.truncate(20);
    bytes.extend((body.len() as u64).to_le_bytes());
    bytes.extend(blake3::hash(body).as_bytes());
    bytes.extend(body);
    bytes
}

#[test]
fn other_versions_and_forged_bodies_are_refused() {
    let body = |version: &str, code: &str, rest: &[u8]| {
        let mut body = postcard::to_allocvec(&(version, code)).expect("written");
        body.extend(rest);
        forged(&body)
    };
    let (version, code) = (env!("CARGO_PKG_VERSION"), env!("HERMETIC_CODE"));
    let read = |bytes: Vec<u8>| Shard::from_bytes(&bytes).expect_err("forged");
    assert_eq!(read(body("9.9.9", "x", b"")), ReadError::Version("9.9.9".into()));
    assert_eq!(read(body(version, "x", b"")), ReadError::Build);
    assert_eq!(read(body(version, code, b"")), ReadError::Damaged);
    // A list of more entries than there is memory for.
    let endless = [1, 0, 0, 1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    assert_eq!(read(body(version, code, &endless)), ReadError::Damaged);
    for of in [0_u32, MOST_PARTS + 1] {
        let mut other = shard("1/1", &[], false);
        other.common.of = of;
        assert_eq!(read(other.to_bytes()), ReadError::Damaged);
    }
    // A file in a part that is not its own would be in two after a merge.
    let mut moved = shard("1/2", &[], false);
    let files = moved.parts.remove(&1).expect("its part");
    moved.parts.insert(2, files);
    assert_eq!(read(moved.to_bytes()), ReadError::Damaged);
}

#[test]
fn files_that_are_not_those_of_the_shards_are_told() {
    let told = |act: &dyn Fn(&Shards)| {
        let shards = Shards::new(shard("1/1", &[], false)).expect("all parts");
        for number in 0..40 {
            let _ = shards.entry(&name(&format!("{number}.py")));
        }
        act(&shards);
        shards.finish().map_err(|error| error.to_string())
    };
    assert_eq!(told(&|_| ()), Ok(()));
    let one = told(&|shards| shards.note(name("7.py"), Mismatch::Bytes(1))).expect_err("differs");
    assert!(one.starts_with("7.py is not what shard 1 looked at; merge where "), "{one}");
    let two = told(&|shards| {
        shards.note(name("new.py"), Mismatch::Unknown);
        shards.note(name("a.py"), Mismatch::Names(1));
    });
    let two = two.expect_err("differs");
    assert!(two.starts_with(
        "a.py was looked at by shard 1 under another configuration (and 1 more file); "
    ));
    let shards = Shards::new(shard("1/1", &[], false)).expect("all parts");
    let none = shards.finish().expect_err("nothing was there").to_string();
    assert!(none.starts_with("0.py is in shard 1 and not here (and 39 more files); "), "{none}");
}

#[test]
fn links_that_go_deeper_than_any_are_refused() {
    use crate::summary::links::{Links, Thing};
    let mut thing = Thing::Unknown;
    for _ in 0..20 {
        thing = Thing::Items([thing].into());
    }
    let links = Links { getattr: Some(thing), ..Links::default() };
    let bytes = postcard::to_allocvec(&links).expect("written");
    assert_eq!(postcard::from_bytes::<Links>(&bytes).expect("read"), links);
    // The number of the variant, and a list of one, again and again.
    let deep: Vec<u8> = [7, 1].repeat(1 << 20);
    assert!(postcard::from_bytes::<Thing>(&deep).is_err());
    assert!(postcard::from_bytes::<Thing>(&[7, 1, 0]).is_ok(), "it was the depth");
}
