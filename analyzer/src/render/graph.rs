//! What a program can reach ([`Capabilities`]) as a graph: modules that reach something, which of
//! them leads to which, and the capabilities as leaves.
//!
//! Two languages are written: DOT of Graphviz, and the flow charts of Mermaid. An edge is drawn
//! where the way of some module goes along it, solid where one is gone on import, dashed where
//! code has to be called first. A picture of thousands of nodes shows nothing and takes its
//! program hours, so that only the modules nearest to a capability are drawn; a comment tells how
//! many are not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Write};

use hermetic_policy::Capability;

use super::capabilities::Granularity;
use super::escape::{Escaped, grouped};
use crate::capabilities::{Capabilities, Entry, Reach, Scope, When};

/// What `dot` still draws in some seconds.
const DOT: Bounds = Bounds { nodes: 400, edges: 2000 };
/// Mermaid itself refuses more than 500 edges, and more than 50,000 characters
/// (`maxEdges`, `maxTextSize`; <https://mermaid.js.org/config/schema-docs/config.html>).
const MERMAID: Bounds = Bounds { nodes: 150, edges: 480 };
/// As much of a name as is shown, in characters.
const LONGEST: usize = 80;

#[derive(Clone, Copy)]
struct Bounds {
    nodes: usize,
    edges: usize,
}

/// A graph, cut to its bounds.
struct Graph<'a> {
    /// Names of modules or packages, by number.
    nodes: Vec<&'a str>,
    /// Capabilities that a drawn edge leads to.
    leaves: BTreeSet<Capability>,
    edges: BTreeMap<(usize, To), When>,
    nodes_left_out: usize,
    edges_left_out: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum To {
    Module(usize),
    Leaf(Capability),
}

