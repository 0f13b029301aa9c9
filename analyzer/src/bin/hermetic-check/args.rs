//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, ValueEnum};
use hermetic_check::render::Format;
use hermetic_check::shard::Part;
use hermetic_check::suppress::{BadReason, Reason};
use hermetic_policy::suggest::did_you_mean;
use hermetic_policy::{Level, Rule, rules};

/// Report what a Python program can reach before it runs: network, processes, files,
/// environment, dynamic code, native code.
///
/// Without a policy, ways around a guard and native code are reported, and the rest is summed up
/// in one line. With a policy (flags, --profile or a configuration file), what it denies is
/// reported.
#[derive(Debug, Parser)]
#[command(
    name = "hermetic-check",
    version,
    max_term_width = 100,
    after_help = "hermetic-check diff OLD NEW compares what two versions can reach; see hermetic-check \
                  diff --help.\nhermetic-check merge FILE... reports on the parts that --shard wrote; see \
                  hermetic-check merge --help.\n\nExit codes: 0 nothing found, 1 findings of level warn or error, 2 bad usage or \
                  configuration, 3 a file could not be analysed and that was not accepted."
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Args {
    /// Files, folders, wheels and source distributions to analyse; - is standard input
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) policy: PolicyArgs,

    #[command(flatten)]
    pub(crate) levels: LevelArgs,

    #[command(flatten)]
    pub(crate) files: FileArgs,

    #[command(flatten)]
    pub(crate) accept: AcceptArgs,

    #[command(flatten)]
    pub(crate) fixes: FixArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Take this configuration file (hermetic.toml or pyproject.toml) for every file
    /// instead of the nearest one
    #[arg(long, value_name = "FILE", help_heading = "Configuration")]
    pub(crate) config: Option<PathBuf>,

    /// Read no configuration file
    #[arg(long, conflicts_with = "config", help_heading = "Configuration")]
    pub(crate) isolated: bool,

    /// Only print the settings of the first path's files, as a configuration
    #[arg(long, help_heading = "Configuration")]
    pub(crate) show_settings: bool,

    /// Report who can reach what and how, whatever the policy, instead of findings
    #[arg(long, help_heading = "Capabilities", conflicts_with_all = ["add_ignores", "baseline", "write_baseline", "statistics"])]
    pub(crate) capabilities: bool,

    /// The finest scope of --capabilities [default: module; function in JSON]
    #[arg(
        long,
        value_name = "SCOPE",
        value_enum,
        requires = "capabilities",
        help_heading = "Capabilities"
    )]
    pub(crate) granularity: Option<Granularity>,

    /// Follow imports into an environment's site-packages and the archives among the paths, and
    /// report what is reached there by distribution
    #[arg(long, requires = "capabilities", help_heading = "Capabilities")]
    pub(crate) with_dependencies: bool,

    /// The environment: an interpreter, or an environment's folder [default: the active one, or
    /// .venv beside the project]
    #[arg(
        long,
        value_name = "PATH",
        requires = "with_dependencies",
        help_heading = "Capabilities"
    )]
    pub(crate) python: Option<PathBuf>,

    /// Print the least [tool.hermetic] that allows what the program needs, as far as its source
    /// tells, and who needs it
    #[arg(long, help_heading = "Capabilities", conflicts_with_all = ["capabilities", "add_ignores", "baseline", "write_baseline", "statistics", "output", "output_format"])]
    pub(crate) suggest_policy: bool,

    /// Print the page of a rule
    #[arg(long, value_name = "RULE", help_heading = "Rules")]
    pub(crate) explain: Option<String>,

    /// Print a man page or completions of a shell
    #[arg(long, value_name = "KIND", value_enum, exclusive = true, help_heading = "Shell")]
    pub(crate) generate: Option<Generated>,

    /// List every rule: name, capability, level, summary
    #[arg(long, conflicts_with = "explain", help_heading = "Rules")]
    pub(crate) rules: bool,

    /// Worker threads; as many as there are processors if not given
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,

    #[command(flatten)]
    pub(crate) cache: CacheArgs,

    /// Stay, and report anew whenever a file or a configuration changes; Ctrl+C ends it
    #[arg(long, help_heading = "Watching", conflicts_with_all = [
        "fix", "diff", "add_ignores", "write_baseline", "prune_baseline", "show_files",
        "show_ignored", "show_settings", "stdin_filename", "suggest_policy", "explain", "rules",
        "clean", "shard",
    ])]
    pub(crate) watch: bool,

    #[command(flatten)]
    pub(crate) shard: ShardArgs,
}

