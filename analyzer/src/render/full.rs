//! The format for reading: an excerpt of the source with carets, what was found, why it matters,
//! and what to do.

use std::fmt::Write as _;
use std::io::{self, Write};

use annotate_snippets::{AnnotationKind, Group, Level as Severity, Renderer, Snippet};
use hermetic_policy::Level;

use super::concise::{fix_mark, write_accepted, write_finding};
use super::escape::{Escaped, escape};
use super::excerpt::{Excerpt, excerpt};
use super::text::Styles;
use super::{SourceProvider, TextOptions};
use crate::diagnostic::{Diagnostic, FixState, Related};
use crate::fix::Safety;
use crate::report::{FileReport, Report};

/// Lines are cut by [`excerpt`], which knows where the caret is; the drawing library must not
/// cut them again.
const TERM_WIDTH: usize = 4096;
/// Related places named in the line for those that are not drawn.
const NAMED_PLACES: usize = 8;

/// Write every listed finding with its excerpt, an empty line after each. Errors are the
/// writer's.
pub fn write(
    out: &mut impl Write,
    report: &Report,
    sources: &impl SourceProvider,
    options: TextOptions,
) -> io::Result<()> {
    let styles = Styles::new(options.color);
    let renderer = if options.color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(TERM_WIDTH);
    for file in &report.files {
        let mut listed =
            file.diagnostics.iter().filter(|finding| options.lists(finding)).peekable();
        let text = if listed.peek().is_some() { sources.text(file) } else { None };
        for finding in listed {
            let excerpt = text.as_deref().and_then(|text| excerpt(text, finding));
            match excerpt {
                Some(excerpt) => {
                    write_drawn(out, &renderer, file, finding, &excerpt, &styles)?;
                }
                None => write_plain(out, file, finding, &styles)?,
            }
            out.write_all(b"\n")?;
        }
        write_accepted(out, file, &styles)?;
    }
    Ok(())
}

fn write_drawn(
    out: &mut impl Write,
    renderer: &Renderer,
    file: &FileReport,
    finding: &Diagnostic,
    excerpt: &Excerpt<'_>,
    styles: &Styles,
) -> io::Result<()> {
    let severity = match finding.level {
        Level::Error => Severity::ERROR,
        Level::Warn => Severity::WARNING.with_name("warn"),
        Level::Info | Level::Off => Severity::INFO,
    };
    let snippet = Snippet::source(excerpt.source.as_str())
        .line_start(number(excerpt.first_row))
        .annotation(AnnotationKind::Primary.span(excerpt.finding.clone()))
        .annotations(excerpt.related.iter().map(|(range, message)| {
            AnnotationKind::Context.span(range.clone()).label(escape(message))
        }));
    let mut group =
        Group::with_title(severity.primary_title(title(finding)).id(finding.rule.0.name))
            .element(snippet);
    for (label, note) in notes(finding, &excerpt.undrawn) {
        let level = if label == HELP { Severity::HELP } else { Severity::NOTE };
        group = group.element(level.message(note));
    }
    let drawn = renderer.render(&[group]);
    // The library would count the columns of what is shown, not of the file: a cut or escaped
    // line would send people, and editors that follow the place, elsewhere. So the place is put
    // in between the title, which is one line, and the excerpt.
    let (title, excerpt) = drawn.split_once('\n').unwrap_or((&drawn, ""));
    let gutter = excerpt.bytes().take_while(|&byte| byte == b' ').count().saturating_sub(1);
    let arrow = styles.gutter;
    write!(out, "{title}\n{:gutter$}{arrow}-->{arrow:#} {}:", "", Escaped(&file.path))?;
    if let Some(cell) = finding.span.cell {
        write!(out, "cell {cell}:")?;
    }
    let start = finding.span.start;
    writeln!(out, "{}:{}\n{excerpt}", start.row, start.column)
}

/// Without an excerpt: the concise line, and the notes below it.
fn write_plain(
    out: &mut impl Write,
    file: &FileReport,
    finding: &Diagnostic,
    styles: &Styles,
) -> io::Result<()> {
    write_finding(out, file, finding, styles)?;
    let strong = styles.strong;
    let undrawn: Vec<&Related> = finding.related.iter().collect();
    for (label, note) in notes(finding, &undrawn) {
        writeln!(out, "  = {strong}{label}{strong:#}: {note}")?;
    }
    Ok(())
}

