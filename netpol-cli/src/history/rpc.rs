//! What an agent remembers, or the agents of a relay.

use std::collections::BTreeMap;

use jiff::Timestamp;
use netpol_api::json::Time;
use netpol_api::v1::read_history_response::Item;
use netpol_api::v1::{ReadHistoryRequest, ReadHistoryResponse};
use netpol_history::Reader;
use netpol_policy::history::{History, MissingNode};

use super::{named, tell};
use crate::connection::Connection;
use crate::error::CliError;
use crate::progress::Reporter;

/// Asks for all that is remembered, or for what was last seen since then. Each node is a history of its own.
///
/// # Errors
/// No server, one that refuses, or a stream that breaks. A node that cannot be read is none: it is missing.
pub(crate) async fn read(
    connection: &Connection,
    since: Option<Timestamp>,
) -> Result<Vec<History>, CliError> {
    let mut session = connection.open(None, None).await?;
    session.announce(None);
    let request = ReadHistoryRequest {
        since: since.map(|since| Time(since).into()),
    };
    let answer = session.client.read_history(request).await;
    let mut stream = answer
        .map_err(|status| session.call_failed(&status))?
        .into_inner();
    let mut nodes = Nodes::default();
    let mut reporter = Reporter::start();
    loop {
        let item = stream.message().await;
        let item = item.map_err(|status| session.stream_failed(&status))?;
        let Some(item) = item else { break };
        nodes.take(item);
        reporter.hear(|| nodes.progress());
    }
    reporter.finish();
    Ok(nodes.finish())
}

/// The nodes of a stream, as far as they were read.
#[derive(Default)]
struct Nodes {
    by_name: BTreeMap<String, Node>,
    bytes: u64,
}

enum Node {
    Reading(Box<Reader>),
    /// Why there is nothing of it.
    Missing(String),
}

impl Nodes {
    fn take(&mut self, item: ReadHistoryResponse) {
        let ReadHistoryResponse { node, item } = item;
        match item {
            Some(Item::Lines(lines)) => {
                // A usize has no more than 64 bits.
                self.bytes = self.bytes.saturating_add(lines.len() as u64);
                let known = self
                    .by_name
                    .entry(node)
                    .or_insert_with(|| Node::Reading(Box::default()));
                let Node::Reading(reader) = known else { return };
                let lines = lines.split_inclusive(|byte| *byte == b'\n');
                for line in lines {
                    if let Err(error) = reader.line(line) {
                        *known = Node::Missing(error.to_string());
                        return;
                    }
                }
            }
            Some(Item::Missing(reason)) => {
                self.by_name.insert(node, Node::Missing(reason));
            }
            // Of a later version of the API.
            None => {}
        }
    }

    fn progress(&self) -> String {
        const MEGABYTE: u64 = 1_000_000;
        let nodes = self.by_name.len();
        format!("reading {nodes} nodes: {} MB", self.bytes / MEGABYTE)
    }

    fn finish(self) -> Vec<History> {
        let mut parts = Vec::new();
        let mut missing = Vec::new();
        for (name, node) in self.by_name {
            let reason = match node {
                Node::Reading(reader) => match reader.finish() {
                    Ok(contents) => {
                        tell::problems(&name, &contents.problems);
                        parts.extend(named(&name, contents.parts));
                        continue;
                    }
                    Err(error) => error.to_string(),
                },
                Node::Missing(reason) => reason,
            };
            missing.push(MissingNode { name, reason });
        }
        if !missing.is_empty() {
            parts.push(History {
                missing,
                ..History::default()
            });
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netpol_history::Writer;
    use netpol_policy::history::{NodeHistory, add_up};
    use std::time::SystemTime;

    fn file(node: &str) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), SystemTime::UNIX_EPOCH, "test").unwrap();
        writer
            .node(&NodeHistory {
                name: node.into(),
                store: "s".into(),
                read_at: SystemTime::UNIX_EPOCH,
                intervals: Vec::new(),
                dialect: "specification".into(),
            })
            .unwrap();
        writer.end().unwrap()
    }

    fn item(node: &str, item: Item) -> ReadHistoryResponse {
        ReadHistoryResponse {
            node: node.to_owned(),
            item: Some(item),
        }
    }

    #[test]
    fn lines_of_several_nodes_come_among_each_other_and_a_node_that_breaks_is_missing() {
        let mut nodes = Nodes::default();
        let (one, other) = (file("a"), file("b"));
        let cut = one.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        nodes.take(item("a", Item::Lines(one[..cut].to_vec())));
        nodes.take(item("b", Item::Lines(other[..cut].to_vec())));
        nodes.take(item("c", Item::Missing("no agent".to_owned())));
        nodes.take(item("a", Item::Lines(one[cut..].to_vec())));
        nodes.take(item("b", Item::Missing("the connection broke".to_owned())));
        nodes.take(item("d", Item::Lines(b"what is this\n".to_vec())));
        let history = add_up(nodes.finish());
        let names: Vec<_> = history.nodes.iter().map(|node| &*node.name).collect();
        assert_eq!(names, ["a"]);
        let missing: Vec<_> = history
            .missing
            .iter()
            .map(|node| (node.name.as_str(), node.reason.as_str()))
            .collect();
        assert_eq!(missing[0], ("b", "the connection broke"));
        assert_eq!(missing[1], ("c", "no agent"));
        assert!(
            missing[2].1.starts_with("not a history file"),
            "{missing:?}"
        );
        assert_eq!(missing.len(), 3);
    }

    #[test]
    fn a_stream_that_ends_early_leaves_a_node_whose_history_ends_early() {
        let mut nodes = Nodes::default();
        let file = file("a");
        let end = file[..file.len() - 1]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .unwrap();
        nodes.take(item("a", Item::Lines(file[..=end].to_vec())));
        let history = add_up(nodes.finish());
        assert_eq!(history.nodes.len(), 1);
        assert_eq!(
            history.missing[0].reason,
            "a: the history ends early, after line 2"
        );
    }
}
