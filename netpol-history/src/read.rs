//! Reading a history file, line by line. What cannot be read is named, and costs only itself.

use std::io::{self, BufRead};
use std::sync::Arc;
use std::time::SystemTime;

use netpol_policy::history::{History, Loss, MissingNode};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::decode::{self, Decoder};
use crate::lines::{self, LONGEST_LINE, Next};
use crate::manifest::{self, ClusterObject};
use crate::problems::Problems;
use crate::record::{Header, Record, Text};
use crate::{FORMAT, MAJOR, MINOR};

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It begins with something else.
    #[error("not a history file: its first line is no header of {FORMAT:?}")]
    NotAHistory,
    /// It is of another version of the format.
    #[error(
        "written in version {major} of the format{}; this program reads version {MAJOR}",
        by(.written_by)
    )]
    OtherVersion {
        /// The version.
        major: u32,
        /// Who wrote it; may be empty.
        written_by: String,
    },
    /// The input broke off.
    #[error("after line {after}: {source}")]
    Io {
        /// The last line that was read, from 1.
        after: u64,
        /// Why.
        source: io::Error,
    },
}

fn by(program: &str) -> String {
    match program {
        "" => String::new(),
        program => format!(", by {program}"),
    }
}

/// As much of the first line as all versions have in common.
#[derive(Deserialize)]
struct First<'a> {
    #[serde(borrow)]
    header: Version<'a>,
}

#[derive(Deserialize)]
struct Version<'a> {
    #[serde(borrow)]
    format: Text<'a>,
    major: u32,
    #[serde(default)]
    minor: u32,
    #[serde(borrow, default)]
    written_by: Text<'a>,
}

/// What stood in a file.
#[derive(Clone, Debug)]
pub struct Contents {
    /// When it was written.
    pub written_at: SystemTime,
    /// By what.
    pub written_by: String,
    /// The memories of nodes, each a history of its own, so that each can be replaced by a later one:
    /// [`netpol_policy::history::add_up`]. What the file says of the cluster is with the latest. One without nodes where
    /// there are none.
    pub parts: Vec<History>,
    /// Lines, the header among them.
    pub lines: u64,
    /// What could not be read.
    pub problems: Problems,
}

/// Takes a file a line at a time.
#[derive(Debug, Default)]
pub struct Reader {
    header: Option<(SystemTime, String)>,
    decoder: Decoder,
    /// Of one node each.
    parts: Vec<History>,
    /// Of the cluster.
    shared: History,
    lines: u64,
    problems: Problems,
    has_ended: bool,
    /// Why there are no more lines, where a packed file is damaged.
    breaks_off: Option<String>,
}

/// Reads a file. `progress` hears of the number of bytes that each line took.
///
/// # Errors
/// Where it is no history file, is of a later version, or the input breaks off.
pub fn read(
    mut input: impl BufRead,
    mut progress: impl FnMut(usize),
) -> Result<Contents, ReadError> {
    let mut reader = Reader::default();
    let mut line = Vec::new();
    loop {
        let (next, length) = match lines::next(&mut input, &mut line) {
            Ok(found) => found,
            Err(error) if reader.header.is_some() && is_damage(&error) => {
                reader.breaks_off = Some(error.to_string());
                return reader.finish();
            }
            Err(source) => {
                let after = reader.lines;
                return Err(ReadError::Io { after, source });
            }
        };
        progress(length);
        match next {
            Next::Line => reader.line(&line)?,
            Next::TooLong => reader.too_long()?,
            Next::Nothing => return reader.finish(),
        }
    }
}

/// Whether it is the packed file that is at fault, cut or changed, and not the medium it is on.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
    )
}

impl Reader {
    /// Takes the next line, with or without its end.
    ///
    /// # Errors
    /// Where it is the first one and not a header that can be read.
    pub fn line(&mut self, line: &[u8]) -> Result<(), ReadError> {
        let line = line.trim_ascii_end();
        self.lines = self.lines.saturating_add(1);
        if self.header.is_none() {
            return self.header(line);
        }
        if line.is_empty() {
            return Ok(());
        }
        if self.has_ended {
            self.unusable("stands after the end of the file".to_owned());
            return Ok(());
        }
        match serde_json::from_slice(line) {
            Ok(record) => {
                if let Err(message) = self.record(&record) {
                    self.unusable(message);
                }
            }
            Err(error) => match unknown_record(line) {
                Some(name) => self.problem(format!("{name:?} is a record that is not known here")),
                None => self.unusable(explain(&error)),
            },
        }
        Ok(())
    }

    fn too_long(&mut self) -> Result<(), ReadError> {
        self.lines = self.lines.saturating_add(1);
        if self.header.is_none() {
            return Err(ReadError::NotAHistory);
        }
        self.unusable(format!("longer than {LONGEST_LINE} bytes"));
        Ok(())
    }

    fn header(&mut self, line: &[u8]) -> Result<(), ReadError> {
        let First { header } = serde_json::from_slice(line).map_err(|_| ReadError::NotAHistory)?;
        let written_by = header.written_by.to_string();
        let (major, minor) = (header.major, header.minor);
        if &*header.format != FORMAT {
            return Err(ReadError::NotAHistory);
        }
        if major != MAJOR {
            return Err(ReadError::OtherVersion { major, written_by });
        }
        let Ok(Record::Header(Header { written_at, .. })) = serde_json::from_slice(line) else {
            return Err(ReadError::NotAHistory);
        };
        if minor > MINOR {
            self.problem(format!(
                "written in version {major}.{minor} of the format by {written_by}; what version {MAJOR}.{MINOR} does \
                 not know is left out"
            ));
        }
        self.header = Some((written_at.into(), written_by));
        Ok(())
    }

