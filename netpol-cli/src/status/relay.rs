//! What a relay says of its nodes: those whose flows are missing first.

use jiff::Timestamp;
use netpol_api::{
    json::Time,
    v1::{GetStatusResponse, InventoryStatus, NodeStatus, node_state, watch},
};

use super::{
    agent,
    page::{Page, age, counted},
};

/// Its name; where no name is known, its agent's address.
pub(super) fn name(node: &NodeStatus) -> &str {
    let state = node.state.as_ref();
    let name = state.map_or("", |state| state.node.as_str());
    if name.is_empty() { &node.address } else { name }
}

pub(super) fn seconds(duration: &prost_types::Duration) -> f64 {
    // Precise for spans that clocks differ by.
    duration.seconds as f64 + f64::from(duration.nanos) / 1e9
}

pub(super) fn table(page: &mut Page, status: &GetStatusResponse, now: Timestamp) {
    let mut nodes: Vec<&NodeStatus> = status.nodes.iter().collect();
    nodes.sort_by_key(|node| (rank(node), name(node)));
    let followed = nodes
        .iter()
        .filter(|node| rank(node) == Rank::Followed)
        .count();
    let up = status.started.as_ref().and_then(Time::of);
    let up = up.map_or_else(String::new, |Time(started)| {
        format!(", up {}", age(now.duration_since(started)))
    });
    page.fact("relay", &format!("{}{up}", status.version));
    page.fact("nodes", &format!("{followed} of {} followed", nodes.len()));
    let of_nodes = || nodes.iter().filter_map(|node| node.status.as_ref());
    page.fact(
        "flows",
        &format!(
            "{} seen, {} blocked, {:.1} a second; {} watching",
            of_nodes().map(|node| node.flows_seen).sum::<u64>(),
            of_nodes().map(|node| node.flows_blocked).sum::<u64>(),
            // The sum of nothing is a negative zero.
            of_nodes().fold(0.0, |sum, node| sum + node.flows_per_second),
            status.subscribers,
        ),
    );
    for warning in &status.warnings {
        page.notable(&format!("! {warning}"));
    }
    page.heading("Nodes");
    let rows: Vec<([String; 7], Vec<String>)> = nodes.iter().map(|node| row(node)).collect();
    if rows.is_empty() {
        page.bad("  ✗ no node is known yet: there are no flows");
    } else {
        page.table(
            [
                "  NODE",
                "STATE",
                "AGENT",
                "FLOWS",
                "BLOCKED",
                "LOST",
                "INVENTORY",
            ],
            &rows,
        );
    }
    page.heading("Losses in the relay");
    page.losses(&status.lost);
}

/// All that is known of one node.
pub(super) fn node(page: &mut Page, node: &NodeStatus, now: Timestamp) {
    if let Some(status) = &node.status {
        let own = status.time.as_ref().and_then(Time::of);
        let now = own.map_or(now, |Time(own)| own);
        page.fact("state", state(node));
        trouble(node)
            .iter()
            .for_each(|sentence| page.notable(&format!("! {sentence}")));
        agent::table(page, status, now);
    } else {
        page.fact("node", name(node));
        page.fact("state", state(node));
        trouble(node)
            .iter()
            .for_each(|sentence| page.bad(&format!("✗ {sentence}")));
    }
}

/// What to look at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Missing,
    Late,
    Followed,
}

fn rank(node: &NodeStatus) -> Rank {
    use node_state::State;
    match node.state.as_ref().map(node_state_of) {
        Some(State::Followed) => Rank::Followed,
        Some(State::Late) => Rank::Late,
        _ => Rank::Missing,
    }
}

fn node_state_of(state: &netpol_api::v1::NodeState) -> node_state::State {
    state.state()
}

fn state(node: &NodeStatus) -> &'static str {
    use node_state::State;
    match node.state.as_ref().map(node_state_of) {
        Some(State::Followed) => "followed",
        Some(State::Late) => "LATE",
        Some(State::Unreachable) => "MISSING",
        Some(State::NoAgent) => "NO AGENT",
        Some(State::Unspecified) | None => "unknown",
    }
}

fn row(node: &NodeStatus) -> ([String; 7], Vec<String>) {
    let below = below(node);
    let mark = match rank(node) {
        Rank::Missing => "✗",
        Rank::Late => "!",
        Rank::Followed if !below.is_empty() => "!",
        Rank::Followed => " ",
    };
    let of_agent = |tell: fn(&GetStatusResponse) -> String| {
        node.status.as_ref().map_or_else(|| "-".to_owned(), tell)
    };
    let cells = [
        format!("{mark} {}", name(node)),
        state(node).to_owned(),
        of_agent(|agent| agent.version.clone()),
        of_agent(|agent| agent.flows_seen.to_string()),
        of_agent(|agent| agent.flows_blocked.to_string()),
        of_agent(|agent| {
            agent
                .lost
                .iter()
                .map(|lost| lost.count)
                .sum::<u64>()
                .to_string()
        }),
        of_agent(|agent| {
            agent
                .inventory
                .as_ref()
                .map_or_else(|| "none".to_owned(), inventory)
        }),
    ];
    (cells, below)
}

/// How far the node's view of the cluster can be relied on, in a few words.
fn inventory(inventory: &InventoryStatus) -> String {
    let failing = inventory.watches.iter();
    let failing = failing.filter(|watch| watch.state() == watch::State::Failing);
    match (inventory.generation, failing.count()) {
        (0, _) => "not there yet".to_owned(),
        (generation, 0) => format!("generation {generation}"),
        (generation, _) => format!("generation {generation}, stale"),
    }
}

/// What is wrong between the relay and a node, a sentence each.
fn trouble(node: &NodeStatus) -> Vec<String> {
    let mut sentences = Vec::new();
    let message = node.state.as_ref().map(|state| state.message.clone());
    sentences.extend(message.filter(|message| !message.is_empty()));
    sentences.extend(node.warnings.iter().cloned());
    sentences
}

/// That, and what the agent says is wrong with itself.
fn below(node: &NodeStatus) -> Vec<String> {
    let mut sentences = trouble(node);
    let Some(agent) = &node.status else {
        return sentences;
    };
    sentences.extend(agent.warnings.iter().cloned());
    let missing = agent
        .capabilities
        .iter()
        .filter(|capability| !capability.available);
    sentences.extend(missing.map(|capability| {
        let (name, cost) = (&capability.name, &capability.cost);
        if cost.is_empty() {
            format!("no {name}")
        } else {
            format!("no {name}: {cost}")
        }
    }));
    if let Some(inventory) = &agent.inventory {
        let watches = inventory.watches.iter();
        let failing = watches.filter(|watch| watch.state() == watch::State::Failing);
        sentences.extend(failing.map(|watch| format!("{}: {}", watch.resource, watch.error)));
        if let Ok(errors @ 1..) = u32::try_from(inventory.errors.len()) {
            let objects = counted(errors, "object");
            sentences.push(format!("{objects} of the inventory cannot be used"));
        }
    }
    sentences
}

#[cfg(test)]
mod tests;
