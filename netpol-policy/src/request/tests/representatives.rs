//! Those who are asked about say what all would say.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::{Decision, Inventory, Request, Verdict, combine, evaluate, manifest};
use crate::model::Protocol;
use crate::request::PortRef;

const NODES: u8 = 3;

/// One pod of a workload.
#[derive(Clone, Debug)]
struct Pod {
    /// `NODES`: on none that is known.
    node: u8,
    label: u8,
}

#[derive(Clone, Debug)]
struct Policy {
    subject: Option<u8>,
    is_ingress: bool,
    peer: Option<u8>,
    /// Last part of an address, and length of the block.
    block: Option<(u8, u8)>,
    port: Option<u8>,
}

#[derive(Clone, Debug)]
struct World {
    /// Whether the pods of a workload share their nodes' addresses, and the pods.
    workloads: [(bool, Vec<Pod>); 2],
    policies: Vec<Policy>,
    /// Of a rule of the Admin tier that denies egress to nodes with this label.
    denied_node: Option<u8>,
}

fn world() -> impl Strategy<Value = World> {
    let pod = (0..=NODES, 0..2_u8).prop_map(|(node, label)| Pod { node, label });
    let workload = || {
        (
            prop::bool::weighted(0.2),
            prop::collection::vec(pod.clone(), 1..5),
        )
    };
    let one_of = |count: u8| prop::option::of(0..count);
    let policy = (
        one_of(2),
        any::<bool>(),
        one_of(2),
        prop::option::weighted(0.3, (0..8_u8, 29..=32_u8)),
        one_of(2),
    )
        .prop_map(|(subject, is_ingress, peer, block, port)| Policy {
            subject,
            is_ingress,
            peer,
            block,
            port,
        });
    (
        [workload(), workload()],
        prop::collection::vec(policy, 0..4),
        prop::option::weighted(0.3, 0..2_u8),
    )
        .prop_map(|(workloads, policies, denied_node)| World {
            workloads,
            policies,
            denied_node,
        })
}

impl World {
    fn text(&self) -> String {
        let mut text = String::new();
        for node in 0..NODES {
            let _ = write!(
                text,
                "{{apiVersion: v1, kind: Node, metadata: {{name: n{node}, labels: {{label: l{}}}}}, \
                 status: {{addresses: [{{type: InternalIP, address: 192.168.0.{node}}}]}}}}\n---\n",
                node % 2
            );
        }
        for (workload, (is_host, pods)) in self.workloads.iter().enumerate() {
            for (index, Pod { node, label }) in pods.iter().enumerate() {
                // Four of each workload lie in a block of 29 bits.
                let address = match is_host {
                    true => format!("192.168.0.{node}"),
                    false => format!("10.0.0.{}", workload * 4 + index),
                };
                let _ = write!(
                    text,
                    "{{apiVersion: v1, kind: Pod, metadata: {{name: w{workload}-{index}, namespace: prod, \
                     labels: {{label: l{label}}}, ownerReferences: [{{apiVersion: apps/v1, kind: DaemonSet, \
                     name: w{workload}, uid: u, controller: true}}]}}, \
                     spec: {{nodeName: n{node}, hostNetwork: {is_host}, containers: []}}, \
                     status: {{podIPs: [{{ip: {address}}}]}}}}\n---\n"
                );
            }
        }
        for (index, policy) in self.policies.iter().enumerate() {
            let select = |label: Option<u8>| match label {
                Some(label) => format!("{{matchLabels: {{label: l{label}}}}}"),
                None => "{}".to_owned(),
            };
            let (kind, field, peers) = match policy.is_ingress {
                true => ("Ingress", "ingress", "from"),
                false => ("Egress", "egress", "to"),
            };
            let peer = match policy.block {
                Some((last, length)) => format!("ipBlock: {{cidr: 10.0.0.{last}/{length}}}"),
                None => format!("podSelector: {}", select(policy.peer)),
            };
            let ports = policy
                .port
                .map_or(String::new(), |port| format!("port: {}", port + 1));
            let _ = write!(
                text,
                "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p{index}, namespace: prod}}, \
                 spec: {{podSelector: {}, policyTypes: [{kind}], {field}: [{{{peers}: [{{{peer}}}], ports: [{{{ports}}}]}}]}}}}\n---\n",
                select(policy.subject)
            );
        }
        if let Some(label) = self.denied_node {
            let _ = writeln!(
                text,
                "{{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {{name: nodes}}, \
                 spec: {{tier: Admin, priority: 1, subject: {{namespaces: {{}}}}, \
                 egress: [{{action: Deny, to: [{{nodes: {{matchLabels: {{label: l{label}}}}}}}]}}]}}}}"
            );
        }
        text
    }

    fn pods(&self, workload: usize) -> impl Iterator<Item = String> {
        let count = self.workloads[workload].1.len();
        (0..count).map(move |index| format!("prod/w{workload}-{index}"))
    }
}

fn ask(inventory: &Inventory, from: &str, to: &str) -> Vec<Verdict> {
    let request = Request {
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        protocol: Protocol::Tcp,
        port: Some(PortRef::Number(1)),
    };
    let connections = request.connections(inventory).unwrap();
    connections
        .iter()
        .map(|one| evaluate(inventory, one))
        .collect()
}

proptest! {
    #[test]
    fn a_workload_gets_the_answer_that_all_its_pods_get(world in world(), to in 0..2_usize) {
        let read = manifest::parse(&world.text());
        prop_assert_eq!(&read.errors, &[]);
        let inventory = Inventory::new(read.objects);
        let target = format!("prod/w{to}[DaemonSet]");
        let asked = combine(ask(&inventory, "prod/w0[DaemonSet]", &target));
        let mut all = Vec::new();
        for from in world.pods(0) {
            let others = world.pods(to).filter(|to| *to != from);
            all.extend(others.flat_map(|to| ask(&inventory, &from, &to)));
        }
        if all.is_empty() {
            // It has one pod, and that is asked about itself.
            prop_assert_eq!(asked.decision(), Decision::Allowed);
        } else {
            let whole = combine(all.iter().cloned());
            prop_assert_eq!(asked.decision(), whole.decision());
            let is_decided_alike = all.iter().all(|one| one.decision() == whole.decision());
            for side in [|one: &Verdict| one.egress.decision, |one: &Verdict| one.ingress.decision] {
                if is_decided_alike {
                    // One of them speaks for all; which one depends on their order.
                    prop_assert!(all.iter().any(|one| side(one) == side(&asked)));
                } else {
                    prop_assert_eq!(side(&asked), side(&whole));
                }
            }
            prop_assert_eq!(asked.caveats, whole.caveats);
        }
    }
}
