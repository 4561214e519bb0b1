//! What the Kubernetes end-to-end suite asks of every implementation (`test/e2e/network/netpol`): a policy, and who
//! then reaches whom in namespaces x, y and z with pods a, b and c each. Pods serve ports 80 and 81 over TCP, UDP and
//! SCTP. Here each table has all nine pods and an address outside, over IPv4 and IPv6. In policies `y` stands in
//! quotes: without them it is YAML's true.

mod blocks;
mod changes;
mod conflicts;
mod directions;
mod isolation;
mod peer_forms;
mod port_entries;
mod ports;
mod protocols;
mod selectors;
mod stacked;

use crate::support::cluster::Cluster;

/// Every pod carries `pod: NAME`, every namespace `ns: NAME`; ports are named like `serve-80-tcp`.
fn xyz() -> Cluster {
    let mut cluster = Cluster::default();
    for namespace in ["x", "y", "z"] {
        cluster = cluster.namespace(namespace, &format!("{{ns: '{namespace}'}}"));
        for pod in ["a", "b", "c"] {
            cluster = cluster.pod_with_ports(
                &format!("{namespace}/{pod}"),
                &format!("{{pod: {pod}}}"),
                "[{name: serve-80-tcp, containerPort: 80},
                  {name: serve-80-udp, containerPort: 80, protocol: UDP},
                  {name: serve-80-sctp, containerPort: 80, protocol: SCTP},
                  {name: serve-81-tcp, containerPort: 81},
                  {name: serve-81-udp, containerPort: 81, protocol: UDP},
                  {name: serve-81-sctp, containerPort: 81, protocol: SCTP}]",
            );
        }
    }
    cluster
}
