//! `hermetic-check diff OLD NEW`: capabilities gained and lost.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use hermetic_check::capabilities::difference::difference;
use hermetic_check::capabilities::{Capabilities, Scope, saved};
use hermetic_check::discover;
use hermetic_check::render::capabilities::Granularity as Finest;
use hermetic_check::render::difference as render;

use crate::args::{Args, Granularity};
use crate::progress::Progress;
use crate::settings::Settings;
use crate::{CLEAN, FINDINGS, NOT_ANALYSED, capabilities, output};
use hermetic_check::configuration::Failure;

/// A saved report of more bytes than this is none.
const MOST_BYTES: u64 = 1 << 30;

/// Report the capabilities that one version of a program has and another has not.
///
/// OLD and NEW are folders, wheels, source distributions, or reports saved with --capabilities
/// --output-format json.
#[derive(Debug, Parser)]
#[command(
    name = "hermetic-check diff",
    max_term_width = 100,
    after_help = "A folder named diff is analysed as ./diff.\n\nExit codes: 0 nothing gained, 1 a \
                  capability or an extension module gained, 2 bad usage, or a side that cannot be \
                  read, 3 nothing gained, but a part of NEW could not be analysed and was not told \
                  of OLD."
)]
pub(crate) struct DiffArgs {
    /// What there was: a folder, wheel, source distribution or saved report
    #[arg(value_name = "OLD")]
    old: PathBuf,

    /// What there is now
    #[arg(value_name = "NEW")]
    new: PathBuf,

    /// The finest scope that is compared
    #[arg(long, value_name = "SCOPE", value_enum, default_value = "module")]
    granularity: Granularity,

    /// How the difference is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    output_format: Format,

    /// Take this configuration file (hermetic.toml or pyproject.toml); those in OLD and NEW are
    /// not read
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Analyse files of folders that .gitignore and kin name, too
    #[arg(long)]
    no_ignore: bool,

    /// Write no progress
    #[arg(short, long)]
    quiet: bool,
}

/// The value of `--output-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object
    Json,
}

/// The arguments, if the command line is one of this command.
pub(crate) fn arguments() -> Option<DiffArgs> {
    let mut all = std::env::args_os().skip(1);
    let first = all.next()?;
    let name = OsString::from("hermetic-check diff");
    (first == "diff").then(|| DiffArgs::parse_from(std::iter::once(name).chain(all)))
}

/// Compare; the exit code.
pub(crate) fn run(args: &DiffArgs) -> Result<u8, Failure> {
    let (old, of_old) = side(args, &args.old)?;
    let (new, of_new) = side(args, &args.new)?;
    let finest = Finest::from(args.granularity).min(of_old).min(of_new);
    let difference = difference(&old, &new, finest);
    let mut out = output::stdout(false);
    let written = match args.output_format {
        Format::Text => render::text(&mut out, &difference),
        Format::Json => render::json(&mut out, &difference),
    };
    let code = match (difference.is_gain(), difference.not_analysed.is_empty()) {
        (true, _) => FINDINGS,
        (false, false) => NOT_ANALYSED,
        (false, true) => CLEAN,
    };
    crate::finish(written, code)
}

/// What one side can reach, and how finely that is known.
fn side(args: &DiffArgs, path: &Path) -> Result<(Capabilities, Finest), Failure> {
    let shown = discover::display(path, None);
    let failed = |error: std::io::Error| Failure::at(&shown, error.to_string().to_lowercase());
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() || discover::is_archive(path) {
        let found = look(args, path)?;
        let broken = found.not_analysed.iter().find(|(_, why)| why.reason == "archive");
        return match broken {
            // What was not read of the one would be gained or lost in the other.
            Some((_, why)) => Err(Failure::at(&shown, &why.detail)),
            None => Ok((found, Finest::Function)),
        };
    }
    if !metadata.is_file() || metadata.len() > MOST_BYTES {
        return Err(Failure::at(&shown, "no folder, archive or report of --capabilities in JSON"));
    }
    saved::read(&fs::read(path).map_err(failed)?).map_err(|error| Failure::at(&shown, error))
}

fn look(args: &DiffArgs, path: &Path) -> Result<Capabilities, Failure> {
    let mut words: Vec<&OsStr> = vec!["hermetic-check".as_ref(), "--capabilities".as_ref()];
    match &args.config {
        Some(file) => words.extend(["--config".as_ref(), file.as_os_str()]),
        // What is compared must not say what of it is left out.
        None => words.push("--isolated".as_ref()),
    }
    if args.no_ignore {
        words.push("--no-ignore".as_ref());
    }
    words.extend(["--".as_ref(), path.as_os_str()]);
    let settings = Settings::resolve(&Args::try_parse_from(words).map_err(Failure::new)?)?;
    let progress = Progress::start(args.quiet);
    let finest = match args.granularity {
        Granularity::Package | Granularity::Module => Scope::Module,
        Granularity::Function => Scope::Function,
    };
    let found = capabilities::find(&settings, finest, &progress.done);
    progress.stop();
    found
}
