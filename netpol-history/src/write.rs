//! Writing a history file.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::SystemTime;

use netpol_policy::history::{Edge, History, NodeHistory, Present, RuleUse};

use crate::encode::{self, Encoder};
use crate::record::{End, Header, Record};
use crate::{FORMAT, MAJOR, MINOR};

/// Writes one file, line by line. It is whole once [`Self::end`] was called.
///
/// Buffering is up to the output.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    encoder: Encoder,
    lines: u64,
    line: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Begins a file. `written_by` names the program and its version.
    ///
    /// # Errors
    /// Where the output takes no more.
    pub fn new(out: W, written_at: SystemTime, written_by: &str) -> io::Result<Self> {
        let mut writer = Self {
            out,
            encoder: Encoder::default(),
            lines: 0,
            line: Vec::new(),
        };
        writer.record(&Record::Header(Header {
            format: FORMAT.into(),
            major: MAJOR,
            minor: MINOR,
            written_at: written_at.into(),
            written_by: written_by.into(),
        }))?;
        Ok(writer)
    }

    /// Writes all that one history holds. It has to be of one node at most: a file keeps the memories of nodes apart, so
    /// that each can be replaced by a later one.
    ///
    /// # Errors
    /// Where the output takes no more, and where the history is of several nodes.
    pub fn history(&mut self, history: &History) -> io::Result<()> {
        let node = match history.nodes.as_slice() {
            [] => None,
            [node] => Some(node),
            _ => return Err(of_several_nodes()),
        };
        if let Some(node) = node {
            self.node(node)?;
        }
        let is_of = |name: &Arc<str>| node.is_some_and(|node| node.name == *name);
        for edge in &history.edges {
            if !is_of(&edge.key.node) {
                return Err(of_several_nodes());
            }
            self.edge(edge)?;
        }
        for one in &history.uses {
            if !is_of(&one.key.node) {
                return Err(of_several_nodes());
            }
            self.rule_use(one)?;
        }
        for revision in &history.policies {
            self.record(&Record::Policy(encode::policy(revision)))?;
        }
        for present in &history.population {
            self.present(present)?;
        }
        for node in &history.cluster {
            self.record(&Record::Object(encode::cluster_node(node)))?;
        }
        for service in &history.services {
            self.record(&Record::Object(encode::service(service)))?;
        }
        for missing in &history.missing {
            self.record(&Record::Missing(encode::missing(missing)))?;
        }
        Ok(())
    }

    /// Begins the memory of a node, with its intervals. Edges and uses after it are its own.
    ///
    /// # Errors
    /// Where the output takes no more; so for all that follow.
    pub fn node(&mut self, node: &NodeHistory) -> io::Result<()> {
        self.record(&Record::Node(encode::node(node)))?;
        for interval in &node.intervals {
            self.record(&Record::Interval(encode::interval(interval)))?;
        }
        Ok(())
    }

    fn edge(&mut self, edge: &Edge) -> io::Result<()> {
        let record = Record::Edge(self.encoder.edge(edge));
        self.groups()?;
        self.record(&record)
    }

    fn rule_use(&mut self, one: &RuleUse) -> io::Result<()> {
        self.record(&Record::Use(encode::rule_use(one)))
    }

    fn present(&mut self, present: &Present) -> io::Result<()> {
        let record = Record::Present(self.encoder.present(present));
        self.groups()?;
        self.record(&record)
    }

    /// Groups come before the line that names them.
    fn groups(&mut self) -> io::Result<()> {
        for (number, group) in self.encoder.new_groups() {
            self.record(&Record::Group(encode::group(number, &group)))?;
        }
        Ok(())
    }

    fn record(&mut self, record: &Record<'_>) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, record)?;
        self.line.push(b'\n');
        self.lines = self.lines.saturating_add(1);
        self.out.write_all(&self.line)
    }

    /// Ends the file and gives the output back, which may still have to be flushed.
    ///
    /// # Errors
    /// Where the output takes no more.
    pub fn end(mut self) -> io::Result<W> {
        let lines = self.lines;
        self.record(&Record::End(End { lines }))?;
        Ok(self.out)
    }
}

fn of_several_nodes() -> io::Error {
    let message = "a history of several nodes is written node by node";
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