/// A run in parts.
#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Shards")]
pub(crate) struct ShardArgs {
    /// Only look at a part of the files, and write what is found to a file, for hermetic-check
    /// merge
    #[arg(long, value_name = "I/N", conflicts_with_all = [
        "output", "output_format", "statistics", "show_undecided", "baseline", "write_baseline",
        "prune_baseline", "add_ignores", "fix", "diff", "unsafe_fixes", "show_fixes", "show_files",
        "show_ignored", "show_settings", "stdin_filename", "granularity", "with_dependencies",
        "python", "suggest_policy", "explain", "rules", "clean",
    ])]
    pub(crate) shard: Option<Part>,

    /// The file that --shard writes [default: shard-I-of-N.hermetic]
    #[arg(short = 'o', long, value_name = "FILE", requires = "shard")]
    pub(crate) shard_file: Option<PathBuf>,
}

/// What is kept between runs.
#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Cache")]
pub(crate) struct CacheArgs {
    /// Analyse every file anew and keep nothing
    #[arg(long)]
    pub(crate) no_cache: bool,

    /// Folder to keep facts of files in [default: `.hermetic_cache` beside the configuration file,
    /// or in the working directory]
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Only remove the cache
    #[arg(long, conflicts_with = "no_cache")]
    pub(crate) clean: bool,
}

/// The runtime guard's own flags.
#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Policy")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct PolicyArgs {
    /// Deny the network
    #[arg(long)]
    pub(crate) no_network: bool,

    /// Allow loopback addresses although the network is denied
    #[arg(long)]
    pub(crate) allow_localhost: bool,

    /// Allow a domain and what is below it although the network is denied; repeatable
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) allow_domain: Vec<String>,

    /// Deny starting processes
    #[arg(long)]
    pub(crate) no_subprocess: bool,

    /// Allow starting a program, by name or absolute path, although subprocesses are denied;
    /// repeatable
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) allow_run: Vec<String>,

    /// Deny writing files; with =ROOT, reading outside that folder too
    #[arg(long, value_name = "ROOT", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "how clap spells a flag with an optional value")]
    pub(crate) fs_readonly: Option<Option<String>>,

    /// Allow changing a file, or what is in a folder, all the same; repeatable
    #[arg(long, value_name = "PATH")]
    pub(crate) allow_write: Vec<String>,

    /// Deny environment variables
    #[arg(long, visible_alias = "no-env")]
    pub(crate) no_environment: bool,

    /// Deny running code made from data, and unsafe deserialisation
    #[arg(long)]
    pub(crate) no_code_exec: bool,

    /// Deny changing interpreter-wide state such as sys.path and the working directory
    #[arg(long)]
    pub(crate) no_interpreter_mutation: bool,

    /// Deny native interfaces and extension modules
    #[arg(long)]
    pub(crate) block_native: bool,

    /// Allow the extension modules of a package all the same; repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) allow_native: Vec<String>,

    /// Deny importing a module and what is below it; repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) deny_import: Vec<String>,

    /// Add a named policy; repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Vec<String>,
}

/// How loudly findings are told.
#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Levels")]
pub(crate) struct LevelArgs {
    /// Level of what the policy cannot decide before the program runs [default: info]
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub(crate) undecided: Option<Level>,

