//! The `hermetic-lsp` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

// Half the time of a check goes to the tree of the file, as in `hermetic-check`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Language server: what a Python program can reach, told while it is written
#[derive(Debug, Parser)]
#[command(name = "hermetic-lsp", version)]
struct Args {
    /// Speak over standard input and output; the only way there is
    #[arg(long)]
    stdio: bool,

    /// The process that starts the server, as some clients say it; the server takes it from
    /// `initialize`
    #[arg(long = "clientProcessId", hide = true)]
    client_process_id: Option<u32>,
}

pub(crate) fn main() -> ExitCode {
    let _ = Args::parse();
    // What fails inside is answered, not printed.
    std::panic::set_hook(Box::new(|_| {}));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.and_then(|runtime| {
        let served = runtime
            .block_on(async { hermetic_lsp::serve(tokio::io::stdin(), tokio::io::stdout()).await });
        // Standard input may be waited for by a thread that never ends.
        runtime.shutdown_background();
        served
    });
    // Nobody waits for what is still being worked out.
    hermetic_lsp::pages::remove();
    std::process::exit(served.map_or(1, |ended| i32::from(ended.code())))
}
