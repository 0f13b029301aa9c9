use super::*;

fn notebook(cells: &[(&str, &str)]) -> Vec<u8> {
    let cells: Vec<_> = cells
        .iter()
        .map(|(kind, source)| {
            serde_json::json!({"cell_type": kind, "source": source, "outputs": [{"data": [1, {}]}]})
        })
        .collect();
    serde_json::json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})
        .to_string()
        .into_bytes()
}

fn code(cells: &[(&str, &str)]) -> Code {
    decode(&notebook(cells)).expect("decodes")
}

fn reason(json: &str) -> Reason {
    decode(json.as_bytes()).expect_err("is refused").reason
}

#[test]
fn code_cells_are_joined_and_all_cells_are_counted() {
    let code = code(&[("code", "a = 1"), ("markdown", "# b"), ("raw", "x"), ("code", "c\n")]);
    assert_eq!(code.text, "a = 1\nc\n");
    let cells: Vec<_> = code.parts.iter().map(|part| (part.start, part.end, part.cell)).collect();
    assert_eq!(cells, [(0, 6, Some(1)), (6, 8, Some(4))]);
}

#[test]
fn source_may_be_a_list_of_lines() {
    let json = r#"{"nbformat": 4, "cells": [{"cell_type": "code", "source": ["a\n", "b"]}]}"#;
    assert_eq!(decode(json.as_bytes()).expect("decodes").text, "a\nb\n");
}

#[test]
fn format_three_has_worksheets() {
    let json = r#"{"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code",
        "language": "python", "input": "a"}]}, {"cells": [{"cell_type": "code", "input": "b"}]}]}"#;
    let code = decode(json.as_bytes()).expect("decodes");
    assert_eq!(code.text, "a\nb\n");
    assert_eq!(code.parts.last().and_then(|part| part.cell), Some(2));
}

#[test]
fn line_magics_stay() {
    let code = code(&[("code", "!ls\n%cd x\nx = !ls\nos?\n%%bash?")]);
    assert_eq!(code.text, "!ls\n%cd x\nx = !ls\nos?\n%%bash?\n");
    assert!(code.magics.is_empty());
}

#[test]
fn the_body_of_another_language_is_left_blank() {
    let code = code(&[("code", "\n  %%bash -e --out x\ncurl\r\n\nrm"), ("code", "b")]);
    assert_eq!(code.text, "\n  %%bash -e --out x\n\r\n\nb\n");
    let magic = code.magics.first().expect("found");
    assert_eq!((magic.cell, magic.offset), (1, 3));
    assert_eq!((magic.name.as_str(), magic.line.as_str()), ("bash", "-e --out x"));
    assert_eq!(magic.body, MagicBody::Other);
}

#[test]
fn the_body_of_a_python_magic_stays() {
    let code = code(&[("code", "%%time\nimport os"), ("code", "%%nonesuch\nimport os")]);
    assert_eq!(code.text, "%%time\nimport os\n%%nonesuch\n");
    let bodies: Vec<_> = code.magics.iter().map(|magic| magic.body).collect();
    assert_eq!(bodies, [MagicBody::Python, MagicBody::Unknown]);
}

#[test]
fn a_trailing_backslash_does_not_reach_the_next_cell() {
    let code = code(&[("code", "!ls \\"), ("code", "import os")]);
    assert_eq!(code.text, "!ls \\\n\nimport os\n");
}

#[test]
fn other_languages_are_told_and_any_word_for_python_counts() {
    let with =
        |metadata: &str| format!(r#"{{"nbformat": 4, "cells": [], "metadata": {metadata}}}"#);
    assert_eq!(reason(&with(r#"{"language_info": {"name": "R"}}"#)), Reason::NotebookLanguage);
    assert_eq!(reason(&with(r#"{"kernelspec": {"language": "julia"}}"#)), Reason::NotebookLanguage);
    for metadata in [
        "{}",
        r#"{"kernelspec": {"name": "my-env"}}"#,
        r#"{"kernelspec": {"name": "python3", "language": "R"}}"#,
        r#"{"kernelspec": {"language": "R"}, "language_info": {"name": "ipython"}}"#,
    ] {
        assert!(decode(with(metadata).as_bytes()).is_ok(), "{metadata}");
    }
}

#[test]
fn what_is_no_notebook_is_told() {
    for json in ["", "{", "[]", "{}", r#"{"nbformat": 1}"#, r#"{"nbformat": 4, "cells": 3}"#] {
        assert_eq!(reason(json), Reason::Notebook, "{json}");
    }
    let deep = format!(r#"{{"nbformat": 4, "x": {}"#, "[".repeat(200_000));
    assert_eq!(reason(&deep), Reason::Notebook);
    let nul = r#"{"nbformat": 4, "cells": [{"cell_type": "code", "source": "a\u0000"}]}"#;
    assert_eq!(reason(nul), Reason::NulBytes);
}
