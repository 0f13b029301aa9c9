//! Tests over the whole workspace, in one binary.
//!
//! * `conformance`: every page of `policy/rules` follows the page grammar, and the analyzer finds
//!   exactly what its blocks are marked with; so it does for `tests/corpus`, pages in the same
//!   grammar about what concerns all rules.
//! * `pages_run`: what a page leaves unmarked, or marks `# allow`, runs on real interpreters.
//! * `catalog`: no name of the catalogue is forgotten without a reason.
//! * `cli`, `files`, `fixes`, `hostile`, `suppressions`, `baseline`, `cache`,
//!   `configurations`, `dependencies`: the `hermetic-check` binary as a process, on real files.
//! * `capability_report`, `browser`: what `--capabilities` writes for people, and the page as
//!   somebody sees it who opens it.
//! * `shards`: runs in parts, and what is merged of them.
//! * `watch`: runs that stay and run again; `shell`: the man page and completions.
//! * `linked`: findings that need more than one file.
//! * `programs`: programs of several files, and what their functions reach.
//! * `reachability`: properties of those reports, and programs too large for a page.
//! * `order`: imports above a guard, the least policy.
//! * `laws`: properties of whole runs; `fuzzed`: those of `tests/fuzz`, on what was found.
//! * `generated`, `schema`, `documents`: tables that are made from the code; examples that are run, links.
//! * `vscode`: the extension for VS Code, in VS Code.
//! * `tidy`: the shape of the repository.
//!
//! `UPDATE=1` rewrites the generated documents and drops needless reasons. `HERMETIC_CHECK` names a
//! binary to test instead of the one Cargo builds; `HERMETIC_PYTHONS` (separated by `:`) the
//! interpreters of `pages_run`.

mod analyzer;
mod attack;
mod baseline;
#[cfg(unix)]
mod browser;
mod cache;
mod capability_report;
mod catalog;
mod cli;
mod configurations;
mod conformance;
mod dependencies;
mod documents;
mod editors;
#[cfg(unix)]
mod escapes;
mod files;
mod fixes;
mod fuzzed;
mod generated;
mod hostile;
mod interpreter;
mod laws;
mod linked;
mod order;
mod outputs;
mod page;
mod pages_run;
mod process;
mod programs;
mod reachability;
mod repository;
mod schema;
mod shards;
mod shell;
mod suppressions;
mod tidy;
#[cfg(unix)]
mod vscode;
mod watch;
