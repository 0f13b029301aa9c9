"""Writes analyzer/src/source/codec/charmap.rs from the codecs of the running CPython.

Usage: python3 tests/generate/codecs.py > analyzer/src/source/codec/charmap.rs

The tables do not differ between CPython 3.8 and 3.13; the aliases are those of the newest of them.
"""

import encodings
import encodings.aliases
import importlib
import pkgutil
import sys
import unicodedata
from typing import Optional

# Codecs that are not single-byte tables but that the analyzer decodes too.
OTHERS = [
    "ascii",
    "big5",
    "big5hkscs",
    "charmap",
    "cp932",
    "cp949",
    "cp950",
    "euc_jp",
    "euc_kr",
    "gb18030",
    "gb2312",
    "gbk",
    "latin_1",
    "raw_unicode_escape",
    "shift_jis",
    "unicode_escape",
    "utf_7",
    "utf_8",
]


def upper_half(name: str) -> Optional[str]:
    """The 128 characters above ASCII, or None where the codec is no ASCII-compatible byte table."""
    module = importlib.import_module("encodings." + name)
    if not hasattr(module, "decoding_table"):
        return None
    if bytes(range(128)).decode(name, "replace") != "".join(map(chr, range(128))):
        return None
    table = ""
    for byte in range(128, 256):
        try:
            char = bytes([byte]).decode(name)
        except UnicodeDecodeError:
            char = "\ufffd"
        else:
            assert len(char) == 1, name
            assert char != "\ufffd", name
        table += char
    return table


def literal(text: str) -> str:
    """A Rust string literal that shows letters and hides whatever could confuse a reader."""
    shown = ("Lu", "Ll", "Lo", "Sc", "Nd")
    out = ""
    for char in text:
        category = unicodedata.category(char)
        plain = category in shown and unicodedata.bidirectional(char) not in ("R", "AL", "AN")
        out += char if plain else f"\\u{{{ord(char):x}}}"
    return '"' + out + '"'


def main() -> None:
    """Write the whole file to standard output."""
    tables = {}
    for module in pkgutil.iter_modules(encodings.__path__):
        if module.name in ("aliases", "mbcs", "oem", "undefined", "_win_cp_codecs"):
            continue
        table = upper_half(module.name)
        if table is not None:
            tables[module.name] = table
    supported = set(tables) | set(OTHERS)
    aliases = sorted((a, n) for a, n in encodings.aliases.aliases.items() if n in supported and a == a.lower())

    out = sys.stdout
    out.write("//! Single-byte codecs and codec aliases of `CPython`. Written by `tests/generate/codecs.py`\n")
    out.write("//! from `Lib/encodings`; do not edit.\n\n")
    out.write("/// Module of `Lib/encodings` and its characters for the bytes 128 to 255; U+FFFD where `CPython`\n")
    out.write("/// refuses the byte. Sorted by name.\n")
    out.write("#[rustfmt::skip]\npub(super) const TABLES: &[(&str, &str)] = &[\n")
    for name in sorted(tables):
        out.write(f'    ("{name}", {literal(tables[name])}),\n')
    out.write("];\n\n")
    out.write("/// Alias, normalised, and the module of `Lib/encodings` it stands for. Sorted by alias.\n")
    out.write("#[rustfmt::skip]\npub(super) const ALIASES: &[(&str, &str)] = &[\n")
    line = "   "
    for alias, name in aliases:
        item = f' ("{alias}", "{name}"),'
        if len(line) + len(item) > 100:
            out.write(line + "\n")
            line = "   "
        line += item
    out.write(line + "\n];\n")


if __name__ == "__main__":
    main()