impl<'a> Graph<'a> {
    fn of(capabilities: &'a Capabilities, granularity: Granularity, bounds: Bounds) -> Self {
        let ways = || {
            let modules = capabilities.entries.iter().filter(|e| e.scope == Scope::Module);
            modules.filter_map(|entry| match entry.reach {
                Reach::Capability(capability) => Some((entry, capability)),
                Reach::Unresolved => None,
            })
        };
        // Two modules of one name are one node.
        let mut names: BTreeMap<&str, &str> = BTreeMap::new();
        for (entry, _) in ways() {
            let top = entry.name.split('.').next().unwrap_or_default();
            let name = if granularity == Granularity::Package { top } else { &entry.name };
            names.insert(&entry.path, name);
        }
        let name_of = |path: &'a str| names.get(path).copied().unwrap_or(path);
        let mut distances: BTreeMap<&str, usize> = BTreeMap::new();
        let mut all: BTreeMap<(&str, Goal<'_>), When> = BTreeMap::new();
        for (entry, capability) in ways() {
            let line = line(entry, name_of);
            for (at, name) in line.iter().enumerate() {
                let distance = line.len() - at;
                let nearest = distances.entry(name).or_insert(distance);
                *nearest = distance.min(*nearest);
                let goal = line.get(at + 1).map_or(Goal::Leaf(capability), |to| Goal::Module(to));
                let when = all.entry((name, goal)).or_insert(entry.when);
                *when = entry.when.min(*when);
            }
        }
        let mut nodes: Vec<&str> = distances.keys().copied().collect();
        nodes.sort_by_key(|name| (distances.get(name), *name));
        let nodes_left_out = nodes.len().saturating_sub(bounds.nodes);
        nodes.truncate(bounds.nodes);
        let numbers: BTreeMap<&str, usize> = nodes.iter().copied().zip(0..).collect();
        let mut edges: Vec<((usize, To), When)> = all
            .iter()
            .filter_map(|((from, goal), when)| {
                let to = match goal {
                    Goal::Module(name) => To::Module(*numbers.get(name)?),
                    Goal::Leaf(capability) => To::Leaf(*capability),
                };
                Some(((*numbers.get(from)?, to), *when))
            })
            .collect();
        // Nodes are numbered from the nearest.
        edges.sort();
        edges.truncate(bounds.edges);
        Self {
            leaves: edges
                .iter()
                .filter_map(|((_, to), _)| match to {
                    To::Leaf(capability) => Some(*capability),
                    To::Module(_) => None,
                })
                .collect(),
            nodes,
            nodes_left_out,
            edges_left_out: all.len() - edges.len(),
            edges: edges.into_iter().collect(),
        }
    }

    /// What is not drawn, if anything.
    fn left_out(&self) -> Option<String> {
        let (nodes, edges) = (self.nodes_left_out as u64, self.edges_left_out as u64);
        (nodes + edges > 0).then(|| {
            format!(
                "left out: {} nodes and {} edges, those farthest from a capability; \
                 --granularity package draws packages, and html and json have everything",
                grouped(nodes),
                grouped(edges)
            )
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Goal<'a> {
    Module(&'a str),
    Leaf(Capability),
}

/// The modules a way goes through, in order, from its own to the one that calls the API.
fn line<'a>(entry: &'a Entry, name_of: impl Fn(&'a str) -> &'a str) -> Vec<&'a str> {
    let mut line = vec![name_of(&entry.path)];
    for step in &entry.via {
        let name = name_of(&step.path);
        if line.last() != Some(&name) {
            line.push(name);
        }
    }
    line
}

/// In DOT (<https://graphviz.org/doc/info/lang.html>).
///
/// # Errors
/// Those of `out`.
pub fn dot(
    out: &mut impl Write,
    capabilities: &Capabilities,
    granularity: Granularity,
) -> io::Result<()> {
    write_dot(out, &Graph::of(capabilities, granularity, DOT))
}

fn write_dot(out: &mut impl Write, graph: &Graph<'_>) -> io::Result<()> {
    writeln!(out, "// what the program can reach; solid: on import, dashed: if called")?;
    if let Some(told) = graph.left_out() {
        writeln!(out, "// {told}")?;
    }
    writeln!(out, "digraph capabilities {{")?;
    writeln!(out, "  rankdir=LR;")?;
    writeln!(
        out,
        "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f3f4f6\", color=\"#9ca3af\", fontname=\"sans-serif\", fontsize=11];"
    )?;
    writeln!(out, "  edge [color=\"#6b7280\", arrowsize=0.7];")?;
    for (number, name) in graph.nodes.iter().enumerate() {
        writeln!(out, "  n{number} [label=\"{}\"];", Dot(name))?;
    }
    for leaf in &graph.leaves {
        let name = leaf.name();
        writeln!(
            out,
            "  \"{name}\" [shape=ellipse, style=filled, fillcolor=\"#fde68a\", color=\"#b45309\"];"
        )?;
    }
    for ((from, to), when) in &graph.edges {
        write!(out, "  n{from} -> ")?;
        match to {
            To::Module(number) => write!(out, "n{number}")?,
            To::Leaf(capability) => write!(out, "\"{capability}\"")?,
        }
        match when {
            When::Import => writeln!(out, ";")?,
            When::Call => writeln!(out, " [style=dashed];")?,
        }
    }
    writeln!(out, "}}")?;
    out.flush()
}

/// As a flow chart of Mermaid (<https://mermaid.js.org/syntax/flowchart.html>).
///
/// # Errors
/// Those of `out`.
pub fn mermaid(
    out: &mut impl Write,
    capabilities: &Capabilities,
    granularity: Granularity,
) -> io::Result<()> {
    write_mermaid(out, &Graph::of(capabilities, granularity, MERMAID))
}

fn write_mermaid(out: &mut impl Write, graph: &Graph<'_>) -> io::Result<()> {
    writeln!(out, "flowchart LR")?;
    writeln!(out, "%% what the program can reach; solid: on import, dotted: if called")?;
    if let Some(told) = graph.left_out() {
        writeln!(out, "%% {told}")?;
    }
    for (number, name) in graph.nodes.iter().enumerate() {
        writeln!(out, "  n{number}[\"{}\"]", Mermaid(name))?;
    }
    for leaf in &graph.leaves {
        writeln!(out, "  {}([\"{leaf}\"]):::reached", id(*leaf))?;
    }
    for ((from, to), when) in &graph.edges {
        let arrow = match when {
            When::Import => "-->",
            When::Call => "-.->",
        };
        match to {
            To::Module(number) => writeln!(out, "  n{from} {arrow} n{number}")?,
            To::Leaf(capability) => writeln!(out, "  n{from} {arrow} {}", id(*capability))?,
        }
    }
    if !graph.leaves.is_empty() {
        writeln!(out, "  classDef reached fill:#fde68a,stroke:#b45309,color:#1f2937")?;
    }
    out.flush()
}

/// A capability's node: no word of the language, with no character of it.
fn id(capability: Capability) -> String {
    format!("reach_{}", capability.name().replace('-', "_"))
}

/// As much of a name as is shown, hidden characters as escapes.
fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(LONGEST).collect();
    if shown.len() < name.len() {
        shown.push('…');
    }
    Escaped(&shown).to_string()
}

/// A name in a quoted string of DOT: a backslash begins an escape there, and a `&` a character
/// reference.
struct Dot<'a>(&'a str);

impl fmt::Display for Dot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in shown(self.0).chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                _ => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// A name in a quoted string of Mermaid, which may hold markup, so that all but letters, digits
/// and what paths are made of are its numeric references.
struct Mermaid<'a>(&'a str);

impl fmt::Display for Mermaid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in shown(self.0).chars() {
            if c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ' ' | '…') {
                write!(f, "{c}")?;
            } else {
                write!(f, "#{};", u32::from(c))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::capabilities::fixture::{capabilities, entry, step};
    use crate::render::fixture::text;

    fn chain() -> Capabilities {
        let network = Reach::Capability(Capability::Network);
        let api = step("socket.socket", "b/net.py", 3);
        capabilities(vec![
            entry(
                "a.main",
                "a/main.py",
                network,
                When::Call,
                vec![
                    step("a.main.run", "a/main.py", 5),
                    step("b.net.connect", "a/main.py", 6),
                    api.clone(),
                ],
            ),
            entry("b.net", "b/net.py", network, When::Import, vec![api]),
        ])
    }

    #[test]
    fn dot_of_a_chain() {
        let dot = text(|out| dot(out, &chain(), Granularity::Module));
        let edges: Vec<&str> = dot.lines().filter(|line| line.contains("->")).collect();
        assert_eq!(edges, ["  n0 -> \"network\";", "  n1 -> n0 [style=dashed];"]);
        assert!(
            dot.contains("n0 [label=\"b.net\"]") && dot.contains("n1 [label=\"a.main\"]"),
            "{dot}"
        );
        assert!(!dot.contains("left out"), "{dot}");
    }

    #[test]
    fn mermaid_of_a_chain() {
        assert_eq!(
            text(|out| mermaid(out, &chain(), Granularity::Package)),
            "flowchart LR\n\
             %% what the program can reach; solid: on import, dotted: if called\n  \
             n0[\"b\"]\n  n1[\"a\"]\n  reach_network([\"network\"]):::reached\n  \
             n0 --> reach_network\n  n1 -.-> n0\n  \
             classDef reached fill:#fde68a,stroke:#b45309,color:#1f2937\n"
        );
    }

    #[test]
    fn names_are_no_syntax() {
        let name = "a\"]; click n0 \"javascript:x\"\n\\<b>#&end\u{202e}";
        assert_eq!(
            Dot(name).to_string(),
            "a\\\"]; click n0 \\\"javascript:x\\\"\\\\n\\\\&lt;b&gt;#&amp;end\\\\u{202e}"
        );
        let mermaid = Mermaid(name).to_string();
        assert!(!mermaid.contains(['"', '<', '\n', '&', '\\', ']', ':']), "{mermaid}");
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let all = chain();
        let graph = Graph::of(&all, Granularity::Module, Bounds { nodes: 1, edges: 1 });
        assert_eq!(graph.nodes, ["b.net"]);
        let told = graph.left_out().expect("something is left out");
        assert!(told.starts_with("left out: 1 nodes and 1 edges"), "{told}");
        let graph = Graph::of(&all, Granularity::Module, Bounds { nodes: 2, edges: 2 });
        assert_eq!(graph.left_out(), None);
    }
}
