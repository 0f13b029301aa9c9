//! `--shard`, a part of a run written to a file, and `hermetic-check merge`, the rest of the run.
//!
//! What is looked for is said to the shards, which write it down; how it is told is said to the
//! merge. So the merge is the run that the shards are parts of, less the first look at the files.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser};
use hermetic_check::configuration::Failure;
use hermetic_check::discover;
use hermetic_check::project::{self, shards};
use hermetic_check::render::escape::Escaped;
use hermetic_check::shard::{Common, MergeError, Part, Shard, Shards};

use crate::args::{Args, CacheArgs, Granularity, OutputArgs};
use crate::progress::Progress;
use crate::replace::replace;
use crate::settings::{Input, Settings};
use crate::{CLEAN, engine};

/// A file of more bytes than this is no shard.
const MOST_BYTES: u64 = 4 << 30;

/// What a shard says by itself, or what changes nothing that it holds.
const NOT_RECORDED: [&str; 8] =
    ["shard", "shard_file", "capabilities", "threads", "quiet", "color", "no_cache", "cache_dir"];

/// Report on all files together from the parts that --shard has written.
///
/// Paths, policy, levels and configuration are those that the shards were made with. Run it in the
/// same folder of the same checkout: it reads the files too.
#[derive(Debug, Parser)]
#[command(
    name = "hermetic-check merge",
    max_term_width = 100,
    after_help = "A folder named merge is analysed as ./merge.\n\nExit codes: those of the run that \
                  was split; 2 where shards are missing, damaged, of another version, or of other \
                  files than those that are here."
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct MergeArgs {
    /// Files that --shard or merge has written, in any order
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Write one file of all that were named, for another merge, and report nothing; parts may
    /// be missing
    #[arg(short = 'o', long, value_name = "FILE", conflicts_with_all = ["output", "output_format", "statistics", "show_undecided", "baseline", "write_baseline", "prune_baseline", "show_fixes", "capabilities"])]
    shard_file: Option<PathBuf>,

    #[command(flatten)]
    output: OutputArgs,

    /// Do not tell the findings that this file lists
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,

    /// List the findings of level warn or error in this file, for --baseline
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    write_baseline: Option<PathBuf>,

    /// Take what is gone off the file of --baseline
    #[arg(long, conflicts_with = "write_baseline")]
    prune_baseline: bool,

    /// Tell with each finding what --fix would do about it
    #[arg(long)]
    show_fixes: bool,

    /// Report who can reach what and how, instead of findings; the shards need it too
    #[arg(long, conflicts_with_all = ["baseline", "write_baseline", "statistics"])]
    capabilities: bool,

    /// The finest scope of --capabilities [default: module; function in JSON]
    #[arg(long, value_name = "SCOPE", value_enum, requires = "capabilities")]
    granularity: Option<Granularity>,

    /// Follow imports into an environment's site-packages, which are looked at here
    #[arg(long, requires = "capabilities")]
    with_dependencies: bool,

    /// The environment: an interpreter, or an environment's folder
    #[arg(long, value_name = "PATH", requires = "with_dependencies")]
    python: Option<PathBuf>,

    /// Worker threads; as many as there are processors if not given
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,

    /// Neither read nor keep facts of files
    #[arg(long)]
    no_cache: bool,

    /// Folder to keep facts of files in
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    cache_dir: Option<PathBuf>,
}

/// The arguments, if the command line is one of this command.
pub(crate) fn arguments() -> Option<MergeArgs> {
    let mut all = std::env::args_os().skip(1);
    let first = all.next()?;
    let name = OsString::from("hermetic-check merge");
    (first == "merge").then(|| MergeArgs::parse_from(std::iter::once(name).chain(all)))
}

/// Look at one part of the files, and write down what is found; the exit code.
pub(crate) fn make(args: &Args, part: Part) -> Result<u8, Failure> {
    let words = words(&Args::command().get_matches())?;
    let mut settings = Settings::resolve(args)?;
    if let Input::Stdin { .. } = settings.input {
        return Err(Failure::new("--shard takes a part of files and folders, not standard input"));
    }
    settings.mark()?;
    let file = args.shard.shard_file.clone().unwrap_or_else(|| {
        PathBuf::from(format!("shard-{}-of-{}.hermetic", part.number(), part.of()))
    });
    let progress = Progress::start(args.output.quiet);
    let cache = settings.cache.open();
    let with = project::Settings { cache: cache.clone(), ..engine::project_settings(&settings) };
    let common = Common::new(part, words, args.capabilities);
    let made = shards::make(&with, part, common, &progress.done);
    progress.stop();
    if let Some(trouble) = cache.and_then(|cache| cache.trouble()) {
        settings.cache.warn(&trouble);
    }
    if let Some(failure) = settings.nearest.failure() {
        return Err(failure);
    }
    let made = made.map_err(Failure::new)?;
    write(&file, &made.shard)?;
    if !args.output.quiet {
        tell(&file, &format!("{} of {}", made.shard.files(), files(made.all)));
    }
    Ok(CLEAN)
}