/// The message, with a mark where there is a fix.
fn title(finding: &Diagnostic) -> String {
    format!("{}{}", fix_mark(finding), escape(&finding.message))
}

const NOTE: &str = "note";
const HELP: &str = "help";

/// Why, the related places that are not drawn, and the remedy, each with its label.
fn notes(finding: &Diagnostic, undrawn: &[&Related]) -> Vec<(&'static str, String)> {
    let mut notes = Vec::new();
    if !finding.why.is_empty() {
        notes.push((NOTE, escape(&finding.why).into_owned()));
    }
    if !undrawn.is_empty() {
        let mut places = String::from("see also ");
        for (at, place) in undrawn.iter().take(NAMED_PLACES).enumerate() {
            let start = place.span.start;
            let comma = if at == 0 { "" } else { ", " };
            let _ = write!(places, "{comma}");
            if let Some(path) = &place.path {
                let _ = write!(places, "{}:", escape(path));
            }
            if let Some(cell) = place.span.cell {
                let _ = write!(places, "cell {cell}:");
            }
            let _ = write!(places, "{}:{} ({})", start.row, start.column, escape(&place.message));
        }
        if undrawn.len() > NAMED_PLACES {
            let _ = write!(places, " and {} more", undrawn.len() - NAMED_PLACES);
        }
        notes.push((NOTE, places));
    }
    if !finding.remedy.is_empty() {
        notes.push((HELP, escape(&finding.remedy).into_owned()));
    }
    match &finding.fix {
        FixState::None | FixState::Perhaps => {}
        FixState::Refused(why) => {
            notes.push((NOTE, format!("--fix cannot do so: {}", escape(why))));
        }
        FixState::Ready(fix) => notes.push(match &fix.safety {
            Safety::Safe => (HELP, "--fix does so".to_owned()),
            Safety::Unsafe(why) => (HELP, format!("--fix --unsafe-fixes does so; {}", escape(why))),
        }),
    }
    notes
}

