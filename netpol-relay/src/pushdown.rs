//! What agents can be asked for a reader, and what has to be decided here.
//!
//! A filter may go to the agents only if both views of a connection and the flow joined from them always answer it alike:
//! else one view would come without the other, and the flow would be another. So it may ask only for what both nodes have
//! from the packets:
//!
//! | asked for | sent to agents | why not |
//! |---|---|---|
//! | `protocol` | yes | |
//! | address and port of `source` | yes | |
//! | address and port of `destination`, `any_end` | no | what was dialled counts too, and the destination's node does not know it |
//! | namespace, pod, workload, labels, Service | no | an inventory may not know the other node's end yet |
//! | `observed`, `agreement`, `computed`, `policy`, `direction` | no | joining decides them |
//! | `node` | no | a flow of two nodes is of both |
//! | `blocked_only` | yes, see below | |
//! | `since`, `until` | with [`SLACK`] | views are not of the same moment |
//! | `last` | where nothing is left to filter, with some more | the other view of a flow may be older |
//!
//! Everything is applied again after the join.
//!
//! `blocked_only` is an exception. The contract has blocked connections served from a log of their own, so that allowed
//! traffic can neither evict nor delay them, at an agent or here. The price: of a connection that one node saw blocked and the
//! other did not, the view of the other is missing. No blocked connection is missed by that, since one is only ever
//! called blocked because a node saw it so. But one comes as blocked that the other node's view would show to have got
//! through after all, and ends that only the other node's inventory knows are not named.

use std::time::Duration;

use netpol_api::filter::{Filter, FilterError};
use netpol_api::v1;
use prost_types::Timestamp;

use crate::merge::Mode;

/// Views of one connection that were last seen further apart than this may be torn apart by `since` and `until`.
pub const SLACK: Duration = Duration::from_secs(10);
/// Agents are asked for so many more than the `last` ones, and as many again.
const MORE: u64 = 100;

/// A reader's request, taken apart.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What each agent is asked.
    pub request: v1::WatchFlowsRequest,
    /// What joined flows have to satisfy.
    pub filter: Filter,
    /// The reader's own bounds of the time of the last packet.
    pub since: Option<Timestamp>,
    /// See [`Plan::since`].
    pub until: Option<Timestamp>,
    /// At most so many kept flows; `None`: all that agents send.
    pub last: Option<usize>,
}

impl Plan {
    /// Takes a request apart. `restricted`: the reader may not see everything, so that flows will be left out beyond what
    /// the request says.
    ///
    /// # Errors
    /// The first filter value that cannot be meant.
    pub fn new(request: &v1::WatchFlowsRequest, restricted: bool) -> Result<Self, FilterError> {
        let filter = Filter::of_request(request)?;
        let pushed = request.filter.as_ref().map(invariant).unwrap_or_default();
        let excluded = request.exclude.as_ref().map(invariant).unwrap_or_default();
        let whole = request.filter.as_ref().is_none_or(|whole| *whole == pushed)
            && request
                .exclude
                .as_ref()
                .is_none_or(|whole| *whole == excluded);
        let last = match request.last {
            None => None,
            Some(0) => Some(0),
            Some(last) if whole && !restricted && request.until.is_none() => {
                Some(last.saturating_mul(2).saturating_add(MORE))
            }
            Some(_) => Some(u64::MAX),
        };
        Ok(Self {
            request: v1::WatchFlowsRequest {
                last,
                since: request.since.as_ref().map(|since| shifted(since, true)),
                until: request.until.as_ref().map(|until| shifted(until, false)),
                follow: request.follow,
                blocked_only: request.blocked_only,
                filter: Some(pushed),
                exclude: Some(excluded),
            },
            filter,
            since: request.since,
            until: request.until,
            last: request
                .last
                .map(|last| usize::try_from(last).unwrap_or(usize::MAX)),
        })
    }

    /// What the stream consists of.
    #[must_use]
    pub fn mode(&self) -> Mode {
        let wants_kept =
            self.last.is_some_and(|last| last > 0) || self.since.is_some() && self.last.is_none();
        match (self.request.follow, wants_kept) {
            (false, _) => Mode::Kept,
            (true, true) => Mode::KeptAndLive,
            (true, false) => Mode::Live,
        }
    }

    /// Whether a joined flow is wanted. `since` is asked of kept ones alone: a live one that ends may have been silent for long.
    #[must_use]
    pub fn matches(&self, flow: &v1::Flow, is_kept: bool) -> bool {
        let moment = |stamp: &Timestamp| (stamp.seconds, stamp.nanos);
        let last_seen = flow.last_seen.as_ref().map(moment).unwrap_or_default();
        let after = self
            .since
            .as_ref()
            .is_none_or(|since| !is_kept || last_seen >= moment(since));
        let before = self
            .until
            .as_ref()
            .is_none_or(|until| last_seen <= moment(until));
        after && before && self.filter.matches(flow)
    }
}

/// The part of a filter that both views of a connection and the joined flow always answer alike.
fn invariant(filter: &v1::FlowFilter) -> v1::FlowFilter {
    let source = filter.source.as_ref().map(|source| v1::EndpointFilter {
        cidr: source.cidr.clone(),
        port: source.port.clone(),
        ..v1::EndpointFilter::default()
    });
    v1::FlowFilter {
        source,
        protocol: filter.protocol.clone(),
        ..v1::FlowFilter::default()
    }
}

fn shifted(stamp: &Timestamp, back: bool) -> Timestamp {
    let seconds = i64::try_from(SLACK.as_secs()).unwrap_or(i64::MAX);
    Timestamp {
        seconds: if back {
            stamp.seconds.saturating_sub(seconds)
        } else {
            stamp.seconds.saturating_add(seconds)
        },
        nanos: stamp.nanos,
    }
}
