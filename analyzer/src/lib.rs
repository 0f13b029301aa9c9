//! What a Python program can reach, read from its source before it runs.
//!
//! The crate is a pipeline. A folder goes in, a [report](report::Report) comes out, and each file
//! travels by itself. This is the road of one of them.
//!
//! # From the disk to text
//!
//! [`discover`] finds it. Python is not only `*.py`: a script without a suffix, a notebook and the
//! start-up lines of a `.pth` file run as well. The module lists what is to be analysed, what is
//! there but cannot be, and what was passed over, and it is the only one that touches the disk.
//!
//! [`source`] makes text of the bytes. A file may declare its encoding, and code can hide behind
//! one that a reader does not expect, so the bytes are decoded as `CPython` decodes them, or the
//! file is refused with a [reason](source::Reason). Places are rows and columns of that text.
//!
//! # From text to facts
//!
//! [`syntax`] parses. A file with an error keeps the tree of what was understood; one that nests
//! more deeply than a stack can follow is refused before anybody walks it.
//!
//! `detect` runs the statements in order, not over values but over what is known of them
//! ([`resolve`]): this name is the module `os`, that one an instance of `socket.socket` made with
//! nothing, this is a string that begins with `https://api.example.com/`. So `import os as o`,
//! `getattr(os, "system")` and `from os import system` end at the same name, and a parameter that
//! happens to be called `os` ends nowhere. Where an expression reaches a name that some
//! [rule](hermetic_policy::Rule) knows, the engine notes a fact.
//!
//! The facts of a file are its [`summary`]: acts with their operands, references kept past a
//! patch, imports. A summary knows no policy.
//!
//! # From facts to findings
//!
//! [`judge`] asks the policy about each act. The decision is not made in this crate:
//! [`Policy::decide`](hermetic_policy::Policy::decide) makes it, and the runtime guard will ask the
//! same function. Where the policy denies an act, cannot decide it, or the rule speaks in any
//! case, a [`diagnostic`] comes of it, worded by [`hermetic_policy::message`].
//!
//! `suppress` then takes out what a comment on the line accepts. Such findings are counted, and a
//! comment that accepts nothing is a finding itself.
//!
//! # All files together
//!
//! [`project`] runs that road for every file in parallel and joins the outcomes, sorted, so that
//! neither the number of threads nor the order of the files shows. Nothing that is in a file can
//! make a run fail: what cannot be decoded, parsed or even survived becomes the finding
//! `not-analysed` about that file, and all others are reported as ever.
//!
//! [`link`] follows what files take from each other: `from helper import go` in one, and in
//! `helper.py` `from os import system as go`. A file for which that makes a difference travels its
//! road once more, with that known. What every function can reach, and by which calls, is told by
//! [`capabilities`]; what a policy has to allow for it, by [`least_policy`].
//!
//! A [`cache`] keeps the facts of files from run to run, so that what has not changed is not read
//! again.
//!
//! A run can be split: each [`shard`] holds the facts of some files, and one run merges them.
//!
//! A [`baseline`] takes out what was there before; it knows findings by their [`fingerprint`].
//!
//! [`fix`] works out how a reference that is kept can be looked up late instead; [`rewrite`] makes
//! such edits in the bytes of a file.
//!
//! [`workspace`] is for editors: the same findings, kept up to date while files are edited.
//!
//! [`configuration`] finds and reads the files that say what is denied and how loudly it is told.
//!
//! [`render`] writes the report, for people or for programs. The library itself prints nothing,
//! and ends no process; the command `hermetic-check` does both.

#![forbid(unsafe_code)]

pub mod baseline;
pub mod cache;
pub mod capabilities;
pub mod configuration;
mod detect;
pub mod diagnostic;
pub mod discover;
pub mod fingerprint;
pub mod fix;
pub mod judge;
pub mod least_policy;
pub mod link;
mod logical;
pub mod project;
pub mod render;
pub mod report;
pub mod resolve;
pub mod rewrite;
pub mod shard;
pub mod source;
pub mod summary;
pub mod suppress;
pub mod syntax;
pub mod workspace;
