//! Many nodes' streams into one, in time order within a bounded window. Pure: no I/O, and no clock of its own.
//!
//! ```text
//! node a ─ push ─► ┌──────┐ places in    ┌────────────┐
//! node b ─ push ─► │ join │─ the order ─►│ next(now)  │─► flows, losses, states of nodes
//! node c ─ push ─► └──────┘              └────────────┘
//! ```
//!
//! # Order
//!
//! By `last_seen`, as the node wrote it, less what its clock is known to be ahead ([`Merge::set_clock_ahead`]). The stamps
//! in the flows stay as written. A clock that is off and not known to be makes its node's flows come at wrong places; a
//! stamp of the future counts as "now".
//!
//! - **Kept flows** come from each node oldest first, in the order in which they became known, which need not be that of
//!   `last_seen`. A flow goes out when every node has told of everything up to [`Config::kept_ahead`] beyond it, so that the
//!   other view is there by then. Where live flows follow, agents say when that is all (`kept_over`), and one that
//!   does not is waited for up to [`Config::catch_up`]; where none do, one that says nothing, up to [`Config::patience`].
//! - **Live flows** go out when every node that is followed has told of something [`Config::ahead`] later, or when they
//!   have waited for [`Config::window`], whichever is first. What comes later than that goes out as soon as it
//!   can, at the wrong place. Agents tell some things late by design, such as that an answer did not come: these have the
//!   place of what happens when they are told.
//! - **A loss** has the place of its time.
//!
//! A node is told to be LATE when what agents tell at once is [`Config::late_after`] behind what other nodes tell, and
//! FOLLOWED again when that has not been so for a while. A reader that is slow makes no node late.
//!
//! # Bounds
//!
//! [`Merge::has_room`] says whether a node's next item fits: a caller that reads only then loses nothing here, and what
//! the agent cannot send it counts by itself. What is pushed all the same is counted, and told as `Lost` of stage RELAY.
//! So are flows larger than [`Config::largest`]. Half of all memory is for whoever comes first, the other half is shared
//! out evenly, so that no node can keep out another.

mod books;
mod config;
pub(crate) mod instant;
mod intake;
mod node;
mod place;
mod queue;
mod youngest;

use std::time::SystemTime;

use netpol_api::v1::watch_flows_response::Item;
use netpol_api::v1::{self, lost::Stage, node_state::State};

pub use books::Books;
pub use config::{Config, Mode};
use instant::{Nanos, of_clock, of_duration, stamp, to_clock};
use node::{Node, Phase, late_message};
use queue::{Queue, What};
pub use youngest::Youngest;

pub use crate::join::NodeIndex;
use crate::join::{Join, Limits, Released};

/// A node that was late is followed again after so long without being late.
const RECOVERY: Nanos = 5_000_000_000;
/// Bytes that a loss or a state takes.
const NOTICE: usize = 512;

/// The next of one stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// An item for the reader.
    Item(Box<Item>),
    /// From here on come live flows; in a stream without, nothing more comes. Said once.
    KeptOver,
}

/// The streams of all nodes, for one reader.
#[derive(Debug)]
pub struct Merge {
    config: Config,
    mode: Mode,
    start: Nanos,
    now: Nanos,
    nodes: Vec<Node>,
    join: Join,
    queue: Queue,
    /// Order of the latest that went out.
    frontier: Nanos,
    /// The youngest that any node told of.
    freshest: Nanos,
    /// Kept flows are awaited.
    catching_up: bool,
    kept_over_told: bool,
    closing: bool,
    /// The latest call handed an item out.
    delivering: bool,
    books: Books,
}

impl Merge {
    /// A stream without nodes.
    #[must_use]
    pub fn new(config: Config, mode: Mode, now: SystemTime) -> Self {
        let now = of_clock(now);
        Self {
            config,
            mode,
            start: now,
            now,
            nodes: Vec::new(),
            join: Join::new(Limits {
                slack: of_duration(config.clock_slack),
                connections: config.connections,
                bytes: config.connection_bytes,
            }),
            queue: Queue::default(),
            frontier: Nanos::MIN,
            freshest: Nanos::MIN,
            catching_up: mode != Mode::Live,
            kept_over_told: false,
            closing: false,
            delivering: false,
            books: Books::default(),
        }
    }

