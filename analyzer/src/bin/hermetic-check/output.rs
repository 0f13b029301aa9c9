//! Where reports go: standard output, in which colours, and files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::{env, path};

use anstream::{AutoStream, ColorChoice};
use hermetic_check::render::{
    Format, SourceProvider, TextOptions, closing, concise, full, github, gitlab, json, jsonl,
    junit, sarif, statistics,
};
use hermetic_check::report::Report;
use tempfile::NamedTempFile;

use crate::args::{Color, Output, OutputArgs, OutputFormat};
use hermetic_check::configuration::Failure;

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

/// The chosen form of a report.
#[derive(Clone, Copy)]
pub(crate) struct How<'a> {
    pub(crate) format: Format,
    pub(crate) args: &'a OutputArgs,
    pub(crate) options: TextOptions,
}

/// Write the report in the chosen form.
pub(crate) fn write_report(
    out: &mut impl Write,
    report: &Report,
    sources: &impl SourceProvider,
    how: How<'_>,
) -> io::Result<()> {
    let How { format, args, options } = how;
    if args.statistics {
        statistics::write(out, report, format)?;
    } else {
        match format {
            Format::Full => full::write(out, report, sources, options)?,
            Format::Concise => concise::write(out, report, options)?,
            Format::Json => json::write(out, report)?,
            Format::JsonLines => jsonl::write(out, report)?,
            Format::Sarif => sarif::write(out, report)?,
            Format::Github => github::write(out, report, options)?,
            Format::Gitlab => gitlab::write(out, report, options)?,
            Format::Junit => junit::write(out, report, options)?,
        }
    }
    if format.is_text() && !args.quiet {
        closing::write(out, report, options)?;
    }
    out.flush()
}

/// Whether all outputs can be had, asked before the work begins.
pub(crate) fn check(
    outputs: &[Output],
    statistics: bool,
    capabilities: bool,
) -> Result<(), Failure> {
    let name = |output: &Output| output.format.name();
    for (index, output) in outputs.iter().enumerate() {
        let place = |output: &Output| output.file.as_deref().and_then(|it| path::absolute(it).ok());
        let same = |other: &&Output| place(other) == place(output);
        if let Some(other) = outputs[..index].iter().find(same) {
            let place = output.file.as_ref().map_or("standard output".to_owned(), shown);
            return Err(Failure::new(format_args!(
                "both {} and {} are written to {place}; name a file: --output {}=FILE",
                name(other),
                name(output),
                name(output)
            )));
        }
        let format = if capabilities { None } else { Some(of_findings(output.format)?) };
        if statistics && !format.is_some_and(Format::is_general) {
            return Err(Failure::new(format_args!(
                "--statistics has no form in {}; take full, concise, json or jsonl",
                name(output)
            )));
        }
        if let Some(file) = &output.file {
            probe(file).map_err(|error| unwritable(file, &error))?;
        }
    }
    Ok(())
}

/// The form of a report of findings, or that there is none.
pub(crate) fn of_findings(format: OutputFormat) -> Result<Format, Failure> {
    format.of_findings().ok_or_else(|| {
        Failure::new(format_args!(
            "{} shows capabilities and not findings; add --capabilities, or take full, concise, \
             json, jsonl, sarif, github, gitlab or junit",
            format.name()
        ))
    })
}

/// That a file cannot be written.
pub(crate) fn unwritable(file: &Path, error: &io::Error) -> Failure {
    Failure::at(shown(file), format_args!("cannot be written: {error}"))
}

fn shown(file: impl AsRef<Path>) -> String {
    file.as_ref().display().to_string()
}

/// Whether the file could be written; nothing is left behind.
fn probe(file: &Path) -> io::Result<()> {
    match Target::of(file)? {
        Target::Stream(_) => Ok(()),
        Target::Regular { file, .. } => tempfile::tempfile_in(folder_of(&file)).map(|_| ()),
    }
}

/// What a report is written to.
enum Target {
    /// A device or pipe, which is not to be replaced.
    Stream(PathBuf),
    /// A file, or none yet: links are followed, so that it is their target that is replaced.
    Regular { file: PathBuf, before: Option<fs::Permissions> },
}

impl Target {
    fn of(file: &Path) -> io::Result<Self> {
        match fs::metadata(file) {
            Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(metadata) if metadata.is_file() => {
                let before = metadata.permissions();
                if before.readonly() {
                    return Err(io::ErrorKind::PermissionDenied.into());
                }
                Ok(Self::Regular { file: fs::canonicalize(file)?, before: Some(before) })
            }
            Ok(_) => Ok(Self::Stream(file.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Self::Regular { file: file.to_owned(), before: None })
            }
            Err(error) => Err(error),
        }
    }
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Write a file whole or not at all: beside it first, then in its place.
pub(crate) fn write_file(
    file: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> io::Result<()> {
    match Target::of(file)? {
        Target::Stream(file) => {
            let stream = OpenOptions::new().write(true).open(file)?;
            write(&mut BufWriter::new(&stream))
        }
        Target::Regular { file, before } => {
            let scratch = scratch_in(folder_of(&file))?;
            write(&mut BufWriter::new(scratch.as_file()))?;
            if let Some(before) = before {
                scratch.as_file().set_permissions(before)?;
            }
            scratch.persist(file).map_err(|error| error.error)?;
            Ok(())
        }
    }
}

/// A file that others may read as far as the umask says, as any new one.
fn scratch_in(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".hermetic-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
        builder.tempfile_in(folder)
    }
    #[cfg(not(unix))]
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a");
        write_file(&file, |out| out.write_all(b"first")).expect("written");
        let failed = write_file(&file, |out| {
            out.write_all(b"half")?;
            out.flush()?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&file).expect("a file"), b"first");
        write_file(&file, |out| out.write_all(b"second")).expect("written");
        assert_eq!(fs::read(&file).expect("a file"), b"second");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_and_permissions_too() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&file, "first").expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("permissions");
        symlink(&file, &link).expect("a link");
        write_file(&link, |out| out.write_all(b"second")).expect("written");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read(&file).expect("a file"), b"second");
        let mode = fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }

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
