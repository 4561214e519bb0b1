//! What the relay says of itself and of its nodes.

use std::time::{Duration, SystemTime};

use futures::future::join_all;
use netpol_api::v1;
use prost::Message as _;

use super::observer::Observer;
use crate::connection::ask;
use crate::nodes::Node;

/// How long an agent's answer is waited for; then its last one is shown.
const PATIENCE: Duration = Duration::from_secs(2);
/// An answer that is no older is not asked for again.
const FRESH: Duration = Duration::from_secs(1);
/// What all nodes' answers may take, in bytes: gRPC clients take messages of up to 4 MiB unless told otherwise. Beyond it,
/// lists that grow with the number of pods are left out.
const LARGEST: usize = 3 << 20;

impl Observer {
    /// The answer to GetStatus.
    pub(super) async fn status(&self) -> v1::GetStatusResponse {
        let nodes = self.nodes.all();
        join_all(nodes.iter().map(|node| self.refresh(node))).await;
        let mut nodes: Vec<_> = self.nodes.all().into_iter().map(told).collect();
        shorten(&mut nodes);
        let now = SystemTime::now();
        let certificates = self.tls.iter().flat_map(|tls| tls.report().warnings(now));
        v1::GetStatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: Some(self.facts.started.into()),
            inventory: Some(self.inventory()),
            flows_seen: self.metrics.received.get(),
            lost: self.losses.all(),
            subscribers: u32::try_from(self.metrics.streams.get()).unwrap_or(0),
            time: Some(SystemTime::now().into()),
            server: v1::get_status_response::Server::Relay.into(),
            nodes,
            warnings: certificates.collect(),
            ..v1::GetStatusResponse::default()
        }
    }

    /// Asks a node's agent how it is. What keeps it from answering is found out by whoever keeps the connection.
    async fn refresh(&self, node: &Node) {
        let is_fresh = |heard: std::time::Instant| heard.elapsed() < FRESH;
        let (Some(client), Some(address)) = (&node.client, &node.address) else {
            return;
        };
        if node
            .answer
            .as_ref()
            .is_some_and(|answer| is_fresh(answer.heard))
        {
            return;
        }
        match ask(client.clone(), PATIENCE).await {
            Ok(answer) => self
                .nodes
                .update(address, |agent| agent.answer = Some(answer)),
            Err(_) => self.nodes.doubt(address),
        }
    }

    /// Where agents come from, and what is wrong with that.
    fn inventory(&self) -> v1::InventoryStatus {
        let problem = |message: String| v1::InventoryError {
            message,
            ..v1::InventoryError::default()
        };
        v1::InventoryStatus {
            source: self.facts.origin.clone(),
            nodes: u32::try_from(self.nodes.all().len()).unwrap_or(u32::MAX),
            errors: self.nodes.troubles().into_iter().map(problem).collect(),
            ..v1::InventoryStatus::default()
        }
    }
}

fn told(node: Node) -> v1::NodeStatus {
    let clock = node.answer.as_ref().and_then(|answer| answer.clock);
    v1::NodeStatus {
        state: Some(v1::NodeState {
            node: node.name,
            state: node.state.into(),
            message: node.message,
            time: Some(node.since.into()),
        }),
        address: node
            .address
            .map_or_else(String::new, |address| address.to_string()),
        clock_ahead: clock.map(|clock| duration(clock.ahead)),
        status: node
            .answer
            .map(|answer| v1::GetStatusResponse::clone(&answer.status)),
        warnings: node.warnings,
    }
}

fn duration(nanos: i64) -> prost_types::Duration {
    const SECOND: i64 = 1_000_000_000;
    prost_types::Duration {
        seconds: nanos / SECOND,
        // Less than a second.
        nanos: i32::try_from(nanos % SECOND).unwrap_or_default(),
    }
}

/// Leaves out what is in order, where all of it is too much for one message.
fn shorten(nodes: &mut [v1::NodeStatus]) {
    let size =
        |nodes: &[v1::NodeStatus]| nodes.iter().map(v1::NodeStatus::encoded_len).sum::<usize>();
    if size(nodes) <= LARGEST {
        return;
    }
    for status in nodes.iter_mut().filter_map(|node| node.status.as_mut()) {
        status
            .interfaces
            .retain(|interface| !interface.error.is_empty());
    }
    if size(nodes) <= LARGEST {
        return;
    }
    for node in nodes.iter_mut() {
        node.status = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_behind_are_negative_in_both_parts() {
        let behind = duration(-1_500_000_000);
        assert_eq!((behind.seconds, behind.nanos), (-1, -500_000_000));
    }

    #[test]
    fn a_status_of_very_many_nodes_fits_a_message_and_keeps_what_is_wrong() {
        let interface = |error: &str| v1::Interface {
            name: "veth0123456".to_owned(),
            pod: "namespace/some-pod-with-a-name".to_owned(),
            error: error.to_owned(),
            ..v1::Interface::default()
        };
        let node = |name: u32| {
            let mut interfaces = vec![interface(""); 110];
            interfaces.push(interface("no permission"));
            v1::NodeStatus {
                address: format!("10.0.0.{name}:4245"),
                status: Some(v1::GetStatusResponse {
                    interfaces,
                    ..v1::GetStatusResponse::default()
                }),
                ..v1::NodeStatus::default()
            }
        };
        let mut few: Vec<_> = (0..100).map(node).collect();
        let whole = few.clone();
        shorten(&mut few);
        assert_eq!(few, whole);
        let mut many: Vec<_> = (0..1000).map(node).collect();
        shorten(&mut many);
        assert!(many.iter().map(v1::NodeStatus::encoded_len).sum::<usize>() <= LARGEST);
        let left = &many[0].status.as_ref().unwrap().interfaces;
        assert_eq!(left, &[interface("no permission")]);
    }
}