    /// The guard at run time is one that patches (hermetic-seal, pytest-socket): what is kept
    /// before it is installed is a warning
    #[arg(long)]
    pub(crate) patching_guard: bool,

    /// Level of a rule: error, warn, info or off; repeatable
    #[arg(long, value_name = "RULE=LEVEL", value_parser = rule_level)]
    pub(crate) level: Vec<(&'static str, Level)>,
}

/// Which files are analysed.
#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Files")]
pub(crate) struct FileArgs {
    /// Leave out what matches, instead of the default excludes; repeatable
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,

    /// Leave out what matches, besides the other excludes; repeatable
    #[arg(long, value_name = "GLOB")]
    pub(crate) extend_exclude: Vec<String>,

    /// Analyse files that .gitignore and kin name, too
    #[arg(long)]
    pub(crate) no_ignore: bool,

    /// Only list the files passed over because of .gitignore and kin or excludes
    #[arg(long)]
    pub(crate) show_ignored: bool,

    /// Only list the files that would be analysed
    #[arg(long, conflicts_with = "show_ignored")]
    pub(crate) show_files: bool,

    /// Name to report standard input under
    #[arg(long, value_name = "PATH")]
    pub(crate) stdin_filename: Option<PathBuf>,
}

/// Findings that are accepted as they are.
#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Accepting findings")]
pub(crate) struct AcceptArgs {
    /// Write a comment `# hermetic: ignore[RULE] REASON` for each finding of level warn or error,
    /// then report what is left
    #[arg(long, value_name = "REASON", num_args = 0..=1, require_equals = true, value_parser = reason, conflicts_with_all = ["baseline", "show_files", "show_ignored"])]
    #[expect(clippy::option_option, reason = "how clap spells a flag with an optional value")]
    pub(crate) add_ignores: Option<Option<Reason>>,

    /// Tell the findings, too, that comments accept: for code that is not trusted
    #[arg(long, conflicts_with = "add_ignores")]
    pub(crate) no_suppressions: bool,

    /// Do not tell the findings that this file lists
    #[arg(long, value_name = "FILE", conflicts_with_all = ["show_files", "show_ignored"])]
    pub(crate) baseline: Option<PathBuf>,

    /// List the findings of level warn or error in this file, for --baseline
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "add_ignores", "show_files", "show_ignored"])]
    pub(crate) write_baseline: Option<PathBuf>,

    /// Take what is gone off the file of --baseline
    #[arg(long, conflicts_with_all = ["write_baseline", "add_ignores"])]
    pub(crate) prune_baseline: bool,
}

/// Findings that are made to go away.
#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Fixing findings")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct FixArgs {
    /// Rewrite captured references so that they are looked up where they are used, then report
    /// what is left
    #[arg(long, conflicts_with_all = ["add_ignores", "write_baseline", "show_files", "show_ignored"])]
    pub(crate) fix: bool,

    /// Print what --fix would change as a diff, and change nothing
    #[arg(long, conflicts_with_all = ["fix", "add_ignores", "write_baseline", "show_files", "show_ignored", "output", "output_format", "statistics"])]
    pub(crate) diff: bool,

    /// With --fix or --diff: take fixes, too, that other code may notice
    #[arg(long)]
    pub(crate) unsafe_fixes: bool,

    /// Tell with each finding what --fix would do about it
    #[arg(long, conflicts_with_all = ["diff", "show_files", "show_ignored"])]
    pub(crate) show_fixes: bool,
}

