use std::fs;
use std::process::Command;

use proptest::prelude::*;

use super::*;

fn module(bytes: &[u8]) -> Result<Source, Unanalysed> {
    decode(bytes.to_vec(), FileKind::Module)
}

fn text(bytes: &[u8]) -> String {
    module(bytes).expect("decodes").text().to_owned()
}

fn reason(bytes: &[u8]) -> Reason {
    module(bytes).expect_err("is refused").reason
}

#[test]
fn declared_encodings_are_decoded() {
    assert_eq!(text("x = 'é'\n".as_bytes()), "x = 'é'\n");
    assert_eq!(text(b"\xef\xbb\xbf# coding: utf-8\nx"), "# coding: utf-8\nx");
    assert_eq!(text(b"# coding: latin-1\n'\xe9\x80'"), "# coding: latin-1\n'é\u{80}'");
    assert_eq!(text(b"# coding: koi8-r\n'\xc1'"), "# coding: koi8-r\n'а'");
    assert_eq!(text(b"# coding: cp1252\n'\x80'"), "# coding: cp1252\n'€'");
    assert_eq!(text(b"# coding: gbk\n'\xc4\xe3'"), "# coding: gbk\n'你'");
    assert_eq!(text(b"# coding: shift_jis\n'\x83\x5c'"), "# coding: shift_jis\n'ソ'");
}

#[test]
fn conflicts_and_unknown_encodings_are_refused() {
    for bytes in [
        b"\xef\xbb\xbf# coding: latin-1\n".as_slice(),
        b"\xef\xbb\xbf# coding: utf8\n",
        b"# coding: utf-16\n",
        b"# coding: utf-32-le\n",
        b"# coding: rot13\n",
        b"# coding: cp037\n",
        b"# coding: nonesuch\n",
        b"\xff\xfex\0",
        b"\xfe\xff\0x",
        b"\xff\xfe\0\0",
        b"\0\0\xfe\xff",
        b"# coding: ascii\n\xe9",
        b"# coding: cp932\n\xfd",
        b"# coding: unicode_escape\n\\N{LINE FEED}",
    ] {
        assert_eq!(reason(bytes), Reason::Encoding, "{bytes:?}");
    }
}

#[test]
fn the_place_of_malformed_bytes_is_told() {
    let error = module(b"\xef\xbb\xbfx = 1\r\n\r# \xff\n").expect_err("is refused");
    assert_eq!(error.reason, Reason::Encoding);
    assert_eq!(error.detail, "not utf-8 at byte offset 13, line 3");
    let error = module(b"# coding: cp1251\n\n\x98\n").expect_err("is refused");
    assert_eq!(error.detail, "not cp1251 at byte offset 18, line 3");
}

#[test]
fn nul_is_refused_also_where_an_escape_makes_it() {
    assert_eq!(reason(b"x = 1 # \0\n"), Reason::NulBytes);
    assert_eq!(reason(b"# coding: unicode_escape\n#\\0\n"), Reason::NulBytes);
    assert_eq!(reason(b"# coding: utf-7\n#+AAA-\n"), Reason::NulBytes);
}

#[test]
fn more_bytes_than_the_limit_are_refused() {
    let limit = usize::try_from(SIZE_LIMIT).expect("fits");
    for kind in KINDS {
        let error = decode(vec![b' '; limit + 1], kind).expect_err("is refused");
        assert_eq!(error.reason, Reason::TooLarge);
    }
    assert!(module(&vec![b' '; limit]).is_ok());
}

/// Files whose code hides behind their encoding.
const HIDDEN: [&[u8]; 6] = [
    b"# coding: utf-7\n# +AAo-print(\"HIT\")\n",
    b"# coding: utf-7\n+AHAAcgBpAG4AdA-(\"HIT\")\n",
    b"# coding: unicode_escape\n# \\nprint(\"HIT\")\n",
    b"# coding: unicode_escape\n# \\012\\x70rin\\u0074(\"HIT\")\n",
    b"# coding: raw_unicode_escape\n# \\u000aprint(\"HIT\")\n",
    b"# coding: latin-1\rprint(\"HIT\")\r",
];

/// Files whose code shows only when run, or only when imported.
const AMBIGUOUS: [&[u8]; 7] = [
    b"# coding: utf-7 +AAo-print(\"HIT\")\n",
    b"# +AAo-print(\"HIT\")\n# coding: utf-7\n",
    b"# coding: unicode_escape \\nprint(\"HIT\")\n",
    b"# coding: unicode_escape\n# \\rprint(\"HIT\")\n",
    b"# coding: unicode_escape\n# \\\r\nprint(\"HIT\")\n",
    b"# coding: unicode_escape \\nx=\\x22\\x22\\x22\nprint(\"HIT\") # \"\"\"\n",
    b"# coding: unicode_escape \\\nprint(\"HIT\")\n",
];

