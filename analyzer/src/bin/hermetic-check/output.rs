//! What goes to standard output, and in which colours.

use std::env;
use std::io::{self, BufWriter, Write};

use anstream::{AutoStream, ColorChoice};
use hermetic_check::render::{
    Format, SourceProvider, TextOptions, closing, concise, full, json, jsonl, statistics,
};
use hermetic_check::report::Report;

use crate::args::{Color, OutputArgs};

/// Whether text goes out in colour.
pub(crate) fn colored(choice: Color) -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    decide(choice, set("NO_COLOR"), set("FORCE_COLOR"), || {
        AutoStream::choice(&io::stdout()) != ColorChoice::Never
    })
}

/// An option goes before the environment, and that before the kind of terminal
/// (<https://no-color.org>, <https://force-color.org>).
fn decide(choice: Color, no: bool, force: bool, terminal: impl FnOnce() -> bool) -> bool {
    match choice {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if no => false,
        Color::Auto if force => true,
        Color::Auto => terminal(),
    }
}

/// Standard output, buffered. In colour it goes through a layer that old Windows consoles need.
pub(crate) fn stdout(color: bool) -> BufWriter<Box<dyn Write>> {
    let stdout = io::stdout();
    let raw: Box<dyn Write> =
        if color { Box::new(AutoStream::always(stdout)) } else { Box::new(stdout.lock()) };
    BufWriter::with_capacity(1 << 16, raw)
}

/// Write the report in the chosen form.
pub(crate) fn write_report(
    out: &mut impl Write,
    report: &Report,
    sources: &impl SourceProvider,
    args: &OutputArgs,
    options: TextOptions,
) -> io::Result<()> {
    let format = Format::from(args.output_format);
    if args.statistics {
        statistics::write(out, report, format)?;
    } else {
        match format {
            Format::Full => full::write(out, report, sources, options)?,
            Format::Concise => concise::write(out, report, options)?,
            Format::Json => json::write(out, report)?,
            Format::JsonLines => jsonl::write(out, report)?,
        }
    }
    if format.is_text() && !args.quiet {
        closing::write(out, report, options)?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_decided_by_option_then_environment_then_terminal() {
        let decided = |choice, no, force, terminal| decide(choice, no, force, || terminal);
        assert!(decided(Color::Always, true, false, false));
        assert!(!decided(Color::Never, false, true, true));
        assert!(!decided(Color::Auto, true, true, true));
        assert!(decided(Color::Auto, false, true, false));
        assert!(decided(Color::Auto, false, false, true));
        assert!(!decided(Color::Auto, false, false, false));
    }
}
