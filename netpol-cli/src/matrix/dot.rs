//! Graphviz: a cluster for each namespace.

use std::fmt::Write as _;

use super::Shown;
use super::graph::{Edge, Graph, Line, Node};

/// The graph, in the DOT language.
pub(super) fn text(shown: &Shown<'_>) -> String {
    let graph = Graph::of(shown);
    let mut text = String::from("digraph matrix {\n  rankdir=LR;\n  node [shape=box];\n");
    // Writing to a String cannot fail.
    for (index, (namespace, nodes)) in graph.clusters.iter().enumerate() {
        if namespace.is_empty() {
            nodes.iter().for_each(|node| text.push_str(&outside(node)));
            continue;
        }
        let _ = writeln!(text, "  subgraph cluster_{index} {{");
        let _ = writeln!(text, "    label={};", quoted(namespace));
        for node in nodes {
            let _ = writeln!(text, "    {} [label={}];", node.id, quoted(&node.label));
        }
        text.push_str("  }\n");
    }
    for edge in &graph.edges {
        text.push_str(&line(edge));
    }
    text.push_str("}\n");
    text
}

fn outside(node: &Node) -> String {
    let label = quoted(&node.label);
    format!("  {} [label={label}, shape=ellipse];\n", node.id)
}

fn line(edge: &Edge) -> String {
    let style = match edge.line {
        Line::Allowed => "",
        Line::Undecided => ", style=dashed",
        Line::Denied => ", style=dotted, arrowhead=tee",
    };
    let label = quoted(&edge.label);
    format!("  {} -> {} [label={label}{style}];\n", edge.from, edge.to)
}

/// As a double-quoted string; a backslash would begin an escape of labels.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
