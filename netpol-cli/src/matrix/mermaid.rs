//! Mermaid: a flowchart with a subgraph for each namespace.

use std::fmt::Write as _;

use super::Shown;
use super::graph::{Graph, Line};

/// The flowchart.
pub(super) fn text(shown: &Shown<'_>) -> String {
    let graph = Graph::of(shown);
    let mut text = String::from("flowchart LR\n");
    // Writing to a String cannot fail.
    for (index, (namespace, nodes)) in graph.clusters.iter().enumerate() {
        if namespace.is_empty() {
            for node in nodes {
                let _ = writeln!(text, "  {}([{}])", node.id, quoted(&node.label));
            }
            continue;
        }
        let _ = writeln!(text, "  subgraph ns{index}[{}]", quoted(namespace));
        for node in nodes {
            let _ = writeln!(text, "    {}[{}]", node.id, quoted(&node.label));
        }
        text.push_str("  end\n");
    }
    for edge in &graph.edges {
        let arrow = match edge.line {
            Line::Allowed => "-->",
            Line::Undecided => "-.->",
            Line::Denied => "--x",
        };
        let label = quoted(&edge.label);
        let _ = writeln!(text, "  {} {arrow}|{label}| {}", edge.from, edge.to);
    }
    text
}

/// As a quoted string: what Mermaid or HTML would read as markup stands as a character code.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        if "\"#&<>`;\\".contains(character) {
            let _ = write!(quoted, "#{};", u32::from(character));
        } else {
            quoted.push(character);
        }
    }
    quoted.push('"');
    quoted
}
