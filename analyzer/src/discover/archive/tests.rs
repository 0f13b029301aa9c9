//! Archives as nobody should make them.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use rawzip::path::EntryPath;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use tempfile::TempDir;

use super::*;

const CODE: &[u8] = b"import os\nos.system('true')\n";

/// A zip of these members; those with a mode are links.
fn zip_of(members: &[(&[u8], &[u8], Option<u32>)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut out);
    for (name, content, mode) in members {
        let path = EntryPath::verbatim(name.to_vec());
        let mut builder = archive.new_file(path).compression_method(CompressionMethod::DEFLATE);
        if let Some(mode) = mode {
            builder = builder.unix_permissions(*mode);
        }
        let (mut entry, config) = builder.start().expect("a member");
        let encoder = DeflateEncoder::new(&mut entry, Compression::best());
        let mut writer = config.wrap(encoder);
        writer.write_all(content).expect("content");
        let (encoder, descriptor) = writer.finish().expect("a member's end");
        encoder.finish().expect("compressed");
        entry.finish(descriptor).expect("written");
    }
    archive.finish().expect("a directory");
    out
}

fn plain_zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let members: Vec<_> = members.iter().map(|(n, c)| (n.as_bytes(), *c, None)).collect();
    zip_of(&members)
}

/// A tar header as it is, with a name no builder would take.
fn tar_of(members: &[(&[u8], &[u8], ::tar::EntryType)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content, kind) in members {
        let mut header = ::tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name("/etc/passwd").expect("a link");
        }
        if let Some(gnu) = header.as_gnu_mut() {
            gnu.name[..name.len()].copy_from_slice(name);
        }
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    gz(&bytes)
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("compressed");
    encoder.finish().expect("compressed")
}

fn opened(name: &str, bytes: &[u8]) -> Archive {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("written");
    open(&path, Path::new(name), form(Path::new(name)).expect("an archive"))
}

fn files(archive: &Archive) -> Vec<String> {
    archive.files.iter().map(|file| super::super::display(&file.path, None)).collect()
}

fn told(archive: &Archive) -> Vec<(Reason, &str)> {
    archive.unanalysed.iter().map(|(_, why)| (why.reason, &*why.detail)).collect()
}

#[track_caller]
fn tells(archive: &Archive, reason: Reason, part: &str) {
    let told = told(archive);
    assert!(told.iter().any(|(of, text)| *of == reason && text.contains(part)), "{told:?}");
}

#[test]
fn a_wheel_is_read_in_place() {
    let wheel = plain_zip(&[
        ("foo/__init__.py", CODE),
        ("foo/stub.pyi", b""),
        ("foo/_native.cpython-312-darwin.so", b"\x7fELF"),
        ("foo/data.txt", b"x"),
        ("foo-1.0.data/purelib/bar.py", CODE),
        ("foo-1.0.data/scripts/foo", b"#!python\nimport foo\n"),
        ("foo-1.0.data/scripts/other", b"#!/bin/sh\n"),
        ("foo-1.0.dist-info/METADATA", b"Name: Foo\nVersion: 1.0\n\nName: no"),
        ("foo-1.0.dist-info/RECORD", b""),
    ]);
    let archive = opened("foo-1.0-py3-none-any.whl", &wheel);
    let shown = ["foo/__init__.py", "foo-1.0.data/purelib/bar.py", "foo-1.0.data/scripts/foo"];
    let shown = shown.map(|name| format!("foo-1.0-py3-none-any.whl!/{name}"));
    assert_eq!(files(&archive), shown);
    assert_eq!(archive.files[0].read().expect("held"), CODE);
    assert_eq!(archive.stubs.len(), 1);
    assert_eq!(told(&archive), [(Reason::ExtensionModule, "machine code")]);
    let of = archive.distribution.as_deref().expect("its metadata");
    assert_eq!((&*of.name, &*of.version), ("Foo", "1.0"));
    let inside = Path::new("foo-1.0-py3-none-any.whl!");
    assert_eq!(archive.roots, [inside.to_owned(), inside.join("foo-1.0.data/purelib")]);
}

#[test]
fn a_source_distribution_is_read_in_place() {
    let file = ::tar::EntryType::Regular;
    let sdist = tar_of(&[
        (b"foo-1.0/PKG-INFO", b"Name: foo\nVersion: 1.0\n", file),
        (b"foo-1.0/setup.py", CODE, file),
        (b"foo-1.0/src/foo/__init__.py", CODE, file),
    ]);
    let archive = opened("foo-1.0.tar.gz", &sdist);
    let shown = ["setup.py", "src/foo/__init__.py"];
    assert_eq!(files(&archive), shown.map(|name| format!("foo-1.0.tar.gz!/foo-1.0/{name}")));
    let top = Path::new("foo-1.0.tar.gz!/foo-1.0");
    assert_eq!(archive.roots, [top.to_owned(), top.join("src")]);
    assert_eq!(archive.unanalysed, []);
    // The same as zip, and with a leading `./`.
    let zipped = plain_zip(&[("./foo-1.0/setup.py", CODE)]);
    assert_eq!(files(&opened("foo-1.0.zip", &zipped)), ["foo-1.0.zip!/foo-1.0/setup.py"]);
}