/// Put the parts together; the exit code.
pub(crate) fn merge(args: MergeArgs) -> Result<u8, Failure> {
    let (shard, places) = read_all(&args.files)?;
    if let Some(file) = &args.shard_file {
        write(file, &shard)?;
        if !args.output.quiet {
            let parts: Vec<_> = shard.parts().map(|part| part.to_string()).collect();
            let of = shard.parts().count() + shard.missing().count();
            let what = if parts.len() == 1 { "shard" } else { "shards" };
            tell(file, &format!("{what} {} of {of}: {}", parts.join(", "), files(shard.files())));
        }
        return Ok(CLEAN);
    }
    let missing: Vec<_> = shard.missing().map(|part| part.to_string()).collect();
    if let Some(first) = missing.first() {
        let of = shard.parts().count() + missing.len();
        let (what, are) = if missing.len() == 1 { ("shard", "is") } else { ("shards", "are") };
        return Err(Failure::new(format_args!(
            "{what} {} of {of} {are} missing: name the files too; --shard {first}/{of} makes the \
             first",
            missing.join(", ")
        )));
    }
    if args.capabilities && !shard.common().graph {
        let told = "--capabilities needs shards that were made with --capabilities";
        return Err(Failure::new(told));
    }
    let first = places.values().next().map_or_else(PathBuf::new, Clone::clone);
    let mut whole = parsed(&shard.common().words)
        .ok_or_else(|| Failure::at(discover::display(&first, None), "is damaged; make it anew"))?;
    let Some(shards) = Shards::new(shard) else {
        return Err(Failure::new("a shard is missing"));
    };
    let MergeArgs {
        files: _,
        shard_file: _,
        output,
        baseline,
        write_baseline,
        prune_baseline,
        show_fixes,
        capabilities,
        granularity,
        with_dependencies,
        python,
        threads,
        no_cache,
        cache_dir,
    } = args;
    whole.output = output;
    whole.accept.baseline = baseline;
    whole.accept.write_baseline = write_baseline;
    whole.accept.prune_baseline = prune_baseline;
    whole.fixes.show_fixes = show_fixes;
    whole.capabilities = capabilities;
    whole.granularity = granularity;
    whole.with_dependencies = with_dependencies;
    whole.python = python;
    whole.threads = threads;
    whole.cache = CacheArgs { no_cache, cache_dir, clean: false };
    crate::run_with(&whole, Some(Arc::new(shards)))
}

