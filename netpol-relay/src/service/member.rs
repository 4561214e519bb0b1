//! A node that takes part in a reader's stream.

use netpol_api::v1::node_state::State;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::node_stream::Arrival;
use crate::discovery::AgentAddress;
use crate::nodes::Node;

/// A node that takes part in a reader's stream.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) address: Option<AgentAddress>,
    /// What it says.
    pub(super) inbox: mpsc::Receiver<Arrival>,
    /// Reads the node's stream; ends with this value.
    pub(super) _task: Task,
    /// Its stream runs.
    pub(super) runs: bool,
    /// Why its stream does not run though its agent answers.
    pub(super) broken: Option<String>,
    /// What the merge was told of it last.
    pub(super) told: Option<State>,
}

/// A task that ends with its value.
pub(super) struct Task(pub(super) AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Member {
    /// How well its flows are had, where there is something to say: nothing as long as its first stream is on its way. Of
    /// nodes that are there when the reader comes, also that is told.
    pub(super) fn state(&self, node: &Node, is_first_look: bool) -> Option<(State, String)> {
        match (&self.broken, node.state) {
            (_, State::Unreachable) if node.is_new && !is_first_look => None,
            (_, State::Unreachable | State::NoAgent | State::Unspecified) => {
                Some((node.state, node.message.clone()))
            }
            (Some(why), _) => Some((State::Unreachable, why.clone())),
            (None, State::Late) if self.runs => Some((State::Late, node.message.clone())),
            (None, State::Followed) if self.runs => Some((State::Followed, String::new())),
            (None, State::Late | State::Followed) => None,
        }
    }
}