#[test]
fn names_that_lead_elsewhere_are_told_and_not_read() {
    for name in [&b"../a.py"[..], b"a/../../b.py", b"/a.py", b"a\\b.py", b"C:/a.py", b"a\0.py"] {
        let archive = opened("a.whl", &zip_of(&[(name, CODE, None), (b"ok.py", CODE, None)]));
        tells(&archive, Reason::ArchiveMember, "its name");
        assert_eq!(files(&archive), ["a.whl!/ok.py"], "{}", name.escape_ascii());
    }
    let file = ::tar::EntryType::Regular;
    for name in [&b"../a.py"[..], b"/a.py", b"a\\b.py"] {
        let archive = opened("a.tar.gz", &tar_of(&[(name, CODE, file), (b"ok.py", CODE, file)]));
        tells(&archive, Reason::ArchiveMember, "its name");
        assert_eq!(files(&archive), ["a.tar.gz!/ok.py"], "{}", name.escape_ascii());
    }
}

#[test]
fn links_and_devices_are_told() {
    let archive = opened("a.whl", &zip_of(&[(b"a.py", b"/etc/passwd", Some(0o120_777))]));
    tells(&archive, Reason::ArchiveMember, "`a.py`: it is a link");
    for kind in [::tar::EntryType::Symlink, ::tar::EntryType::Link] {
        let archive = opened("a.tgz", &tar_of(&[(b"pkg", b"", kind)]));
        tells(&archive, Reason::ArchiveMember, "it is a link to `/etc/passwd`");
    }
    let archive = opened("a.tgz", &tar_of(&[(b"a.py", b"", ::tar::EntryType::Fifo)]));
    tells(&archive, Reason::ArchiveMember, "device");
    assert_eq!(files(&archive), [""; 0]);
}

#[test]
fn a_member_that_is_there_twice_is_told() {
    let archive = opened("a.whl", &plain_zip(&[("a.py", b"x = 1\n"), ("a.py", CODE)]));
    tells(&archive, Reason::ArchiveMember, "twice");
    assert_eq!(archive.files[0].read().expect("held"), CODE);
    let file = ::tar::EntryType::Regular;
    let twice = tar_of(&[(b"a.py", b"x = 1\n", file), (b"./a.py", CODE, file)]);
    tells(&opened("a.tar.gz", &twice), Reason::ArchiveMember, "twice");
    let same = opened("a.whl", &plain_zip(&[("a.py", CODE), ("a.py", CODE)]));
    assert_eq!(same.unanalysed, []);
}

#[test]
fn what_a_zip_says_of_a_member_has_to_be_so() {
    let honest = plain_zip(&[("name.py", CODE)]);
    let central = honest.windows(4).rposition(|at| at == b"PK\x01\x02").expect("a directory");
    let changed = |at: usize, to: &[u8]| {
        let mut bytes = honest.clone();
        bytes[at..at + to.len()].copy_from_slice(to);
        opened("a.whl", &bytes)
    };
    // APPNOTE 4.3.12: flags at 8, checksum at 16, size at 24, name at 46; local ones at 6 and 30.
    tells(&changed(central + 24, &[3, 0, 0, 0]), Reason::ArchiveMember, "size");
    tells(&changed(central + 16, &[1, 2, 3, 4]), Reason::ArchiveMember, "checksum");
    tells(&changed(30, b"evil.py"), Reason::ArchiveMember, "two names");
    tells(&changed(central + 46, b"evil.py"), Reason::ArchiveMember, "two names");
    tells(&changed(central + 8, &[1]), Reason::ArchiveMember, "encrypted");
    tells(&changed(central + 10, &[12]), Reason::ArchiveMember, "another way");
    tells(&changed(central + 42, &[200]), Reason::ArchiveMember, "not where");
    let mut fewer = honest.clone();
    let end = honest.len() - 22;
    fewer[end + 10] = 7;
    tells(&opened("a.whl", &fewer), Reason::Archive, "says 7 members and has 1");
}

#[test]
fn archives_in_archives_are_told() {
    let inner = plain_zip(&[("a.py", CODE)]);
    for name in ["b.whl", "b.zip", "b.egg", "b.pyz", "b.tar.gz", "b.tar.bz2"] {
        let archive = opened("a.whl", &plain_zip(&[(name, &inner)]));
        tells(&archive, Reason::NestedArchive, "archive");
    }
}