/// All shards as one, and a file that each part is from.
fn read_all(files: &[PathBuf]) -> Result<(Shard, BTreeMap<u32, PathBuf>), Failure> {
    let mut all: Option<Shard> = None;
    let mut places = BTreeMap::new();
    for file in files {
        let shown = || discover::display(file, None);
        let bytes = read(file).map_err(|error| Failure::at(shown(), error))?;
        let shard = Shard::from_bytes(&bytes).map_err(|error| Failure::at(shown(), error))?;
        drop(bytes);
        let parts: Vec<u32> = shard.parts().collect();
        match &mut all {
            None => all = Some(shard),
            Some(all) => all.merge(shard).map_err(|error| {
                let other = match error {
                    MergeError::Twice(part, _) => places.get(&part),
                    _ => places.values().next(),
                };
                let other =
                    other.map_or_else(String::new, |path: &PathBuf| discover::display(path, None));
                Failure::at(shown(), unlike(&error, &other))
            })?,
        }
        places.extend(parts.into_iter().map(|part| (part, file.clone())));
    }
    // clap asks for one file at least.
    all.map(|all| (all, places)).ok_or_else(|| Failure::new("name the files of the shards"))
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What to say of a shard that does not go with another.
fn unlike(error: &MergeError, other: &str) -> String {
    match error {
        MergeError::Count(theirs, ours) => format!(
            "is one of {ours} shards, and {other} one of {theirs}; make them all with the same \
             number"
        ),
        MergeError::Settings(theirs, ours) => {
            let list = |words: &[String]| match words {
                [] => "nothing of its own".to_owned(),
                words => words.join(" "),
            };
            format!(
                "was made with other settings than {other} ({} here, {} there); give every shard \
                 the same paths and options",
                list(ours),
                list(theirs)
            )
        }
        MergeError::Graph(theirs) => {
            let (with, without) = if *theirs { (other, "this one") } else { ("this one", other) };
            format!(
                "cannot be merged with {other}: {with} was made with --capabilities, and {without} was not"
            )
        }
        MergeError::Twice(part, of) => format!(
            "has shard {part} of {of}, and so has {other}; name each shard once, in one file"
        ),
        _ => format!("cannot be merged with {other}"),
    }
}

/// What the command line asks for, in words that mean the same on every machine, in an order of
/// their own.
fn words(matches: &ArgMatches) -> Result<Vec<String>, Failure> {
    let text = |value: &OsStr| {
        value.to_str().map(str::to_owned).ok_or_else(|| {
            Failure::new(format_args!(
                "{} is not UTF-8, and --shard cannot keep it",
                value.display()
            ))
        })
    };
    let (mut options, mut paths) = (Vec::new(), Vec::new());
    let command = Args::command();
    for arg in command.get_arguments() {
        let id = arg.get_id().as_str();
        let given = matches.value_source(id) == Some(ValueSource::CommandLine);
        if !given || NOT_RECORDED.contains(&id) {
            continue;
        }
        let Some(long) = arg.get_long() else {
            for path in matches.get_raw(id).into_iter().flatten() {
                paths.push(text(path)?);
            }
            continue;
        };
        if !arg.get_action().takes_values() {
            options.push(format!("--{long}"));
            continue;
        }
        for mut values in matches.get_raw_occurrences(id).into_iter().flatten() {
            options.push(match values.next() {
                Some(value) => format!("--{long}={}", text(value)?),
                None => format!("--{long}"),
            });
        }
    }
    if !paths.is_empty() {
        options.push("--".to_owned());
        options.extend(paths);
    }
    Ok(options)
}

/// The arguments that such words stand for; `None` where --shard would not have written them.
fn parsed(words: &[String]) -> Option<Args> {
    // What --shard refuses, its file cannot ask for either.
    let all = ["hermetic-check", "--shard=1/1"].into_iter();
    let all = all.chain(words.iter().map(String::as_str));
    let matches = Args::command().try_get_matches_from(all).ok()?;
    if self::words(&matches).ok()? != words {
        return None;
    }
    let mut args = Args::from_arg_matches(&matches).ok()?;
    args.shard.shard = None;
    Some(args)
}

fn write(file: &Path, shard: &Shard) -> Result<(), Failure> {
    replace(file, None, &shard.to_bytes()).map_err(|error| {
        Failure::at(discover::display(file, None), format_args!("not written: {error}"))
    })
}

fn tell(file: &Path, what: &str) {
    // Whether or not anybody reads it, the file is written.
    let _ = writeln!(io::stderr(), "{}: {}", discover::display(file, None), Escaped(what));
}

fn files(count: usize) -> String {
    format!("{count} {}", if count == 1 { "file" } else { "files" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(arguments: &[&str]) -> Vec<String> {
        let all = [&["hermetic-check", "--shard=1/2"], arguments].concat();
        words(&Args::command().try_get_matches_from(all).expect("valid")).expect("UTF-8")
    }

    #[test]
    fn words_stand_for_the_same_arguments_in_an_order_of_their_own() {
        let given = ["src", "--no-env", "--level", "network-connect=warn", "-q", "-j", "3", "lib"];
        let words = recorded(&given);
        assert_eq!(words, ["--no-environment", "--level=network-connect=warn", "--", "src", "lib"]);
        let other =
            ["--level=network-connect=warn", "--no-cache", "--no-environment", "--", "src", "lib"];
        assert_eq!(recorded(&other), words);
        let args = parsed(&words).expect("what was written");
        assert!(args.policy.no_environment && args.shard.shard.is_none());
        assert_eq!(args.paths, [PathBuf::from("src"), "lib".into()]);
        assert_eq!(recorded(&["--fs-readonly=/srv"]), ["--fs-readonly=/srv"]);
        assert_eq!(recorded(&["--fs-readonly"]), ["--fs-readonly"]);
        assert_eq!(recorded(&[]), Vec::<String>::new());
        assert_eq!(parsed(&[]).expect("nothing").paths, [PathBuf::from(".")]);
    }

    #[test]
    fn the_command_is_consistent() {
        MergeArgs::command().debug_assert();
    }

    #[test]
    fn words_that_no_shard_writes_are_refused() {
        for hostile in [
            "--fix",
            "--help",
            "--version",
            "--shard=1/1",
            "--add-ignores",
            "--write-baseline=x",
            "--output=json=x",
            "--no-env",
            "--clean",
            "--cache-dir=x",
            "--watch",
            "--rules",
            "--explain=x",
            "-q",
        ] {
            assert!(parsed(&[hostile.to_owned()]).is_none(), "{hostile}");
        }
    }
}
