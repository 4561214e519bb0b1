//! `flows status`: what is watched on each node, what is degraded and why, and what was lost.
//!
//! ```text
//! answer ─┬─ of an agent ──► agent ─► inventory ─┐
//!         ├─ of a relay ───► relay ──────────────┼─► page
//!         │    one node of it ─► agent           ┘
//!         └─────────────────► json
//! ```

mod agent;
mod inventory;
mod json;
pub(crate) mod page;
mod relay;

use std::io::{self, Write};

use anstream::AutoStream;
use jiff::Timestamp;
use netpol_api::{
    json::Time,
    v1::{GetStatusRequest, GetStatusResponse, NodeStatus, get_status_response::Server},
};
use serde::Serialize;

use crate::{
    args::{Output, Status},
    error::CliError,
};
use page::Page;

/// Asks once and writes the answer.
pub(crate) async fn run(status: Status) -> Result<(), CliError> {
    let mut session = status
        .connection
        .open(Some(&[]), status.node.as_deref())
        .await?;
    session.announce(None);
    let answer = session.client.get_status(GetStatusRequest {}).await;
    let answer = answer
        .map_err(|error| session.call_failed(&error))?
        .into_inner();
    let subject = Subject::of(&answer, status.node.as_deref());
    let subject = subject.map_err(|known| CliError::NoSuchNode {
        server: session.server.clone(),
        node: status.node.clone().unwrap_or_default(),
        known,
    })?;
    let mut out = AutoStream::new(io::stdout(), status.color);
    let text = match status.output {
        Output::Json => subject.json().map_err(CliError::Output)?,
        Output::Text | Output::Wide => subject.text(Timestamp::now()),
    };
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(CliError::Output)
}

/// What is to be shown.
#[derive(Debug)]
enum Subject<'a> {
    Agent(&'a GetStatusResponse),
    Relay(&'a GetStatusResponse),
    NodeOfRelay(&'a NodeStatus),
}

impl<'a> Subject<'a> {
    /// An error names the nodes that there are.
    fn of(answer: &'a GetStatusResponse, node: Option<&str>) -> Result<Self, String> {
        let is_relay = answer.server() == Server::Relay;
        match node {
            None if is_relay => Ok(Self::Relay(answer)),
            None => Ok(Self::Agent(answer)),
            Some(node) if is_relay => {
                let found = answer.nodes.iter().find(|known| relay::name(known) == node);
                let names = || {
                    let names: Vec<&str> = answer.nodes.iter().map(relay::name).collect();
                    names.join(", ")
                };
                found.map(Self::NodeOfRelay).ok_or_else(names)
            }
            Some(node) if node == answer.node => Ok(Self::Agent(answer)),
            Some(_) => Err(answer.node.clone()),
        }
    }

    /// `now` counts where the server does not tell its own time.
    fn text(&self, now: Timestamp) -> String {
        let mut page = Page::default();
        match self {
            Self::Agent(answer) => agent::table(&mut page, answer, clock(answer, now)),
            Self::Relay(answer) => relay::table(&mut page, answer, clock(answer, now)),
            Self::NodeOfRelay(node) => relay::node(&mut page, node, now),
        }
        page.text
    }

    fn json(&self) -> io::Result<String> {
        fn pretty(value: &impl Serialize) -> io::Result<String> {
            Ok(serde_json::to_string_pretty(value)? + "\n")
        }
        match self {
            Self::Agent(answer) | Self::Relay(answer) => pretty(&json::Status::from(*answer)),
            Self::NodeOfRelay(node) => pretty(&json::Node::from(*node)),
        }
    }
}

/// Ages are told by the clock of whoever told the times.
fn clock(answer: &GetStatusResponse, now: Timestamp) -> Timestamp {
    let own = answer.time.as_ref().and_then(Time::of);
    own.map_or(now, |Time(own)| own)
}

#[cfg(test)]
mod tests;
