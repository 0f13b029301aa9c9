//! `hermetic-lsp`, as the wheel has it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

#[path = "../../../lsp-server/src/main.rs"]
mod program;

fn main() -> ExitCode {
    program::main()
}
