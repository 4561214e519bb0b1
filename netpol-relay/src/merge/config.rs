//! Settings of a merged stream.

use std::time::Duration;

/// What a stream consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Kept flows, and then it ends.
    Kept,
    /// Kept flows, then live ones.
    KeptAndLive,
    /// Live flows alone.
    Live,
}

/// Windows and bounds. Bytes are about what a flow takes in memory.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// A live item waits at most so long for others that belong before it.
    pub window: Duration,
    /// A live item goes out when all nodes have told of something so much later. As long as agents wait for the record
    /// that completes what they have, and somewhat longer.
    pub ahead: Duration,
    /// The same for kept flows, where it costs no time, and finds other views that were last told of earlier or later.
    pub kept_ahead: Duration,
    /// How much clocks may differ, beyond what is known, for views to be of one connection.
    pub clock_slack: Duration,
    /// A node is told to be late when it is so far behind the others.
    pub late_after: Duration,
    /// Kept flows are waited for at most so long, where live ones follow.
    pub catch_up: Duration,
    /// A node that says nothing for so long is not waited for, where kept flows are all that is wanted.
    pub patience: Duration,
    /// Items of one node that may wait.
    pub node_items: usize,
    /// Their bytes.
    pub node_bytes: usize,
    /// Bytes of all nodes' items that may wait.
    pub bytes: usize,
    /// Connections remembered for their other view.
    pub connections: usize,
    /// Their bytes.
    pub connection_bytes: usize,
    /// A flow with more bytes is lost: none that is honest comes near.
    pub largest: usize,
}

const MIB: usize = 1024 * 1024;

impl Default for Config {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(1),
            ahead: Duration::from_millis(200),
            kept_ahead: Duration::from_secs(5),
            clock_slack: Duration::from_secs(1),
            late_after: Duration::from_secs(5),
            catch_up: Duration::from_secs(10),
            patience: Duration::from_secs(10),
            node_items: 1024,
            node_bytes: 4 * MIB,
            bytes: 32 * MIB,
            connections: 16_384,
            connection_bytes: 32 * MIB,
            largest: MIB / 4,
        }
    }
}
