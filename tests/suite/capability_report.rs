//! `--capabilities` and its formats.

use std::process::Command;

use serde_json::{Value, json};

use crate::process::{Project, run};
use crate::repository::skip;

/// A name that would end a string in any of the formats.
const HOSTILE: &str = "a\"]; end <b> & \\n #quot; `x` {y}";

fn program() -> Project {
    let project = Project::new(&[
        ("app/__init__.py", ""),
        ("app/main.py", "from app import net\n\n\ndef main():\n    net.fetch()\n"),
        (
            "app/net.py",
            "import socket\n\n\ndef fetch():\n    socket.create_connection(('192.0.2.1', 9))\n",
        ),
        ("tool.py", "import os\n\nos.system('true')\n"),
        ("quiet.py", "x = 1\n"),
    ]);
    project.write(format!("{HOSTILE}.py"), b"import os\nos.system('true')\n");
    project
}

#[test]
fn each_report_has_its_own_formats() {
    let project = program();
    for format in ["html", "dot", "mermaid"] {
        let output = format!("{format}=out");
        let told = project.run(&["--output", &output]).exits(2);
        let start = format!("{format} shows capabilities and not findings; add --capabilities");
        assert!(told.stderr.contains(&start), "{told:?}");
        let told = project.run(&["--rules", "--output", format]).exits(2);
        assert!(told.stderr.contains("--rules is written to standard output"), "{told:?}");
    }
    for format in ["sarif", "junit", "github", "gitlab", "jsonl"] {
        let told = project.run(&["--capabilities", "--output", format]).exits(2);
        let start = format!("{format} shows findings and not capabilities");
        assert!(told.stderr.contains(&start), "{told:?}");
    }
    assert!(!project.path().join("out").exists());
}

#[test]
fn several_at_once_and_the_same_for_any_number_of_threads() {
    let project = program();
    for number in 0..30 {
        project.write(format!("p/m{number}.py"), b"from app.net import fetch\n\nfetch()\n");
    }
    let formats = ["html", "dot", "mermaid", "json", "full"];
    let write = |threads: &str| {
        let mut arguments = vec!["--capabilities".to_owned(), "-j".to_owned(), threads.to_owned()];
        for format in formats {
            arguments.extend(["--output".to_owned(), format!("{format}={format}.{threads}")]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let done = project.run(&arguments).exits(0);
        assert!(done.stdout.is_empty() && done.stderr.is_empty(), "{done:?}");
        formats.map(|format| {
            let file = project.path().join(format!("{format}.{threads}"));
            std::fs::read_to_string(file).expect("a file")
        })
    };
    let one = write("1");
    assert!(one.iter().all(|text| text.contains("app.net")));
    assert_eq!(one, write("7"));
}

#[test]
fn cells_of_a_notebook_are_named() {
    let notebook = json!({
        "nbformat": 4, "nbformat_minor": 5, "metadata": {},
        "cells": [
            {"cell_type": "code", "source": "import os\n"},
            {"cell_type": "code", "source": "def go():\n    os.system('true')\n"},
        ],
    });
    let project = Project::new(&[("n.ipynb", &notebook.to_string())]);
    let text = project.run(&["--capabilities"]).exits(0).stdout;
    assert!(text.contains("n.go (n.ipynb:cell 2:1) → os.system (n.ipynb:cell 2:2)"), "{text}");
    let json = project.json(&["--capabilities"]).exits(0).json();
    let entries = json["capabilities"].as_array().expect("a list");
    let of = entries.iter().find(|entry| entry["scope"] == "function").expect("a function");
    assert_eq!((&of["cell"], &of["row"]), (&json!(2), &json!(1)));
    assert_eq!(of["via"][0]["cell"], 2);
}

#[test]
fn hidden_characters_are_escaped_in_every_format() {
    let project = Project::new(&[("a\u{202e}b.py", "import os\nos.system('true')\n")]);
    for format in ["full", "json", "html", "dot", "mermaid"] {
        let done = project.run(&["--capabilities", "--output", format]).exits(0);
        assert!(done.stdout.contains("202e"), "{format}: {}", done.stdout);
        assert!(!done.stdout.contains('\u{202e}'), "{format}");
    }
}

#[test]
fn the_page_is_whole_where_nothing_is_reached_or_read() {
    let project = Project::new(&[("quiet.py", "x = 1\n"), ("broken.py", "def f(:\n")]);
    let page = project.run(&["--capabilities", "--output", "html"]).exits(3).stdout;
    assert!(page.contains("no capability reached") && page.ends_with("</html>\n"), "{page}");
    assert!(page.contains("<li>broken.py: syntax-error: "), "{page}");
}

#[test]
fn graphviz_takes_the_graph() {
    if Command::new("dot").arg("-V").output().is_err() {
        skip("capability_report", "Graphviz is not installed");
        return;
    }
    let project = program();
    for (granularity, nodes) in [("module", 6), ("package", 5)] {
        let arguments = ["--capabilities", "--granularity", granularity, "--output", "dot"];
        let graph = project.run(&arguments).exits(0).stdout;
        let drawn = run(Command::new("dot").arg("-Tjson"), graph.as_bytes());
        assert!(drawn.stderr.is_empty(), "{graph}\n{drawn:?}");
        let drawn: Value = drawn.exits(0).json();
        let all = drawn["objects"].as_array().expect("nodes");
        assert_eq!(all.len(), nodes, "{granularity}: {graph}");
        assert_eq!(drawn["_subgraph_cnt"], 0);
        // Graphviz leaves references in labels to its renderers.
        let label = HOSTILE.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let label = label.replace('\\', "\\\\");
        assert!(all.iter().any(|node| node["label"] == label.as_str()), "{drawn}");
    }
}

#[test]
fn a_flow_chart_of_mermaid() {
    let project = program();
    let arguments = ["--capabilities", "--output", "mermaid", "app", "tool.py"];
    let chart = project.run(&arguments).exits(0).stdout;
    assert_eq!(
        chart,
        "flowchart LR\n\
         %% what the program can reach; solid: on import, dotted: if called\n  \
         n0[\"app.net\"]\n  n1[\"tool\"]\n  n2[\"app.main\"]\n  \
         reach_network([\"network\"]):::reached\n  \
         reach_subprocess([\"subprocess\"]):::reached\n  \
         n0 -.-> reach_network\n  n1 --> reach_subprocess\n  n2 -.-> n0\n  \
         classDef reached fill:#fde68a,stroke:#b45309,color:#1f2937\n"
    );
}
