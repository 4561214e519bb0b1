//! What the conformance suite of the network-policy-api asks (`conformance/tests`): policies in tiers, in each form that
//! the API has or had. Its houses are colours here: red (the usual subject), green, yellow and blue, two pods each, and
//! a forest whose one pod is in its node's network.

mod changes;
mod form;
mod integration;
mod networks;
mod nodes;
mod order;
mod ports;
mod priority;
mod subjects;
mod user_stories;

use netpol_policy::model::Protocol::{self, Sctp, Tcp, Udp};

use crate::support::cluster::Cluster;

/// The protocols that have ports.
const WITH_PORTS: [Protocol; 3] = [Tcp, Udp, Sctp];

/// Every pod and namespace carries `house: COLOUR`; pods name TCP port 80 `web` and UDP port 53 `dns`.
fn houses() -> Cluster {
    let mut cluster = Cluster::default();
    for house in ["red", "green", "yellow", "blue"] {
        let labels = format!("{{house: {house}}}");
        cluster = cluster.namespace(house, &labels);
        for index in 0..2 {
            cluster = cluster.pod_with_ports(
                &format!("{house}/pod-{index}"),
                &labels,
                "[{name: web, containerPort: 80}, {name: dns, containerPort: 53, protocol: UDP}]",
            );
        }
    }
    cluster
        .namespace("forest", "{house: forest}")
        .node("n1", "{kubernetes.io/os: linux}")
        .host_network_pod("forest/centaur", "{house: forest}", "n1")
}

/// One peer: all pods of a house.
fn house(name: &str) -> String {
    format!("[{{namespaces: {{matchLabels: {{house: {name}}}}}}}]")
}
