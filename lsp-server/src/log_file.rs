//! The log as a file, for reports of defects.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use crate::options::LogLevel;

/// A file that lines are added to. What cannot be written is lost: nobody is there to hear of it.
#[derive(Debug)]
pub(crate) struct LogFile {
    file: File,
    began: Instant,
}

impl LogFile {
    /// Add to a file, or make it.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        let process = std::process::id();
        writeln!(file, "hermetic-lsp {}, process {process}", env!("CARGO_PKG_VERSION"))?;
        Ok(Self { file, began: Instant::now() })
    }

    /// Add one line, with the seconds since the file was opened.
    pub(crate) fn write(&self, level: LogLevel, message: &str) {
        let seconds = self.began.elapsed().as_secs_f64();
        let level = format!("{level:?}").to_lowercase();
        let _ = writeln!(&self.file, "{seconds:10.3} {level:5} {message}");
    }
}