/// What is written.
#[derive(Debug, Default, ClapArgs)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// How the report is written to standard output [default: full]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) output_format: Option<OutputFormat>,

    /// Write the report in a format of --output-format, to a file where one is given; repeatable
    #[arg(long, value_name = "FORMAT[=FILE]", value_parser = output)]
    pub(crate) output: Vec<Output>,

    /// Count findings by rule instead of listing them
    #[arg(long)]
    pub(crate) statistics: bool,

    /// List what the policy cannot decide even at level info (JSON always does)
    #[arg(long)]
    pub(crate) show_undecided: bool,

    /// Write findings only: no closing lines, no progress
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Colours in the text formats
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) color: Color,
}

/// The value of `--output-format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Source excerpt with carets, what, why and remedy
    #[default]
    Full,
    /// `path:row:column: level[rule] message`
    Concise,
    /// One JSON object
    Json,
    /// One JSON object a line
    Jsonl,
    /// SARIF 2.1.0
    Sarif,
    /// Annotations of GitHub Actions
    Github,
    /// Code quality report of GitLab
    Gitlab,
    /// XML of `JUnit`
    Junit,
    /// A page for the browser, with --capabilities
    Html,
    /// A graph for Graphviz, with --capabilities
    Dot,
    /// A flow chart of Mermaid, with --capabilities
    Mermaid,
}

impl OutputFormat {
    /// Its name.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The form of a report of findings; `None` where there is none.
    pub(crate) const fn of_findings(self) -> Option<Format> {
        Some(match self {
            Self::Full => Format::Full,
            Self::Concise => Format::Concise,
            Self::Json => Format::Json,
            Self::Jsonl => Format::JsonLines,
            Self::Sarif => Format::Sarif,
            Self::Github => Format::Github,
            Self::Gitlab => Format::Gitlab,
            Self::Junit => Format::Junit,
            Self::Html | Self::Dot | Self::Mermaid => return None,
        })
    }
}

/// A value of `--output`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    /// How.
    pub(crate) format: OutputFormat,
    /// Where; `None` for standard output.
    pub(crate) file: Option<PathBuf>,
}

impl OutputArgs {
    /// Everything to write. The two options are one list.
    pub(crate) fn outputs(&self) -> Vec<Output> {
        let short = self.output_format.map(|format| Output { format, file: None });
        let mut outputs: Vec<_> = short.into_iter().chain(self.output.iter().cloned()).collect();
        if outputs.is_empty() {
            outputs.push(Output { format: OutputFormat::default(), file: None });
        }
        outputs
    }
}

impl OutputFormat {
    /// Whether findings carry what they are known by.
    pub(crate) const fn has_fingerprints(self) -> bool {
        match self {
            Self::Sarif | Self::Gitlab => true,
            Self::Full | Self::Concise | Self::Json | Self::Jsonl | Self::Github | Self::Junit => {
                false
            }
            Self::Html | Self::Dot | Self::Mermaid => false,
        }
    }
}

/// The value of `--generate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Generated {
    /// A man page, in roff
    Man,
    /// Completions for bash
    CompleteBash,
    /// Completions for Elvish
    CompleteElvish,
    /// Completions for fish
    CompleteFish,
    /// Completions for `PowerShell`
    CompletePowershell,
    /// Completions for zsh
    CompleteZsh,
}

/// The value of `--granularity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Granularity {
    /// Top-level packages
    Package,
    /// Modules
    Module,
    /// Modules, classes and functions
    Function,
}

impl From<Granularity> for hermetic_check::render::capabilities::Granularity {
    fn from(granularity: Granularity) -> Self {
        match granularity {
            Granularity::Package => Self::Package,
            Granularity::Module => Self::Module,
            Granularity::Function => Self::Function,
        }
    }
}

/// The value of `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// In a terminal; `NO_COLOR` and `FORCE_COLOR` decide first
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// A rule by name, or what to say about an unknown one.
pub(crate) fn rule(name: &str) -> Result<&'static Rule, String> {
    rules::find(name).ok_or_else(|| match did_you_mean(name, rules::all().map(|rule| rule.name)) {
        Some(near) => format!("unknown rule `{name}`; did you mean `{near}`"),
        None => format!("unknown rule `{name}`; --rules lists them all"),
    })
}

