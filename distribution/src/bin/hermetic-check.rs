//! `hermetic-check`, as the wheel has it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

#[path = "../../../analyzer/src/bin/hermetic-check/main.rs"]
mod program;

// Its modules name each other from the root of the crate.
use program::*;

fn main() -> ExitCode {
    program::main()
}
