//! What goes wrong on purpose.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use hyper::StatusCode;

/// The faults that are on, and counts of those that happen once.
///
/// A stream compares the counts with those of its start: each step is for the streams then open.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Verb and resource of requests that are forbidden.
    pub(crate) denied: BTreeSet<(String, String)>,
    /// What every request is answered with.
    pub(crate) failure: Option<StatusCode>,
    /// How long a stream lasts at most.
    pub(crate) longest_stream: Option<Duration>,
    /// Lists are not streamed as the beginning of a watch.
    pub(crate) lists_unstreamed: bool,
    /// No token is good.
    pub(crate) token_expired: bool,
    /// Requests and streams wait.
    pub(crate) paused: bool,
    /// How fast each answer is sent; `None` for as fast as possible.
    pub(crate) bytes_per_second: Option<NonZeroU32>,
    /// Streams cut.
    pub(crate) cuts: u64,
    /// Port-forwards cut.
    pub(crate) forward_cuts: u64,
    /// Bookmarks sent out of turn.
    pub(crate) bookmarks: u64,
    /// Lines sent that are no JSON, by resource.
    pub(crate) garbage: BTreeMap<String, u64>,
}

impl Faults {
    pub(crate) fn garbage(&self, resource: &str) -> u64 {
        self.garbage.get(resource).copied().unwrap_or_default()
    }
}