fn output(text: &str) -> Result<Output, String> {
    let (name, file) = match text.split_once('=') {
        Some((_, "")) => return Err("write FORMAT=FILE, or FORMAT alone".to_owned()),
        Some((name, "-")) => (name, None),
        Some((name, file)) => (name, Some(PathBuf::from(file))),
        None => (text, None),
    };
    let format = OutputFormat::from_str(name, false).map_err(|_| {
        let all = OutputFormat::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let names: Vec<_> = all.map(|value| value.get_name().to_owned()).collect();
        match did_you_mean(name, names.iter().map(String::as_str)) {
            Some(near) => format!("unknown format `{name}`; did you mean `{near}`"),
            None => format!("unknown format `{name}`; there are {}", names.join(", ")),
        }
    })?;
    Ok(Output { format, file })
}

fn level(text: &str) -> Result<Level, String> {
    Level::from_name(text).ok_or_else(|| "a level is error, warn, info or off".to_owned())
}

fn reason(text: &str) -> Result<Reason, BadReason> {
    Reason::new(text)
}

fn rule_level(text: &str) -> Result<(&'static str, Level), String> {
    let (name, value) = text.split_once('=').ok_or("write RULE=LEVEL")?;
    Ok((rule(name)?.name, level(value)?))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(args: &[&str]) -> Result<Args, String> {
        Args::try_parse_from([&["hermetic-check"], args].concat()).map_err(|e| e.to_string())
    }

    #[test]
    fn the_command_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_root_needs_its_equals_sign() {
        let args = parse(&["--fs-readonly", "src"]).expect("valid");
        assert_eq!(args.policy.fs_readonly, Some(None));
        assert_eq!(args.paths, [PathBuf::from("src")]);
        let args = parse(&["--fs-readonly=/srv"]).expect("valid");
        assert_eq!(args.policy.fs_readonly, Some(Some("/srv".into())));
        assert_eq!(args.paths, [PathBuf::from(".")]);
    }

    #[test]
    fn both_spellings_of_the_environment_flag() {
        for flag in ["--no-environment", "--no-env"] {
            assert!(parse(&[flag]).expect("valid").policy.no_environment);
        }
    }

    #[test]
    fn lists_repeat() {
        let args = parse(&["--deny-import", "a", "--deny-import", "b"]).expect("valid");
        assert_eq!(args.policy.deny_import, ["a", "b"]);
    }

    #[test]
    fn outputs_are_one_list() {
        let outputs = |args: &[&str]| parse(args).expect("valid").output.outputs();
        let to = |format, file: Option<&str>| Output { format, file: file.map(PathBuf::from) };
        assert_eq!(outputs(&[]), [to(OutputFormat::Full, None)]);
        assert_eq!(
            outputs(&["--output", "sarif=a=b.sarif", "--output-format", "json"]),
            [to(OutputFormat::Json, None), to(OutputFormat::Sarif, Some("a=b.sarif"))]
        );
        assert_eq!(outputs(&["--output=junit=-"]), [to(OutputFormat::Junit, None)]);
        let error = parse(&["--output", "sarf=x"]).expect_err("no such format");
        assert!(error.contains("did you mean `sarif`"), "{error}");
        assert!(parse(&["--output", "json="]).is_err());
    }

    #[test]
    fn a_misspelt_rule_is_answered_with_the_nearest() {
        let error = parse(&["--level", "network-conect=warn"]).expect_err("no such rule");
        assert!(error.contains("did you mean `network-connect`"), "{error}");
        let error = parse(&["--level", "network-connect=loud"]).expect_err("no such level");
        assert!(error.contains("error, warn, info or off"), "{error}");
        let args = parse(&["--level", "network-connect=off"]).expect("valid");
        assert_eq!(args.levels.level, [("network-connect", Level::Off)]);
    }
}