    /// Adds a node that is expected to send. Until it is followed or given up it is waited for like one that says nothing.
    pub fn add_node(&mut self, name: &str, now: SystemTime) -> NodeIndex {
        let now = self.advance(now);
        self.nodes.push(Node::new(name.to_owned(), now));
        self.nodes.len() - 1
    }

    /// Tells how far a node's clock is ahead of the relay's, in nanoseconds; negative: behind. Bears on what comes from
    /// then on.
    pub fn set_clock_ahead(&mut self, node: NodeIndex, nanos: i64) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.ahead = nanos;
        }
    }

    /// Tells how well a node is connected; the reader is told where that is news.
    ///
    /// FOLLOWED: its stream has begun. UNREACHABLE, NO_AGENT: it is not waited for.
    pub fn set_state(&mut self, node: NodeIndex, state: v1::NodeState, now: SystemTime) {
        let now = self.advance(now);
        let Some(known) = self.nodes.get_mut(node) else {
            return;
        };
        known.name.clone_from(&state.node);
        match state.state() {
            State::Followed | State::Late => {
                known.heard = now;
                known.late = None;
                if matches!(known.phase, Phase::Expected | Phase::Away) {
                    known.phase = Phase::Kept;
                    if !self.catching_up {
                        known.enter_live(self.start);
                    }
                }
            }
            State::Unreachable | State::NoAgent | State::Unspecified => known.phase = Phase::Away,
        }
        self.tell(node, state.state(), state.message, now);
    }

    /// A node's stream ended as it should: it has sent all it has.
    pub fn ended(&mut self, node: NodeIndex, now: SystemTime) {
        self.advance(now);
        if let Some(node) = self.nodes.get_mut(node) {
            node.phase = Phase::Away;
        }
    }

    /// Whether the node's next item is sure to fit.
    #[must_use]
    pub fn has_room(&self, node: NodeIndex) -> bool {
        let shared = self.config.bytes / 2;
        self.nodes.get(node).is_some_and(|node| {
            let share = shared / self.nodes.len();
            node.has_room(&self.config) && (self.queue.bytes < shared || node.bytes < share)
        })
    }

    /// Takes the next item of a node's stream.
    pub fn push(&mut self, node: NodeIndex, response: v1::WatchFlowsResponse, now: SystemTime) {
        let now = self.advance(now);
        if node >= self.nodes.len() {
            return;
        }
        self.nodes[node].heard = now;
        match response.item {
            None if response.kept_over => self.nodes[node].kept_over(self.start),
            Some(Item::Flow(flow)) => self.push_flow(node, flow, now),
            Some(Item::Lost(lost)) => self.push_lost(node, lost, now),
            // Relays alone speak of nodes, and ask agents alone.
            Some(Item::Node(_)) | None => self.nodes[node].lose("malformed", 1),
        }
    }

    /// The next for the reader, if any is due.
    pub fn next(&mut self, now: SystemTime) -> Option<Output> {
        let now = self.advance(now);
        self.watch_nodes(now);
        let next = self.due(now);
        self.delivering = next.is_some();
        next
    }

    fn due(&mut self, now: Nanos) -> Option<Output> {
        if let Some(lost) = self.lost_here(now) {
            return Some(Output::Item(Box::new(Item::Lost(lost))));
        }
        loop {
            if !self.kept_over_told && self.is_kept_over() {
                self.kept_over_told = true;
                return Some(Output::KeptOver);
            }
            let order = self.queue.first()?;
            if !self.is_due(order, now) {
                return None;
            }
            self.frontier = self.frontier.max(order);
            if let Some(item) = self.release(now) {
                return Some(Output::Item(Box::new(item)));
            }
        }
    }

    /// Whether all kept flows are out.
    fn is_kept_over(&self) -> bool {
        let first = self.queue.first();
        !self.catching_up
            && match self.mode {
                Mode::Kept => first.is_none(),
                Mode::KeptAndLive | Mode::Live => first.is_none_or(|order| order >= self.start),
            }
    }

    /// When [`Self::next`] may have more though nothing comes in; `None`: never.
    pub fn deadline(&mut self) -> Option<SystemTime> {
        let window = of_duration(self.config.window);
        let waiting = self.queue.oldest_arrival().filter(|_| !self.catching_up);
        let late = self.nodes.iter().filter_map(|node| node.late);
        let awaited = (0..self.nodes.len()).filter(|_| self.catching_up);
        let silent = awaited.filter_map(|index| {
            let time = self.gives_up_at(&self.nodes[index])?;
            match (self.has_room(index), self.mode) {
                (true, _) => Some(time),
                (false, Mode::KeptAndLive) => Some(self.caught_up_by()),
                (false, Mode::Kept | Mode::Live) => None,
            }
        });
        waiting
            .map(|arrived| arrived.saturating_add(window))
            .into_iter()
            .chain(late.map(|last| last.saturating_add(RECOVERY)))
            .chain(silent)
            .min()
            .map(to_clock)
    }

    /// Waits for nothing any more: all that is there goes out.
    pub fn close(&mut self) {
        self.closing = true;
    }

    /// Whether nothing more can come: the stream has no live flows, and all kept ones are out.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let ends = self.mode == Mode::Kept || self.closing;
        ends && self.kept_over_told && self.queue.is_empty()
    }

    /// Where every flow has gone.
    #[must_use]
    pub fn books(&self) -> Books {
        self.books
    }

    /// Connections remembered, waiting ones among them, and about the bytes held for them.
    #[must_use]
    pub fn held(&self) -> (usize, usize) {
        (self.join.len(), self.join.bytes())
    }

    /// Time never goes back. While an item was on its way to the reader, nodes may not have been listened to: that is
    /// not held against them.
    fn advance(&mut self, now: SystemTime) -> Nanos {
        let now = of_clock(now).max(self.now);
        if std::mem::take(&mut self.delivering) {
            for node in &mut self.nodes {
                node.heard = node.heard.saturating_add(now - self.now);
            }
        }
        self.now = now;
        now
    }

    /// Lets the first that waits go. What it comes to may have been told already.
    fn release(&mut self, now: Nanos) -> Option<Item> {
        let waiting = self.queue.pop()?;
        if let Some(node) = self.nodes.get_mut(waiting.node) {
            node.items -= 1;
            node.bytes -= waiting.bytes;
            // Its next item may be read again.
            node.heard = node.heard.max(now);
        }
        match waiting.what {
            What::Notice(item) => Some(*item),
            What::Connection(id) => {
                self.books.waiting -= 1;
                let patience = if self.catching_up {
                    Nanos::MIN
                } else {
                    now.saturating_sub(of_duration(self.config.window).saturating_mul(2))
                };
                match self.join.release(id, patience) {
                    Released::Flow(flow) => {
                        self.books.given += 1;
                        Some(Item::Flow(*flow))
                    }
                    Released::Merged => {
                        self.books.merged += 1;
                        None
                    }
                }
            }
        }
    }

    /// What the relay itself could not hold, since the last time that was told.
    fn lost_here(&mut self, now: Nanos) -> Option<v1::Lost> {
        let node = self.nodes.iter_mut().find(|node| !node.lost.is_empty())?;
        let (reason, count) = node.lost.pop()?;
        Some(v1::Lost {
            stage: Stage::Relay.into(),
            reason: reason.to_owned(),
            count,
            time: Some(stamp(now)),
            node: node.name.clone(),
        })
    }

    /// Puts the state of a node into the stream, where that is news.
    fn tell(&mut self, node: NodeIndex, state: State, message: String, now: Nanos) {
        let Some(known) = self.nodes.get_mut(node).filter(|node| node.told != state) else {
            return;
        };
        known.told = state;
        let state = v1::NodeState {
            node: known.name.clone(),
            state: state.into(),
            message,
            time: Some(stamp(now)),
        };
        // While kept flows come it belongs before them, whatever their time.
        let order = if self.catching_up { Nanos::MIN } else { now };
        self.enqueue(
            node,
            order,
            NOTICE,
            What::Notice(Box::new(Item::Node(state))),
            now,
        );
    }
}
