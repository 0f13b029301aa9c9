//! The command line and the configuration file as one: what a run does.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hermetic_check::configuration::{
    self, Configuration, Failure, Flags, Nearest, absolute_paths, absolute_root, patterns,
};
use hermetic_check::discover::{Disk, Pattern, Texts};
use hermetic_check::judge::Judgement;
use hermetic_check::shard::Shards;
use hermetic_check::source::Unanalysed;
use hermetic_policy::PolicyOptions;

use crate::args::{Args, PolicyArgs};
use crate::cache::CachePlace;

/// Everything a run needs to know.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What to analyse.
    pub(crate) input: Input,
    /// The working directory: paths are shown relative to it.
    pub(crate) base: PathBuf,
    /// What is denied, and how loudly it is told, file by file.
    pub(crate) nearest: Arc<Nearest>,
    /// What to leave out instead of the default excludes, if given.
    pub(crate) exclude: Option<Vec<Pattern>>,
    /// What else to leave out.
    pub(crate) extend_exclude: Vec<Pattern>,
    /// Pass over what `.gitignore` and kin name.
    pub(crate) respect_ignore: bool,
    /// Worker threads, if given.
    pub(crate) threads: Option<usize>,
    /// Whether comments are to be written that accept findings.
    pub(crate) adds_ignores: bool,
    /// Where facts are kept between runs.
    pub(crate) cache: CachePlace,
    /// First looks at the files, where others took them.
    pub(crate) shards: Option<Arc<Shards>>,
}

/// What to analyse.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Files and folders.
    Paths(Vec<PathBuf>),
    /// Standard input, once it is read.
    Stdin {
        /// Its name in reports.
        name: PathBuf,
        /// What it holds, as far as it could be read.
        content: Result<Vec<u8>, Unanalysed>,
    },
}

impl Settings {
    /// Put the command line and the configuration files together. Flags add guards and exceptions
    /// to a file's; a level or an exclude given on the command line takes the place of the file's.
    pub(crate) fn resolve(args: &Args) -> Result<Self, Failure> {
        Self::resolve_in(args, Arc::new(Disk))
    }

    /// The same, with configuration files from elsewhere than the disk.
    pub(crate) fn resolve_in(args: &Args, texts: Arc<dyn Texts>) -> Result<Self, Failure> {
        let folder = env::current_dir()
            .map_err(|error| Failure::new(format_args!("working directory: {error}")))?;
        let flags = flags(args, &folder)?;
        let nearest = match (&args.config, args.isolated) {
            (Some(file), _) => Nearest::fixed(
                flags.clone(),
                &folder,
                configuration::read(file, &folder, texts.as_ref())?,
            )?,
            (None, true) => Nearest::fixed(flags.clone(), &folder, Configuration::default())?,
            (None, false) => Nearest::search_in(flags.clone(), &folder, texts)?,
        };
        // Findings are known again by their fingerprints, in every folder of the run.
        let nearest = match nearest.common().configuration.baseline {
            Some(_) if !flags.fingerprints => {
                nearest.with_flags(Flags { fingerprints: true, ..flags })?
            }
            _ => nearest,
        };
        Self::join(args, nearest, &folder)
    }

    fn join(args: &Args, nearest: Nearest, folder: &Path) -> Result<Self, Failure> {
        let file = &nearest.common().configuration;
        let here = |globs: &[String]| patterns(folder, globs);
        let mut extend_exclude = file.extend_exclude.clone();
        extend_exclude.extend(here(&args.files.extend_exclude));
        let exclude = if args.files.exclude.is_empty() {
            file.exclude.clone()
        } else {
            Some(here(&args.files.exclude))
        };
        let cache = CachePlace::new(args, file.file.as_deref(), folder);
        Ok(Self {
            input: input(&args.paths, args.files.stdin_filename.as_deref())?,
            base: folder.to_owned(),
            nearest: Arc::new(nearest),
            exclude,
            extend_exclude,
            respect_ignore: !args.files.no_ignore,
            threads: args.threads.map(usize::from),
            adds_ignores: args.accept.add_ignores.is_some(),
            cache,
            shards: None,
        })
    }

    /// Have every finding carry what it is known by, whoever asks for it later.
    pub(crate) fn mark(&mut self) -> Result<(), Failure> {
        let flags = Flags { fingerprints: true, ..self.nearest.flags().clone() };
        self.nearest = Arc::new(self.nearest.with_flags(flags)?);
        Ok(())
    }

    /// What applies to a file.
    pub(crate) fn judgement(&self, file: &Path) -> Result<Arc<Judgement>, Failure> {
        Ok(Arc::clone(&self.nearest.of_file(file)?.judgement))
    }
}

fn flags(args: &Args, folder: &Path) -> Result<Flags, Failure> {
    // Judged on their own first, so that each is told with its own place.
    let policy = policy_options(&args.policy, folder)?;
    policy.build().map_err(Failure::new)?;
    Ok(Flags {
        policy,
        levels: args.levels.level.clone(),
        undecided: args.levels.undecided,
        suppressions: !args.accept.no_suppressions,
        patching_guard: args.levels.patching_guard,
        fingerprints: args.accept.baseline.is_some()
            || args.accept.write_baseline.is_some()
            || args.output.outputs().iter().any(|output| output.format.has_fingerprints()),
        ..Flags::default()
    })
}

