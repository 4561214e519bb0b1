//! What discovery says: all agents there should be, each time anew.

use super::AgentAddress;

/// An agent there should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The node it is on; not known for agents that are found by address alone.
    pub node: Option<String>,
    /// Where it listens.
    pub whereabouts: Whereabouts,
}

/// Where an agent listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whereabouts {
    /// There.
    At(AgentAddress),
    /// Nowhere, with the reason in plain words.
    Nowhere(String),
}

/// All agents there should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovered {
    /// In no order.
    pub agents: Vec<Expected>,
    /// Whether all that there are at first have been named.
    pub complete: bool,
    /// What keeps agents from being found, in plain words. What was found before stays in force.
    pub troubles: Vec<String>,
}

impl Discovered {
    /// Of agents whose nodes are not known.
    pub(super) fn of_addresses(addresses: impl IntoIterator<Item = AgentAddress>) -> Self {
        let agents = addresses.into_iter().map(|address| Expected {
            node: None,
            whereabouts: Whereabouts::At(address),
        });
        Self {
            agents: agents.collect(),
            complete: true,
            troubles: Vec::new(),
        }
    }
}
