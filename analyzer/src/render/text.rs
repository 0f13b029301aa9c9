//! What the text formats share: colours and the place before a message.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use hermetic_policy::Level;

use super::escape::Escaped;
use crate::diagnostic::Span;

/// Styles, all empty without colour.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Styles {
    pub(super) path: Style,
    pub(super) strong: Style,
    /// Beside an excerpt, as the drawing library has it.
    pub(super) gutter: Style,
    error: Style,
    warn: Style,
    info: Style,
}

impl Styles {
    pub(super) fn new(color: bool) -> Self {
        if !color {
            return Self::default();
        }
        Self {
            path: Style::new().bold(),
            strong: Style::new().bold(),
            gutter: AnsiColor::BrightBlue.on_default().bold(),
            error: AnsiColor::BrightRed.on_default().bold(),
            warn: AnsiColor::Yellow.on_default().bold(),
            info: AnsiColor::BrightBlue.on_default().bold(),
        }
    }

    pub(super) fn level(&self, level: Level) -> Style {
        match level {
            Level::Error => self.error,
            Level::Warn => self.warn,
            Level::Info | Level::Off => self.info,
        }
    }
}

/// `path:row:column: `, in a notebook `path:cell 3:row:column: `.
pub(super) fn write_place(
    out: &mut impl Write,
    path: &str,
    span: &Span,
    styles: &Styles,
) -> io::Result<()> {
    let style = styles.path;
    write!(out, "{style}{}{style:#}:", Escaped(path))?;
    if let Some(cell) = span.cell {
        write!(out, "cell {cell}:")?;
    }
    write!(out, "{}:{}: ", span.start.row, span.start.column)
}