fn number(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::render::NoSources;
    use crate::render::fixture::{self, finding, report};

    struct Text<'a>(&'a str);

    impl SourceProvider for Text<'_> {
        fn text(&self, _file: &FileReport) -> Option<Cow<'_, str>> {
            Some(Cow::Borrowed(self.0))
        }
    }

    fn rendered(report: &Report, text: &str) -> String {
        fixture::text(|out| write(out, report, &Text(text), TextOptions::default()))
    }

    #[test]
    fn excerpt_why_and_remedy() {
        let found = finding("connects to 192.0.2.1")
            .at(2, 1)
            .offset(14)
            .width(24)
            .why("the policy denies the network")
            .remedy("--allow-domain 192.0.2.1 allows it");
        let text = "import socket\nsocket.create_connection(('192.0.2.1', 9))\n";
        assert_eq!(
            rendered(&report("src/app.py", vec![found]), text),
            "\
error[network-connect]: connects to 192.0.2.1
 --> src/app.py:2:1
  |
2 | socket.create_connection(('192.0.2.1', 9))
  | ^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = note: the policy denies the network
  = help: --allow-domain 192.0.2.1 allows it

"
        );
    }

    #[test]
    fn columns_line_up_past_wide_and_escaped_characters() {
        let text = "\t文 = \u{202e}f(1)\n";
        let offset = text.find('f').unwrap_or_default();
        let found = finding("x").at(1, 7).offset(offset).width(4);
        let shown = rendered(&report("a.py", vec![found]), text);
        // Four columns of tab, two of the wide character, eight of the escape.
        assert_eq!(
            shown,
            "\
error[network-connect]: x
 --> a.py:1:7
  |
1 |     文 = \\u{202e}f(1)
  |                  ^^^^

"
        );
    }

    #[test]
    fn related_places_are_drawn() {
        let text = "import ctypes\n\n\nctypes.CDLL('x')\n";
        let found = finding("imports ctypes").at(1, 8).offset(7).width(6).related(
            4,
            1,
            16,
            11,
            "loads\u{1b} a library",
        );
        assert_eq!(
            rendered(&report("a.py", vec![found]), text),
            "\
error[network-connect]: imports ctypes
 --> a.py:1:8
  |
1 | import ctypes
  |        ^^^^^^
...
4 | ctypes.CDLL('x')
  | ----------- loads\\u{1b} a library

"
        );
    }

    #[test]
    fn carriage_returns_never_reach_the_terminal() {
        let text = "a\r\nsocket.socket()\r\nb\rc";
        let found = finding("x").at(2, 1).offset(3).width(13);
        let shown = rendered(&report("a.py", vec![found]), text);
        assert!(!shown.contains('\r'), "{shown:?}");
        assert!(shown.contains("2 | socket.socket()\n  | ^^^^^^^^^^^^^\n"), "{shown}");
    }

    #[test]
    fn a_notebook_names_the_cell() {
        let found = finding("x").at(1, 1).offset(0).width(1).cell(3);
        let shown = rendered(&report("b.ipynb", vec![found]), "y\n");
        assert!(shown.contains(" --> b.ipynb:cell 3:1:1\n"), "{shown}");
    }

    #[test]
    fn without_source_the_notes_stay() {
        let found = finding("connects")
            .at(3, 5)
            .why("the policy denies the network")
            .remedy("pass the connection in")
            .related(7, 1, 70, 3, "used");
        let report = report("a.py", vec![found]);
        let options = TextOptions::default();
        assert_eq!(
            fixture::text(|out| write(out, &report, &NoSources, options)),
            "\
a.py:3:5: error[network-connect] connects
  = note: the policy denies the network
  = note: see also 7:1 (used)
  = help: pass the connection in

"
        );
    }

    #[test]
    fn a_text_that_changed_since_is_not_shown() {
        let found = finding("x").at(3, 5).offset(40);
        assert_eq!(
            rendered(&report("a.py", vec![found]), "short\n"),
            "a.py:3:5: error[network-connect] x\n\n"
        );
    }

    #[test]
    fn a_line_of_a_megabyte_is_cut() {
        let text = format!("{}eval(x){}", "a;".repeat(500_000), ";b".repeat(500_000));
        let found = finding("x").at(1, 1_000_001).offset(1_000_000).width(7);
        let shown = rendered(&report("a.py", vec![found]), &text);
        assert!(shown.len() < 600, "{}", shown.len());
        let caret = format!("  | {}^^^^^^^\n", " ".repeat(43));
        assert!(shown.contains(&caret), "{shown}");
    }

    #[test]
    fn emoji_sequences_line_up() {
        let text = "s = '👩\u{200d}🚀'; f()\n";
        let offset = text.find('f').unwrap_or_default();
        let found = finding("x").at(1, 12).offset(offset).width(3);
        let shown = rendered(&report("a.py", vec![found]), text);
        // Each emoji takes two columns, the joiner between them is escaped.
        let expected = "1 | s = '👩\\u{200d}🚀'; f()\n  |                     ^^^\n";
        assert!(shown.contains(expected), "{shown}");
    }

    #[test]
    fn colour_keeps_the_arrow_in_the_gutter() {
        let text = format!("{}eval(x)\n", "\n".repeat(122));
        let found = finding("x").at(123, 1).offset(122).width(7);
        let report = report("a.py", vec![found]);
        let options = TextOptions { color: true, ..TextOptions::default() };
        let shown = fixture::text(|out| write(out, &report, &Text(&text), options));
        assert!(shown.contains("\n   \u{1b}[1m\u{1b}[94m-->\u{1b}[0m a.py:123:1\n"), "{shown:?}");
    }

    #[test]
    fn no_span_of_a_nasty_text_is_too_much() {
        let text =
            "\u{feff}a\tb\r\n\u{202e}文\u{301}\u{200d}🦀\n\n\u{c}\u{0}x\ry\u{1b}[31m\n  f(\n";
        let mut positions = Vec::new();
        let (mut row, mut column) = (1, 1);
        for (offset, c) in text.char_indices().chain([(text.len(), ' ')]) {
            positions.push((row, column, offset));
            if c == '\n' || (c == '\r' && !text[offset..].starts_with("\r\n")) {
                (row, column) = (row + 1, 1);
            } else {
                column += 1;
            }
        }
        for &(row, column, offset) in &positions {
            for &(end_row, end_column, end) in &positions {
                let found = finding("x").at(row, column).offset(offset).until(end_row, end_column);
                let end = u32::try_from(end).expect("small");
                let found = found.related(end_row, end_column, end, 3, "also");
                let shown = rendered(&report("a.py", vec![found]), text);
                let hidden =
                    shown.chars().find(|&c| c != '\n' && crate::render::escape::is_hidden(c));
                assert_eq!(hidden, None, "{shown}");
                assert!(shown.starts_with("error[network-connect]: x\n"), "{shown}");
            }
        }
    }
}
