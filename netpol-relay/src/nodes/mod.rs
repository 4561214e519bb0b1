//! Every node there is, and how well its flows are had.
//!
//! Discovery says which agents there should be, connections say how they fare, and streams and the status read both as a
//! list of nodes. An agent is known by its address; it says itself which node it is on.

mod agent;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use netpol_api::v1::node_state::State;
use tokio::sync::{Notify, watch};

pub use agent::{Answer, Clock, Link};

use crate::connection::Client;
use crate::discovery::{AgentAddress, Discovered, Whereabouts};
use agent::Agent;

/// A node, as streams and the status see it.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name; the agent's address where that has not said one yet.
    pub name: String,
    /// Where its agent listens.
    pub address: Option<AgentAddress>,
    /// How well its flows are had.
    pub state: State,
    /// The first connection to its agent is on its way.
    pub is_new: bool,
    /// Why they are not had, or late.
    pub message: String,
    /// Since when the state lasts.
    pub since: SystemTime,
    /// The way to its agent, while there is one.
    pub client: Option<Client>,
    /// What its agent said last.
    pub answer: Option<Answer>,
    /// Trouble that does not keep its flows away.
    pub warnings: Vec<String>,
}

/// The table of nodes.
#[derive(Debug)]
pub struct Nodes {
    table: Mutex<Table>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Table {
    agents: BTreeMap<AgentAddress, Agent>,
    /// Nodes that should have an agent and have none, and why.
    without: BTreeMap<String, (String, SystemTime)>,
    discovered: bool,
    troubles: Vec<String>,
}

impl Default for Nodes {
    fn default() -> Self {
        Self {
            table: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }
}

impl Nodes {
    /// Wakes whoever waits for it after each change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Takes what discovery says. Returns the addresses that are new; those left out are forgotten.
    pub(crate) fn expect(&self, found: &Discovered, now: SystemTime) -> Vec<AgentAddress> {
        let mut table = self.table();
        let mut new = Vec::new();
        let mut there = BTreeSet::new();
        let mut without = BTreeMap::new();
        for agent in &found.agents {
            match (&agent.whereabouts, &agent.node) {
                (Whereabouts::At(address), node) => {
                    there.insert(address.clone());
                    let known = table.agents.entry(address.clone()).or_insert_with(|| {
                        new.push(address.clone());
                        Agent::new(now)
                    });
                    known.found_on.clone_from(node);
                }
                (Whereabouts::Nowhere(why), Some(node)) => {
                    let since = match table.without.get(node) {
                        Some((_, since)) => *since,
                        None => now,
                    };
                    without.insert(node.clone(), (why.clone(), since));
                }
                // Nothing to name.
                (Whereabouts::Nowhere(_), None) => {}
            }
        }
        table.agents.retain(|address, _| there.contains(address));
        table.without = without;
        table.discovered = found.complete;
        table.troubles.clone_from(&found.troubles);
        drop(table);
        self.changed.send_replace(());
        new
    }

    /// Whether an agent is still to be connected to.
    pub(crate) fn is_expected(&self, address: &AgentAddress) -> bool {
        self.table().agents.contains_key(address)
    }

    /// Changes what is known of an agent; one that is no longer expected has nothing to change. Who waits for changes is
    /// woken where the agent can be reached otherwise than before, or has another name.
    pub(crate) fn update(&self, address: &AgentAddress, change: impl FnOnce(&mut Agent)) {
        let mut table = self.table();
        let Some(agent) = table.agents.get_mut(address) else {
            return;
        };
        let visible = |agent: &Agent| (agent.link.state(), agent.node_name(address), agent.since);
        let before = visible(agent);
        change(agent);
        let changed = visible(agent) != before;
        drop(table);
        if changed {
            self.changed.send_replace(());
        }
    }

    /// The agent of a node is to be asked how it is: a stream of it broke.
    pub(crate) fn doubt(&self, address: &AgentAddress) {
        if let Some(agent) = self.table().agents.get(address) {
            agent.doubted.notify_one();
        }
    }

    /// Wakes whoever asks an agent how it is when that is in doubt.
    pub(crate) fn doubts(&self, address: &AgentAddress) -> Arc<Notify> {
        let table = self.table();
        let agent = table.agents.get(address);
        agent.map(|agent| agent.doubted.clone()).unwrap_or_default()
    }

    /// The node of this name, if there is one.
    pub(crate) fn named(&self, name: &str) -> Option<Node> {
        self.all().into_iter().find(|node| node.name == name)
    }

    /// Whether all agents there are at first have been named.
    #[must_use]
    pub fn is_discovered(&self) -> bool {
        self.table().discovered
    }

    /// Waits until all agents that there are at first have been named, and each was connected to or found not to answer.
    pub async fn settled(&self) {
        let mut changes = self.changes();
        while !self.is_settled() {
            // The sender is part of `self`.
            let _ = changes.changed().await;
        }
    }

    fn is_settled(&self) -> bool {
        let table = self.table();
        table.discovered && table.agents.values().all(|agent| agent.link.is_tried())
    }

    /// What keeps agents from being found.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        self.table().troubles.clone()
    }

    /// All nodes, by name; each once.
    #[must_use]
    pub fn all(&self) -> Vec<Node> {
        let table = self.table();
        let mut by_name: BTreeMap<String, Vec<(&AgentAddress, &Agent)>> = BTreeMap::new();
        for (address, agent) in &table.agents {
            by_name
                .entry(agent.node_name(address))
                .or_default()
                .push((address, agent));
        }
        let mut nodes: Vec<Node> = by_name
            .into_iter()
            .map(|(name, claims)| one_of(name, claims))
            .collect();
        for (name, (why, since)) in &table.without {
            if !nodes.iter().any(|node| node.name == *name) {
                nodes.push(without_agent(name, why, *since));
            }
        }
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        nodes
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Every change is complete before anything in it can panic.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of several agents that claim a node one is followed: one that is connected, and of those the one that was first, so that
/// a newcomer takes nothing over from an agent that works.
fn one_of(name: String, mut claims: Vec<(&AgentAddress, &Agent)>) -> Node {
    claims.sort_by_key(|(_, agent)| (!agent.link.is_up(), agent.since));
    let others = claims.split_off(1);
    let (address, agent) = claims[0];
    let (state, message) = agent.link.state();
    let mut warnings = agent.warnings(&name);
    if agent.link.is_up() {
        warnings.extend(others.iter().filter(|(_, other)| other.link.is_up()).map(
            |(address, _)| {
                format!("a second agent claims this node, at {address}: its flows are left out")
            },
        ));
    }
    Node {
        address: Some(address.clone()),
        state,
        is_new: !agent.link.is_tried(),
        message,
        since: agent.since,
        client: agent.link.client(),
        answer: agent.answer.clone(),
        warnings,
        name,
    }
}

fn without_agent(name: &str, why: &str, since: SystemTime) -> Node {
    Node {
        name: name.to_owned(),
        address: None,
        state: State::NoAgent,
        is_new: false,
        message: why.to_owned(),
        since,
        client: None,
        answer: None,
        warnings: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
