//! The floor of any analysis: walk the paths given, read every `.py` file, parse it, visit every
//! node, and do nothing with it. Prints files, nodes and parse errors.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use rayon::prelude::*;
use ruff_python_ast::AnyNodeRef;
use ruff_python_ast::visitor::source_order::{SourceOrderVisitor, TraversalSignal, walk_module};
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Stack of a worker: visitors recurse once per level of nesting.
const STACK: usize = 64 << 20;

#[derive(Default)]
struct Nodes(u64);

impl<'a> SourceOrderVisitor<'a> for Nodes {
    fn enter_node(&mut self, _node: AnyNodeRef<'a>) -> TraversalSignal {
        self.0 += 1;
        TraversalSignal::Traverse
    }
}

#[derive(Default)]
struct Counts {
    nodes: u64,
    broken: u64,
}

fn one(path: &PathBuf) -> Counts {
    let Ok(bytes) = std::fs::read(path) else { return Counts { nodes: 0, broken: 1 } };
    let text = String::from_utf8_lossy(&bytes);
    let parsed = parse_unchecked(&text, ParseOptions::from(Mode::Module));
    let mut nodes = Nodes::default();
    walk_module(&mut nodes, parsed.syntax());
    Counts { nodes: nodes.0, broken: u64::from(!parsed.has_valid_syntax()) }
}

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    let roots: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let Some((first, rest)) = roots.split_first() else {
        let _ = writeln!(out, "usage: parse-visit PATH...");
        return ExitCode::from(2);
    };
    let mut walk = ignore::WalkBuilder::new(first);
    for root in rest {
        walk.add(root);
    }
    let files: BTreeSet<PathBuf> = walk
        .standard_filters(false)
        .build()
        .filter_map(Result::ok)
        .filter(|e| e.file_type().is_some_and(|t| t.is_file()))
        .map(ignore::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|e| e == "py"))
        .collect();
    let pool = match rayon::ThreadPoolBuilder::new().stack_size(STACK).build() {
        Ok(pool) => pool,
        Err(error) => {
            let _ = writeln!(out, "no worker threads: {error}");
            return ExitCode::from(2);
        }
    };
    let counts = pool.install(|| {
        files.par_iter().map(one).reduce(Counts::default, |a, b| Counts {
            nodes: a.nodes + b.nodes,
            broken: a.broken + b.broken,
        })
    });
    let _ = writeln!(
        out,
        "{} files, {} nodes, {} with errors",
        files.len(),
        counts.nodes,
        counts.broken
    );
    ExitCode::SUCCESS
}