    fn record(&mut self, record: &Record<'_>) -> Result<(), String> {
        let text = |error: decode::DecodeError| error.to_string();
        match record {
            Record::Header(_) => return Err("a second header".to_owned()),
            Record::Node(node) => {
                let node = self.decoder.node(node);
                self.parts.push(History {
                    nodes: vec![node],
                    ..History::default()
                });
            }
            Record::Interval(interval) => {
                let interval = self.decoder.interval(interval);
                let part = self.parts.last_mut().ok_or(NO_NODE)?;
                part.nodes
                    .iter_mut()
                    .for_each(|node| node.intervals.push(interval.clone()));
            }
            Record::Group(group) => {
                self.decoder.group(group).map_err(text)?;
            }
            Record::Edge(edge) => {
                let (part, node) = part(&mut self.parts)?;
                part.edges
                    .push(self.decoder.edge(&node, edge).map_err(text)?);
            }
            Record::Use(one) => {
                let (part, node) = part(&mut self.parts)?;
                part.uses
                    .push(self.decoder.rule_use(&node, one).map_err(text)?);
            }
            Record::Policy(policy) => {
                let revision = manifest::policy(policy).map_err(text)?;
                self.shared.policies.push(revision);
            }
            Record::Present(present) => {
                let present = self.decoder.present(present).map_err(text)?;
                self.shared.population.push(present);
            }
            Record::Object(object) => match manifest::object(object).map_err(text)? {
                ClusterObject::Node(node) => self.shared.cluster.push(node),
                ClusterObject::Service(service) => self.shared.services.push(service),
            },
            Record::Missing(node) => self.shared.missing.push(decode::missing(node)),
            Record::End(end) => {
                self.has_ended = true;
                let before = self.lines.saturating_sub(1);
                if end.lines != before {
                    return Err(format!(
                        "{before} lines stand before the end of the file, and there were {}",
                        end.lines
                    ));
                }
            }
        }
        Ok(())
    }

    fn problem(&mut self, message: impl Into<String>) {
        self.problems.add(self.lines, message.into());
    }

    /// A line that held something of the node: less is known of it than it watched.
    fn unusable(&mut self, message: String) {
        self.problems.damage(self.lines, message);
        let nodes = self
            .parts
            .last_mut()
            .into_iter()
            .flat_map(|part| &mut part.nodes);
        for interval in nodes.filter_map(|node| node.intervals.last_mut()) {
            let is_this = |loss: &&mut Loss| (&*loss.stage, &*loss.reason) == UNREADABLE;
            match interval.losses.iter_mut().find(is_this) {
                Some(loss) => loss.count = loss.count.saturating_add(1),
                None => interval.losses.push(Loss {
                    stage: UNREADABLE.0.into(),
                    reason: UNREADABLE.1.into(),
                    count: 1,
                }),
            }
        }
    }

    /// What was read, when there are no more lines.
    ///
    /// # Errors
    /// Where there was no line at all.
    pub fn finish(mut self) -> Result<Contents, ReadError> {
        let Some((written_at, written_by)) = self.header.take() else {
            return Err(ReadError::NotAHistory);
        };
        if !self.has_ended {
            let why = self.breaks_off.take();
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            let reason = format!("the history ends early, after line {}{why}", self.lines);
            self.unusable(format!("the history ends early{why}"));
            self.shared.missing.push(MissingNode {
                name: String::new(),
                reason,
            });
        }
        let read_at = |part: &History| part.nodes.iter().map(|node| node.read_at).max();
        let mut parts = self.parts;
        match parts.iter_mut().max_by_key(|part| read_at(part)) {
            Some(latest) => {
                latest.missing = self.shared.missing;
                latest.policies = self.shared.policies;
                latest.population = self.shared.population;
                latest.cluster = self.shared.cluster;
                latest.services = self.shared.services;
            }
            None => parts.push(self.shared),
        }
        Ok(Contents {
            written_at,
            written_by,
            parts,
            lines: self.lines,
            problems: self.problems,
        })
    }
}

const NO_NODE: &str = "stands before any node";
/// Stage and reason of the loss that a line is which cannot be used.
const UNREADABLE: (&str, &str) = ("history", "unreadable_line");

/// What the latest node line began.
fn part(parts: &mut [History]) -> Result<(&mut History, Arc<str>), String> {
    let part = parts.last_mut().ok_or(NO_NODE)?;
    let node = part.nodes.first().ok_or(NO_NODE)?.name.clone();
    Ok((part, node))
}

/// Of the place, the column alone: the line is that of the file.
fn explain(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let column = error.column();
    let place = format!(" at line {} column {column}", error.line());
    match message.strip_suffix(&place) {
        Some(message) => format!("{message}, at column {column}"),
        None => message,
    }
}

/// The name of a record that a later version may have.
fn unknown_record(line: &[u8]) -> Option<String> {
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let fields: std::collections::HashMap<Text<'_>, IgnoredAny> =
        std::collections::HashMap::deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    let mut names = fields.into_keys();
    let (name, None) = (names.next()?, names.next()) else {
        return None;
    };
    (!Record::NAMES.contains(&&*name)).then(|| name.to_string())
}
