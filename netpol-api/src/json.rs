//! Flows as JSON: one object for each item of a stream, told apart by `"type"`.
//!
//! ```json
//! {"type":"flow","id":"…","revision":3,"last_seen":"2026-03-01T09:30:00.123456789Z","protocol":"tcp","source":{…},…}
//! {"type":"lost","stage":"subscriber","reason":"slow_subscriber","count":12,"time":"…"}
//! {"type":"node","node":"worker-2","state":"unreachable","message":"connection refused","time":"…"}
//! ```
//!
//! What readers may rely on: field names are those of the `.proto` file except where a unit is added (`…_seconds`); enum
//! values are the words of [`crate::word`]; times are RFC 3339 in UTC with nanoseconds; TCP flags are a list of names; what
//! is empty, zero-length or not known is left out. Readers have to ignore fields they do not know: more are added over time.

mod computed;
mod endpoint;
mod flow;
mod observed;
mod scalar;

use serde::{Deserialize, Serialize};

pub use computed::{Computed, Denial, DirectionVerdict, NearestMiss, PolicyRef, RuleRef, TierStep};
pub use endpoint::{Endpoint, ServiceAddress, Workload};
pub use flow::{Counters, Flow, IcmpMessage, Vantage};
pub use observed::{Drop, Evidence, Observed};
pub use scalar::{TcpFlags, Time, WordOf};

use crate::v1;

/// One item of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Item {
    /// A connection.
    Flow(Box<Flow>),
    /// A gap.
    Lost(Lost),
    /// How well a node's flows are had from here on; from a relay.
    Node(NodeState),
}

/// How well a relay has the flows of one node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeState {
    /// Its name; the agent's address where the name is not known.
    pub node: String,
    /// How well.
    #[serde(default, skip_serializing_if = "WordOf::is_unspecified")]
    pub state: WordOf<v1::node_state::State>,
    /// Why, in plain words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}

/// Something was lost here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lost {
    /// Where it was lost.
    #[serde(default, skip_serializing_if = "WordOf::is_unspecified")]
    pub stage: WordOf<v1::lost::Stage>,
    /// Why, from a bounded vocabulary.
    pub reason: String,
    /// How many items.
    pub count: u64,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Node on which it was lost.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node: String,
}

impl Item {
    /// `None` for an item of a kind that this version does not know.
    #[must_use]
    pub fn of_response(response: &v1::WatchFlowsResponse) -> Option<Self> {
        match response.item.as_ref()? {
            v1::watch_flows_response::Item::Flow(flow) => Some(Self::Flow(Box::new(flow.into()))),
            v1::watch_flows_response::Item::Lost(lost) => Some(Self::Lost(lost.into())),
            v1::watch_flows_response::Item::Node(node) => Some(Self::Node(node.into())),
        }
    }
}

impl From<Item> for v1::WatchFlowsResponse {
    fn from(item: Item) -> Self {
        let item = match item {
            Item::Flow(flow) => v1::watch_flows_response::Item::Flow((*flow).into()),
            Item::Lost(lost) => v1::watch_flows_response::Item::Lost(lost.into()),
            Item::Node(node) => v1::watch_flows_response::Item::Node(node.into()),
        };
        Self {
            item: Some(item),
            kept_over: false,
        }
    }
}

impl From<&v1::Lost> for Lost {
    fn from(lost: &v1::Lost) -> Self {
        Self {
            stage: WordOf(lost.stage()),
            reason: lost.reason.clone(),
            count: lost.count,
            time: lost.time.as_ref().and_then(Time::of),
            node: lost.node.clone(),
        }
    }
}

impl From<Lost> for v1::Lost {
    fn from(lost: Lost) -> Self {
        Self {
            stage: lost.stage.0.into(),
            reason: lost.reason,
            count: lost.count,
            time: lost.time.map(Into::into),
            node: lost.node,
        }
    }
}

impl From<&v1::NodeState> for NodeState {
    fn from(state: &v1::NodeState) -> Self {
        Self {
            node: state.node.clone(),
            state: WordOf(state.state()),
            message: state.message.clone(),
            time: state.time.as_ref().and_then(Time::of),
        }
    }
}

impl From<NodeState> for v1::NodeState {
    fn from(state: NodeState) -> Self {
        Self {
            node: state.node,
            state: state.state.0.into(),
            message: state.message,
            time: state.time.map(Into::into),
        }
    }
}

#[cfg(test)]
mod tests;
