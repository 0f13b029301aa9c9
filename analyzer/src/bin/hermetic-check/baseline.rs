//! `--baseline` and its kin: the file, and how its paths stand to those of the run.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use hermetic_check::baseline::{Baseline, Surroundings};
use hermetic_check::discover::display;
use hermetic_check::render::escape::Escaped;
use hermetic_check::report::{FileReport, Report};
use hermetic_policy::Rule;

use crate::args::AcceptArgs;
use crate::replace::replace;
use crate::settings::{Input, Settings};
use hermetic_check::configuration::Failure;
use hermetic_check::configuration::Nearest;

/// What the command line asks for, with the baseline as it was read.
#[derive(Debug)]
pub(crate) struct Request {
    path: PathBuf,
    /// As it was given.
    shown: PathBuf,
    /// What it holds, and its bytes; `None` to write it.
    known: Option<(Baseline, Vec<u8>)>,
    prune: bool,
}

impl Request {
    /// Read the baseline, before anything is analysed: a bad one ends the run early.
    /// `configured` is that of the working directory's configuration.
    pub(crate) fn read(
        args: &AcceptArgs,
        configured: Option<&Path>,
        base: &Path,
    ) -> Result<Option<Self>, Failure> {
        // What is written, as a list or as comments, is all there is.
        let configured = configured.filter(|_| args.add_ignores.is_none());
        let configured = configured.map(|path| path.strip_prefix(base).unwrap_or(path).to_owned());
        let (shown, write) = match (&args.baseline, &args.write_baseline, configured) {
            (Some(path), ..) => (path.clone(), false),
            (None, Some(path), _) => (path.clone(), true),
            (None, None, Some(path)) => (path, false),
            (None, None, None) if args.prune_baseline => {
                return Err(Failure::new("--prune-baseline prunes the file of --baseline: add it"));
            }
            (None, None, None) => return Ok(None),
        };
        let path = base.join(&shown);
        let known = if write {
            if path.is_dir() {
                return Err(Failure::at(shown.display(), "is a folder; name a file to write"));
            }
            None
        } else {
            Some(known(&path, &shown)?)
        };
        Ok(Some(Self { path, shown, known, prune: args.prune_baseline }))
    }

    /// Take what it lists out of a report that is not the last of the run.
    pub(crate) fn take_out(&self, settings: &Settings, report: &mut Report) {
        if let Some((baseline, _)) = &self.known {
            baseline.apply(report, &Around::new(settings, &self.path));
        }
    }

    /// Write the baseline, or take what it lists out of the report.
    pub(crate) fn apply(self, settings: &Settings, report: &mut Report) -> Result<(), Failure> {
        let around = Around::new(settings, &self.path);
        let write = |baseline: &Baseline, before: Option<&[u8]>| {
            replace(&self.path, before, baseline.to_json().as_bytes()).map_err(|error| {
                Failure::at(self.shown.display(), format_args!("not written: {error}"))
            })
        };
        let tell = |what: &str, count: u64| {
            let findings = if count == 1 { "finding" } else { "findings" };
            let path = self.shown.display().to_string();
            // Whether or not anybody reads it, the file is written.
            let _ = writeln!(io::stderr(), "{}: {what} {count} {findings}", Escaped(&path));
        };
        let Some((baseline, bytes)) = self.known else {
            let baseline = Baseline::of(report, &around);
            write(&baseline, None)?;
            tell("lists", baseline.findings());
            baseline.apply(report, &around);
            return Ok(());
        };
        baseline.apply(report, &around);
        if self.prune {
            let stale = std::mem::take(&mut report.stale);
            let gone = std::mem::take(&mut report.summary.stale);
            if gone > 0 {
                write(&baseline.without(&stale), Some(&bytes))?;
            }
            tell("no longer lists", gone);
        }
        Ok(())
    }
}

fn known(path: &Path, shown: &Path) -> Result<(Baseline, Vec<u8>), Failure> {
    let bytes = fs::read(path).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => "; write one with --write-baseline",
            _ => "",
        };
        Failure::at(shown.display(), format_args!("{error}{advice}"))
    })?;
    let baseline = std::str::from_utf8(&bytes)
        .map_err(|_| "is no baseline: it is not UTF-8".to_owned())
        .and_then(|text| Baseline::from_json(text).map_err(|error| error.to_string()))
        .map_err(|problem| Failure::at(shown.display(), problem))?;
    Ok((baseline, bytes))
}

/// The run around a baseline: paths count from the folder it is in.
struct Around {
    base: PathBuf,
    folder: PathBuf,
    /// Absolute.
    roots: Vec<PathBuf>,
    nearest: Arc<Nearest>,
}

impl Around {
    fn new(settings: &Settings, baseline: &Path) -> Self {
        let base = settings.base.clone();
        let roots = match &settings.input {
            Input::Paths(paths) => paths.iter().map(|path| tidy(&base.join(path))).collect(),
            Input::Stdin { name, .. } => vec![tidy(&base.join(name))],
        };
        let folder = baseline.parent().map_or_else(|| base.clone(), tidy);
        Self { base, folder, roots, nearest: Arc::clone(&settings.nearest) }
    }
}

impl Surroundings for Around {
    fn path(&self, file: &FileReport) -> String {
        let path = file.source.clone().unwrap_or_else(|| PathBuf::from(&file.path));
        display(&tidy(&self.base.join(path)), Some(&self.folder))
    }

    fn is_gone(&self, path: &str) -> bool {
        self.folder.join(path).symlink_metadata().is_err()
    }

    fn would_tell(&self, path: &str, rule: &'static Rule) -> bool {
        let path = tidy(&self.folder.join(path));
        let hears = self.nearest.of_file(&path).is_ok_and(|of| of.judgement.hears(rule));
        hears && self.roots.iter().any(|root| path.starts_with(root))
    }
}

/// Without `.` and, as far as that can be told by its text, `..`.
fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}