#[test]
fn code_behind_an_encoding_is_shown() {
    for bytes in HIDDEN {
        let text = text(bytes);
        assert!(text.split(['\n', '\r']).any(|line| line == "print(\"HIT\")"), "{text:?}");
    }
    for bytes in AMBIGUOUS {
        assert_eq!(reason(bytes), Reason::Ambiguous, "{bytes:?}");
    }
    assert_eq!(text(b"# coding: utf-7\r\nx\r\n"), "# coding: utf-7\r\nx\r\n");
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn code_behind_an_encoding_is_executed_by_cpython() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for (number, bytes) in HIDDEN.into_iter().chain(AMBIGUOUS).enumerate() {
        let path = folder.path().join(format!("m{number}.py"));
        fs::write(&path, bytes).expect("written");
        let hit = |arguments: &[&str]| {
            let mut command = Command::new("python3");
            command.args(["-B", "-W", "ignore"]).args(arguments).current_dir(folder.path());
            Some(command.output().ok()?.stdout.starts_with(b"HIT"))
        };
        let file = path.to_str().expect("UTF-8");
        let (Some(run), Some(import)) = (hit(&[file]), hit(&["-c", &format!("import m{number}")]))
        else {
            eprintln!("SKIPPED: no python3 to compare with");
            return;
        };
        if number < HIDDEN.len() {
            assert!(run && import, "{number}");
        } else {
            assert!(run != import, "{number}");
        }
    }
}

#[test]
fn places_count_characters_from_one() {
    let source = module("x\r'é😀' y\r\n\nz".as_bytes()).expect("decodes");
    let at = |needle: &str| {
        let offset = u32::try_from(source.text().find(needle).expect("there")).expect("small");
        source.position(offset)
    };
    assert_eq!(at("x"), (None, Position { row: 1, column: 1 }));
    assert_eq!(at("y"), (None, Position { row: 2, column: 6 }));
    assert_eq!(at("z"), (None, Position { row: 4, column: 1 }));
    assert_eq!(source.lines(), 4);
    let lines: Vec<_> = (0..6).map(|row| source.line(None, row)).collect();
    assert_eq!(lines, [None, Some("x"), Some("'é😀' y"), Some(""), Some("z"), None]);
    let span = source.span(2..10);
    assert_eq!((span.offset, span.start.column, span.end.column), (2, 1, 5));
}

#[test]
fn rows_of_a_notebook_count_within_the_cell() {
    let json = r##"{"nbformat": 4, "cells": [{"cell_type": "code", "source": "a\nb"},
        {"cell_type": "markdown", "source": "#"}, {"cell_type": "code", "source": "c\nd\ne"}]}"##;
    let source = decode(json.into(), FileKind::Notebook).expect("decodes");
    assert_eq!(source.mode(), Mode::Ipython);
    assert_eq!(source.text(), "a\nb\nc\nd\ne\n");
    assert_eq!(source.position(2), (Some(1), Position { row: 2, column: 1 }));
    assert_eq!(source.position(6), (Some(3), Position { row: 2, column: 1 }));
    assert_eq!(source.line(Some(1), 2), Some("b"));
    assert_eq!(source.line(Some(1), 3), None);
    assert_eq!(source.line(Some(2), 1), None);
    assert_eq!(source.line(Some(3), 3), Some("e"));
    assert_eq!(source.line(Some(3), 4), None);
}

#[test]
fn start_up_lines_keep_their_rows() {
    let source = decode(b"lib\nimport os\n".to_vec(), FileKind::StartupLines).expect("decodes");
    assert_eq!(source.text(), "\nimport os\n");
    assert_eq!(source.position(1), (None, Position { row: 2, column: 1 }));
    assert_eq!(source.part_at(5), Some(&Part { start: 1, end: 11, cell: None }));
    assert!(source.kind().is_startup());
}

const KINDS: [FileKind; 5] = [
    FileKind::Module,
    FileKind::StartupModule,
    FileKind::Script,
    FileKind::Notebook,
    FileKind::StartupLines,
];

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    for kind in KINDS {
        let Ok(source) = decode(bytes.to_vec(), kind) else { continue };
        let length = offset(source.text().len());
        let lines = source.lines();
        for at in 0..=length + 2 {
            let (cell, position) = source.position(at);
            prop_assert!(position.row >= 1 && position.column >= 1);
            prop_assert!(u64::from(position.row) <= lines + 1);
            if at < length {
                prop_assert!(source.line(cell, position.row).is_some(), "{kind:?} {at}");
            }
            let _ = source.span(at..length);
        }
        let mut end = 0;
        for part in source.parts() {
            prop_assert!(part.start >= end && part.end >= part.start && part.end <= length);
            prop_assert!(source.text().is_char_boundary(part.start as usize));
            end = part.end;
        }
        for magic in source.cell_magics() {
            prop_assert!(source.text()[magic.offset as usize..].starts_with("%%"));
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes)?;
    }

    #[test]
    fn no_bytes_behind_a_declaration_panic(
        name in prop::sample::select(vec!["utf-7", "unicode_escape", "raw_unicode_escape", "gb18030",
            "euc_jp", "cp932", "big5", "cp1255", "latin-1", "utf-8"]),
        end in prop::sample::select(vec!["\n", "\r", "\r\n", ""]),
        bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(b"\\+-u0An\r\n".to_vec())], 0..100),
    ) {
        let mut all = format!("#\x0c\n# coding: {name}{end}").into_bytes();
        all.extend(bytes);
        check(&all)?;
    }

    #[test]
    fn no_notebook_panics(cells in prop::collection::vec(
        (prop::sample::select(vec!["code", "markdown"]),
            "(%%(bash|time|x\\?)? ?|[a-é \\\\]|\r|\n|\r\n){0,12}"), 0..6)) {
        let cells: Vec<_> = cells.iter()
            .map(|(kind, source)| serde_json::json!({"cell_type": kind, "source": source}))
            .collect();
        check(serde_json::json!({"nbformat": 4, "cells": cells}).to_string().as_bytes())?;
    }

    #[test]
    fn no_start_up_lines_panic(text in "(import |\t|[a-é#]|\r|\n|\r\n|\x0c|\u{85}){0,40}") {
        check(text.as_bytes())?;
    }
}
