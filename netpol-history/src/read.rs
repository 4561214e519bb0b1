//! Reading a history file, line by line. What cannot be read is named, and costs only itself.

use std::io::{self, BufRead};
use std::time::SystemTime;

use netpol_policy::history::History;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::lines::{self, LONGEST_LINE, Next};
use crate::parts::Parts;
use crate::problems::Problems;
use crate::record::{End, Header, Record, Text};
use crate::{FORMAT, MAJOR, MINOR};

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is nothing in it.
    #[error("not a history file: it is empty")]
    Empty,
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
    #[error("{source}{}", place(*.after))]
    Io {
        /// The last line that was read, from 1.
        after: u64,
        /// Why.
        source: io::Error,
    },
}

fn place(after: u64) -> String {
    match after {
        0 => String::new(),
        line => format!(", after line {line}"),
    }
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
    /// Written in a later version, which may have records that are not known here.
    is_later: bool,
    parts: Parts,
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
            let message = "stands after the end of the file".to_owned();
            self.problems.damage(self.lines, message);
            return Ok(());
        }
        match serde_json::from_slice(line) {
            Ok(Record::End(end)) => self.end(end),
            Ok(record) => {
                if let Err(message) = self.parts.record(self.lines, &record) {
                    self.unusable(message, name_of(line));
                }
            }
            Err(error) => match unknown_record(line) {
                Some(name) => {
                    let message = format!("{name:?} is a record that is not known here");
                    if self.is_later {
                        self.problem(message);
                    } else {
                        self.unusable(message, None);
                    }
                }
                None => self.unusable(explain(&error), name_of(line)),
            },
        }
        Ok(())
    }

    fn too_long(&mut self) -> Result<(), ReadError> {
        self.lines = self.lines.saturating_add(1);
        if self.header.is_none() {
            return Err(ReadError::NotAHistory);
        }
        self.unusable(format!("longer than {LONGEST_LINE} bytes"), None);
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
        self.is_later = minor > MINOR;
        if self.is_later {
            self.problem(format!(
                "written in version {major}.{minor} of the format by {written_by}; what version {MAJOR}.{MINOR} does \
                 not know is left out"
            ));
        }
        self.header = Some((written_at.into(), written_by));
        Ok(())
    }

    fn end(&mut self, End { lines }: End) {
        self.has_ended = true;
        let before = self.lines.saturating_sub(1);
        if lines != before {
            self.somewhere(format!(
                "{before} lines stand before the end of the file, and there were {lines}"
            ));
        }
    }

    fn problem(&mut self, message: String) {
        self.problems.add(self.lines, message);
    }

    /// A line that should have told something; `record` is what it is, where that can be told.
    fn unusable(&mut self, message: String, record: Option<&str>) {
        self.problems.damage(self.lines, message);
        self.parts.damaged(self.lines, record);
    }

    /// Something is wrong, and nobody knows which node it is of.
    fn somewhere(&mut self, message: String) {
        self.problems.damage(self.lines, message);
        self.parts.damaged_somewhere();
    }

    /// What was read, when there are no more lines.
    ///
    /// # Errors
    /// Where there was no line at all.
    pub fn finish(mut self) -> Result<Contents, ReadError> {
        let Some((written_at, written_by)) = self.header.take() else {
            return Err(match self.lines {
                0 => ReadError::Empty,
                _ => ReadError::NotAHistory,
            });
        };
        match self.breaks_off.take() {
            // What was unpacked may be something else than what was packed.
            Some(why) if self.has_ended => self.somewhere(format!("the file is damaged: {why}")),
            why if !self.has_ended => {
                let why = why.map_or_else(String::new, |why| format!(": {why}"));
                let lines = self.lines;
                self.unusable(format!("the history ends early{why}"), None);
                let reason = format!("the history ends early, after line {lines}{why}");
                self.parts.missing(reason);
            }
            _ => {}
        }
        Ok(Contents {
            written_at,
            written_by,
            parts: self.parts.finish(),
            lines: self.lines,
            problems: self.problems,
        })
    }
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

/// What a line is that cannot be read, by how it begins.
fn name_of(line: &[u8]) -> Option<&'static str> {
    let line = line.trim_ascii_start().strip_prefix(b"{\"")?;
    let is_it = |name: &&str| {
        let rest = line.strip_prefix(name.as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b"\""))
    };
    Record::NAMES.into_iter().find(is_it)
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
