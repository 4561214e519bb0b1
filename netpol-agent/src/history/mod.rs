//! What this node saw over time: in memory, with a journal on disk.
//!
//! ```text
//! flow log ─► keeper ─► recorder ─► memory ─────────── changes ─► writer ─► store
//!              own       reading     edges      folded where there are many
//!              thread    doubt       uses       of parts of policies
//!                        matched
//!                        connections intervals, policies, population, cluster
//! ```
//!
//! The recorder is a subscriber of the flow log like any other: where it falls behind, what it missed is a counted loss, and
//! the event path never waits. Memory is whole: the store is read once, at the start, and gets what changed since.

mod blocks;
mod changes;
mod cluster;
mod connections;
mod doubt;
mod edges;
mod figures;
mod fold;
mod groups;
mod intervals;
mod keeper;
mod matched;
mod memory;
mod policies;
mod population;
mod reading;
mod recorder;
mod store;
mod table;
mod uses;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use netpol_policy::history::History;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::export::Export;
use crate::inventory::Snapshot;
use crate::log::{FlowLog, Selection};
use crate::metrics::Metrics;
use crate::status::Status;
use doubt::Doubts;
use figures::Shared;
use keeper::Keeper;
use memory::Memory;
use recorder::{Losses, Recorder};
use store::Store;
use writer::{Journal, Writer};

pub use figures::Figures;
pub(crate) use store::Notices;

/// Readers that wait for their copy at once.
const READERS: usize = 4;

/// What to remember, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the store is.
    pub directory: PathBuf,
    /// Edges at once.
    pub edges: usize,
    /// How long what is not seen any more is remembered.
    pub retention: Duration,
    /// How often what changed is written.
    pub interval: Duration,
}

impl Settings {
    /// How large the store's file may get: several times what so many edges need, since it grows by doubling.
    fn most_bytes(&self) -> u64 {
        const BASE: u64 = 64 << 20;
        const EDGE: u64 = 8 << 10;
        let edges = u64::try_from(self.edges).unwrap_or(u64::MAX);
        BASE.saturating_add(edges.saturating_mul(EDGE))
    }
}

/// What memory is made from.
pub(crate) struct Origin<'a> {
    pub(crate) node: &'a str,
    pub(crate) dialect: &'a str,
    /// Connections that the agent tracks at once.
    pub(crate) connections: usize,
    /// How long around a change a disagreement with policies may be due to it.
    pub(crate) grace: Duration,
    pub(crate) log: &'a FlowLog,
    pub(crate) snapshot: &'a Arc<ArcSwap<Snapshot>>,
    pub(crate) metrics: &'a Metrics,
    pub(crate) status: &'a Arc<Status>,
}

/// A memory that is kept.
pub(crate) struct Running {
    /// How writing goes.
    pub(crate) export: Arc<Export>,
    /// For those who read it.
    pub(crate) reader: Reader,
    /// Stores that could not be used.
    pub(crate) notices: Notices,
    ended: oneshot::Receiver<()>,
}

impl Running {
    /// Waits until everything is written, after the stop.
    pub(crate) async fn end(self) {
        // An error says that its thread is gone, one way or another.
        let _ = self.ended.await;
    }
}

/// Gives copies of what is remembered.
#[derive(Clone)]
pub struct Reader {
    requests: mpsc::Sender<oneshot::Sender<History>>,
    figures: Shared,
}

impl Reader {
    /// A consistent copy of all that is remembered of this node; `None` where the agent is stopping. Made on the thread that
    /// remembers, so that nothing else waits for it.
    pub async fn read(&self) -> Option<History> {
        let (sender, receiver) = oneshot::channel();
        self.requests.send(sender).await.ok()?;
        receiver.await.ok()
    }

    /// How much is remembered, as of a second ago at most.
    #[must_use]
    pub fn figures(&self) -> Figures {
        *self.figures.lock()
    }
}

/// Starts to remember.
///
/// # Errors
/// When no thread can be had; a store that cannot be written is no error, but tried again.
pub(crate) fn start(
    settings: &Settings,
    origin: &Origin<'_>,
    stop: CancellationToken,
) -> io::Result<Running> {
    let notices = Notices::default();
    let store = Store::new(&store::Options {
        directory: settings.directory.clone(),
        node: origin.node.into(),
        largest: settings.most_bytes(),
        notices: notices.clone(),
    });
    let running = start_with(settings, origin, Box::new(store), stop)?;
    Ok(Running { notices, ..running })
}

fn start_with(
    settings: &Settings,
    origin: &Origin<'_>,
    journal: Box<dyn Journal>,
    stop: CancellationToken,
) -> io::Result<Running> {
    let (metrics, status) = (origin.metrics.clone(), origin.status.clone());
    let target = settings.directory.display().to_string();
    let export = Export::new("history", target, metrics.clone(), status.clone());
    let export = Arc::new(export);
    let memory = Memory::new(origin.node.into(), origin.dialect.into(), settings.edges);
    let doubts = Doubts::new(origin.grace, SystemTime::now());
    let losses = Losses {
        metrics,
        status: status.clone(),
    };
    let figures = Shared::default();
    figures.lock().most_edges = settings.edges;
    let (requests, readers) = mpsc::channel(READERS);
    let (_, live) = origin.log.subscribe(Selection::All);
    let keeper = Keeper {
        // Twice as many as are tracked: those that are over may be told again.
        recorder: Recorder::new(memory, 2 * origin.connections, doubts, losses),
        writer: Writer::new(journal, export.clone()),
        snapshot: origin.snapshot.clone(),
        status,
        live,
        open: origin.log.subscribe_open(),
        readers,
        figures: figures.clone(),
        retention: settings.retention,
        interval: settings.interval,
    };
    let (done, ended) = oneshot::channel();
    let runtime = Handle::current();
    thread::Builder::new()
        .name("history".to_owned())
        .spawn(move || {
            runtime.block_on(keeper.run(stop));
            // Nobody waits for it any more, where it took too long.
            let _ = done.send(());
        })?;
    Ok(Running {
        export,
        reader: Reader { requests, figures },
        notices: Notices::default(),
        ended,
    })
}
