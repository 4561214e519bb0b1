//! What this node remembers, for those who ask for it: lines of a history file, of a copy made at one moment.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_api::v1;
use netpol_api::v1::read_history_response::Item;
use netpol_history::Writer;
use netpol_policy::history::History;
use netpol_transport::access::Reader;
use netpol_transport::outlet::{Answers, End, Gone, Outlet, outlet};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::convert::timestamp;
use crate::history;

/// Copies that are made or read at once: each is as large as an export.
const COPIES: usize = 4;
/// How long a reader waits for others to be done.
const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes of one answer, but for a line that is longer.
const ANSWER: usize = 64 << 10;
/// Answers that wait for the transport.
const ROOM: usize = 4;

/// Gives what is remembered to those who ask.
pub struct Histories {
    /// `None` where nothing is remembered.
    memory: Option<history::Reader>,
    notices: history::Notices,
    places: Arc<Semaphore>,
}

impl Histories {
    /// Of this memory; `None` where nothing is remembered.
    pub(crate) fn new(memory: Option<&history::Running>) -> Self {
        Self {
            memory: memory.map(|running| running.reader.clone()),
            notices: memory.map_or_else(Default::default, |running| running.notices.clone()),
            places: Arc::new(Semaphore::new(COPIES)),
        }
    }

    /// Why less is remembered than somebody may think.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.notices.all()
    }

    /// How much is remembered; `None` where nothing is.
    pub(super) fn status(&self) -> Option<v1::HistoryStatus> {
        let figures = self.memory.as_ref()?.figures();
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Some(v1::HistoryStatus {
            edges: count(figures.edges),
            edges_capacity: count(figures.most_edges),
            rule_uses: count(figures.uses),
            since: figures.since.map(timestamp),
            written: figures.written.map(timestamp),
        })
    }

    /// Begins a stream of it, of what was last seen since then.
    ///
    /// # Errors
    /// `FAILED_PRECONDITION` where nothing is remembered, `RESOURCE_EXHAUSTED` where too many others read, `UNAVAILABLE` where
    /// the agent is stopping.
    pub(super) async fn read(
        &self,
        node: &str,
        reader: Reader,
        since: Option<SystemTime>,
        stop: CancellationToken,
    ) -> Result<Answers<v1::ReadHistoryResponse>, Status> {
        let memory = self.memory.as_ref().ok_or_else(|| {
            Status::failed_precondition(
                "this agent remembers no traffic: start it with --history DIR",
            )
        })?;
        let place = timeout(PATIENCE, self.places.clone().acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return Err(Status::resource_exhausted(format!(
                "{COPIES} others read the history of this node: try again"
            )));
        };
        let history = memory.read().await;
        let mut history = history.ok_or_else(|| Status::unavailable("the agent is stopping"))?;
        let written = spawn_blocking(move || {
            if let Some(since) = since {
                leave_out(&mut history, since);
            }
            write(&history)
        });
        let file = match written.await {
            Ok(Ok(file)) => file,
            Ok(Err(error)) => return Err(Status::internal(error.to_string())),
            Err(error) => return Err(Status::internal(error.to_string())),
        };
        let (outlet, end, answers) = outlet(ROOM);
        let sending = Sending {
            file,
            node: node.to_owned(),
            outlet,
            _place: place,
        };
        tokio::spawn(sending.run(end, reader, stop));
        Ok(answers)
    }
}

/// A history file on its way to a reader.
struct Sending {
    file: Vec<u8>,
    node: String,
    outlet: Outlet<v1::ReadHistoryResponse>,
    _place: OwnedSemaphorePermit,
}

impl Sending {
    async fn run(self, end: End, reader: Reader, stop: CancellationToken) {
        tokio::select! {
            sent = self.send() => if sent.is_ok() {
                // Else nobody is there to be told.
                end.with(Ok(()));
            },
            status = reader.revoked() => end.with(Err(status)),
            status = self.outlet.stalled() => end.with(Err(status)),
            () = stop.cancelled() => end.with(Err(Status::unavailable("the agent is stopping"))),
            () = self.outlet.closed() => {}
        }
    }

    async fn send(&self) -> Result<(), Gone> {
        for lines in answers(&self.file) {
            let response = v1::ReadHistoryResponse {
                node: self.node.clone(),
                item: Some(Item::Lines(lines.to_vec())),
            };
            self.outlet.send(response).await?;
        }
        Ok(())
    }
}

/// Whole lines, as many as go into an answer, or one.
fn answers(mut file: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if file.is_empty() {
            return None;
        }
        let room = &file[..file.len().min(ANSWER)];
        let end = room.iter().rposition(|byte| *byte == b'\n');
        let end = end.or_else(|| file.iter().position(|byte| *byte == b'\n'));
        let (lines, rest) = file.split_at(end.map_or(file.len(), |end| end + 1));
        file = rest;
        Some(lines)
    })
}

/// Leaves out what was last seen earlier. Nothing may claim to have been watched then.
fn leave_out(history: &mut History, since: SystemTime) {
    history.edges.retain(|edge| edge.totals.last_seen >= since);
    history.uses.retain(|one| one.totals.last_seen >= since);
    for node in &mut history.nodes {
        node.intervals.retain(|interval| interval.until >= since);
        for interval in &mut node.intervals {
            interval.from = interval.from.max(since);
        }
    }
}

fn write(history: &History) -> io::Result<Vec<u8>> {
    let version = concat!("netpol-agent ", env!("CARGO_PKG_VERSION"));
    let mut writer = Writer::new(Vec::new(), SystemTime::now(), version)?;
    writer.history(history)?;
    writer.end()
}

#[cfg(test)]
mod tests {
    use netpol_policy::history::{Interval, NodeHistory};

    use super::*;

    #[test]
    fn what_is_left_out_was_not_watched_either() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let interval = |from, until| Interval {
            from: at(from),
            until: at(until),
            losses: Vec::new(),
        };
        let mut history = History {
            nodes: vec![NodeHistory {
                name: "n".into(),
                store: "s".into(),
                read_at: at(100),
                intervals: vec![interval(1, 10), interval(20, 40), interval(50, 100)],
                dialect: "specification".into(),
            }],
            ..History::default()
        };
        leave_out(&mut history, at(30));
        assert_eq!(
            history.nodes[0].intervals,
            [interval(30, 40), interval(50, 100)]
        );
    }

    #[test]
    fn answers_are_of_whole_lines_and_nothing_is_missing() {
        let long = "x".repeat(3 * ANSWER);
        let lines = ["a", "b", &long, "", "c"].map(|line| format!("{line}\n"));
        let file = [lines.concat(), "y".repeat(100) + "\n"].concat().repeat(20);
        let parts: Vec<_> = answers(file.as_bytes()).collect();
        assert_eq!(parts.concat(), file.as_bytes());
        assert!(parts.iter().all(|part| part.ends_with(b"\n")));
        let most = parts.iter().filter(|part| part.len() > ANSWER);
        assert!(
            most.clone().all(|part| part.len() == long.len() + 1),
            "longer than an answer only by one line"
        );
        assert_eq!(most.count(), 20);
        assert_eq!(answers(b"").count(), 0);
    }
}