fn policy_options(args: &PolicyArgs, folder: &Path) -> Result<PolicyOptions, Failure> {
    let root = args.fs_readonly.as_ref().and_then(Option::as_deref);
    Ok(PolicyOptions {
        profile: args.profile.clone(),
        no_network: args.no_network,
        allow_localhost: args.allow_localhost,
        allow_domain: args.allow_domain.clone(),
        no_subprocess: args.no_subprocess,
        allow_run: args.allow_run.clone(),
        fs_readonly: args.fs_readonly.is_some(),
        fs_root: root.map(|root| absolute_root(root, folder)).transpose()?,
        allow_write: absolute_paths(&args.allow_write, folder)?,
        no_environment: args.no_environment,
        no_code_exec: args.no_code_exec,
        no_interpreter_mutation: args.no_interpreter_mutation,
        block_native: args.block_native,
        allow_native: args.allow_native.clone(),
        deny_import: args.deny_import.clone(),
    })
}

fn input(paths: &[PathBuf], stdin_filename: Option<&Path>) -> Result<Input, Failure> {
    let stdin = Path::new("-");
    if !paths.iter().any(|path| path == stdin) {
        return match stdin_filename {
            None => Ok(Input::Paths(paths.to_owned())),
            Some(_) => {
                Err(Failure::new("--stdin-filename names standard input: add - as the path"))
            }
        };
    }
    if paths.len() > 1 {
        return Err(Failure::new("- is standard input and has to be the only path"));
    }
    Ok(Input::Stdin { name: stdin_filename.unwrap_or(stdin).to_owned(), content: Ok(Vec::new()) })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use hermetic_policy::{Capability, Level};

    use super::*;

    fn join(args: &[&str], file: Configuration) -> Result<Settings, Failure> {
        let args = Args::try_parse_from([&["hermetic-check"], args].concat()).expect("valid");
        let folder = Path::new("/project");
        let nearest = Nearest::fixed(flags(&args, folder)?, folder, file)?;
        Settings::join(&args, nearest, folder)
    }

    #[test]
    fn flags_add_to_the_file() {
        let file = Configuration {
            policy: PolicyOptions { no_network: true, ..Default::default() },
            ..Default::default()
        };
        let settings = join(&["--no-env"], file).expect("valid");
        assert!(settings.nearest.common().judgement.policy.guards(Capability::Network));
        assert!(settings.nearest.common().judgement.policy.guards(Capability::Environment));
        assert!(!settings.nearest.common().judgement.policy.guards(Capability::Subprocess));
    }

    #[test]
    fn nothing_said_denies_nothing() {
        let settings = join(&[], Configuration::default()).expect("valid");
        assert!(settings.nearest.common().judgement.policy.is_empty());
        assert_eq!(settings.nearest.common().judgement.undecided, Level::Info);
        assert!(settings.respect_ignore);
        assert_eq!(settings.exclude, None);
        assert_eq!(settings.input, Input::Paths(vec![".".into()]));
    }

    #[test]
    fn a_level_on_the_command_line_wins() {
        let levels = [("network-connect", Level::Off), ("captured-reference", Level::Error)];
        let file = Configuration {
            levels: levels.into(),
            undecided: Some(Level::Off),
            ..Default::default()
        };
        let settings = join(&["--level", "network-connect=warn", "--undecided", "error"], file)
            .expect("valid");
        assert_eq!(settings.nearest.common().judgement.levels["network-connect"], Level::Warn);
        assert_eq!(settings.nearest.common().judgement.levels["captured-reference"], Level::Error);
        assert_eq!(settings.nearest.common().judgement.undecided, Level::Error);
    }

    #[test]
    fn excludes_count_from_where_they_were_written() {
        let file = Configuration {
            exclude: Some(patterns(Path::new("/elsewhere"), &["a".into()])),
            extend_exclude: patterns(Path::new("/elsewhere"), &["b".into()]),
            ..Default::default()
        };
        let settings = join(&["--extend-exclude", "c"], file.clone()).expect("valid");
        assert_eq!(settings.exclude, file.exclude);
        let bases: Vec<_> =
            settings.extend_exclude.iter().map(|pattern| pattern.base.clone()).collect();
        assert_eq!(bases, [PathBuf::from("/elsewhere"), PathBuf::from("/project")]);
        let settings = join(&["--exclude", "d"], file).expect("valid");
        assert_eq!(settings.exclude, Some(patterns(Path::new("/project"), &["d".into()])));
    }

    #[test]
    fn a_relative_root_counts_from_the_working_directory() {
        assert_eq!(absolute_root("src", Path::new("/project")), Ok("/project/src".into()));
        assert_eq!(absolute_root("/srv", Path::new("/project")), Ok("/srv".into()));
        assert!(absolute_root("", Path::new("/project")).is_err());
    }

    #[test]
    fn wrong_values_are_told() {
        for args in
            [&["--profile", "block-al"][..], &["--deny-import", "a b"], &["--allow-native", "a-b"]]
        {
            assert!(join(args, Configuration::default()).is_err(), "{args:?}");
        }
    }

    #[test]
    fn standard_input_stands_alone() {
        let name = |args: &[&str]| match join(args, Configuration::default())?.input {
            Input::Stdin { name, .. } => Ok(name),
            Input::Paths(_) => Err(Failure::new("paths")),
        };
        assert_eq!(name(&["-"]), Ok("-".into()));
        assert_eq!(name(&["-", "--stdin-filename", "a.py"]), Ok("a.py".into()));
        assert!(name(&["-", "b.py"]).is_err());
        assert!(name(&["--stdin-filename", "a.py"]).is_err());
    }
}