#[test]
fn bytecode_without_its_source_is_told() {
    let archive = opened("a.whl", &plain_zip(&[("a.py", CODE), ("a.pyc", b""), ("b.pyc", b"")]));
    assert_eq!(told(&archive), [(Reason::Bytecode, "bytecode without its source")]);
}

#[test]
fn what_is_no_archive_is_told() {
    for name in ["a.whl", "a.zip", "a.tar.gz", "a.tgz"] {
        for bytes in [&b""[..], b"import os\n", &[0; 4096]] {
            tells(&opened(name, bytes), Reason::Archive, "archive");
        }
    }
    for name in ["a.tar", "a.tar.bz2", "a.tar.xz", "a.7z"] {
        tells(&opened(name, CODE), Reason::Archive, ".whl, .zip, .tar.gz and .tgz");
    }
}

#[test]
fn wherever_it_is_cut_short_it_is_told() {
    let zip = plain_zip(&[("a.py", CODE), ("pkg/b.py", CODE)]);
    for end in 0..zip.len() {
        tells(&opened("a.whl", &zip[..end]), Reason::Archive, "");
    }
    let file = ::tar::EntryType::Regular;
    let tar = tar_of(&[(b"a.py", CODE, file), (b"b.py", CODE, file)]);
    for end in 0..tar.len() {
        tells(&opened("a.tar.gz", &tar[..end]), Reason::Archive, "");
    }
    // Whole as gzip, cut as tar.
    let mut header = ::tar::Header::new_gnu();
    header.set_path("a.py").expect("a name");
    header.set_size(4096);
    header.set_cksum();
    let cut = gz(&[header.as_bytes(), CODE].concat());
    tells(&opened("a.tar.gz", &cut), Reason::Archive, "");
}

#[test]
fn any_byte_may_be_wrong() {
    let zip = plain_zip(&[("a.py", CODE), ("b.py", b"x = 1\n"), ("m/METADATA", b"Name: x\n")]);
    let file = ::tar::EntryType::Regular;
    let tar = tar_of(&[(b"a.py", CODE, file), (b"b.py", CODE, file)]);
    for (name, bytes) in [("a.whl", zip), ("a.tar.gz", tar)] {
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut wrong = bytes.clone();
                wrong[at] ^= flip;
                // That it comes back, and with no more than was in it.
                let archive = opened(name, &wrong);
                assert!(archive.files.len() <= 3, "{name} {at}");
            }
        }
    }
}

#[test]
fn a_member_that_unpacks_to_too_much_is_told() {
    let large = vec![b'#'; usize::try_from(crate::source::SIZE_LIMIT).expect("small") + 1];
    let archive = opened("a.whl", &plain_zip(&[("a.py", &large), ("b.py", CODE)]));
    tells(&archive, Reason::TooLarge, "limit");
    assert_eq!(files(&archive), ["a.whl!/b.py"]);
}

#[test]
fn an_archive_that_unpacks_to_too_much_is_left() {
    let large = vec![b'#'; 18 << 20];
    let names: Vec<String> = (0..8).map(|number| format!("m{number}.py")).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &*large)).collect();
    let archive = opened("a.whl", &plain_zip(&members));
    tells(&archive, Reason::Archive, "times as large");
    assert!(archive.files.len() < 8);
    // A tar archive has to be unpacked for what is behind; this is no Python at all.
    let file = ::tar::EntryType::Regular;
    let large = vec![0; 80 << 20];
    let archive = opened("a.tar.gz", &tar_of(&[(b"x.bin", &large, file), (b"a.py", CODE, file)]));
    tells(&archive, Reason::Archive, "unpacks to more");
}

#[test]
fn long_names_of_tar_take_no_memory() {
    let long = vec![b'a'; 8 << 20];
    let file = ::tar::EntryType::Regular;
    let name = (&b"././@LongLink"[..], &*long, ::tar::EntryType::GNULongName);
    let archive = opened("a.tar.gz", &tar_of(&[name, (b"a.py", CODE, file)]));
    tells(&archive, Reason::Archive, "header is too long");
    let pax = (&b"pax"[..], &b"16 path=evil.py\n"[..], ::tar::EntryType::XGlobalHeader);
    tells(&opened("a.tgz", &tar_of(&[pax, (b"a.py", CODE, file)])), Reason::Archive, "one name");
}

#[test]
fn members_are_counted() {
    let mut out = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut out);
    for number in 0..=MOST_MEMBERS {
        let name = format!("f{number}.txt");
        let (entry, config) = archive.new_file(&*name).start().expect("a member");
        let mut entry = entry;
        let writer = config.wrap(&mut entry);
        let (_, descriptor) = writer.finish().expect("its end");
        entry.finish(descriptor).expect("written");
    }
    archive.finish().expect("a directory");
    tells(&opened("a.whl", &out), Reason::Archive, "members");
}
