//! Flows that policy stopped, for tests.

use std::sync::Arc;

use netpol_policy::model::Pod;
use netpol_policy::verdict::{Decision, Denial, DenyReason, PolicyKind, PolicyRef};

use crate::flow::{DropClass, Endpoint, Flow, Identity, ObservedVerdict};
use crate::testing::{allowed, drop_of, flow, pod_of};

/// The node of both pods.
pub(super) const NODE: &str = "node-a";

/// From `ci/build` to `data/db`, dropped since `data/db` isolates it.
pub(super) fn blocked_flow(id: u64) -> Flow {
    let mut flow = flow(id);
    for (end, address, namespace, name) in [
        (&mut flow.source, "10.1.0.1", "ci", "build"),
        (&mut flow.destination, "10.1.0.2", "data", "db"),
    ] {
        end.address = address.parse().unwrap();
        end.identity = pod_of(namespace, name, ("Deployment", name));
        on(end, NODE);
    }
    flow.destination.port = 5432;
    flow.observed.verdict = ObservedVerdict::Dropped;
    flow.observed.drop = Some(drop_of(DropClass::Firewall));
    denied(&mut flow, [false, true]);
    flow.summary = "data/db: no ingress rule admits ci/build".into();
    flow
}

/// Puts a pod on a node.
pub(super) fn on(end: &mut Endpoint, node: &str) {
    if let Identity::Pod { pod, .. } = &mut end.identity {
        let mut moved = Pod::clone(pod);
        moved.node = Some(node.into());
        *pod = Arc::new(moved);
    }
}

/// Denies egress, ingress, both or none.
pub(super) fn denied(flow: &mut Flow, [egress, ingress]: [bool; 2]) {
    let mut verdict = allowed();
    let directions = [
        (&mut verdict.egress, egress, "ci", "build"),
        (&mut verdict.ingress, ingress, "data", "db"),
    ];
    for (direction, is_denied, namespace, name) in directions {
        if is_denied {
            direction.decision = Decision::Denied;
            direction.denied_by = vec![Denial {
                policy: PolicyRef {
                    kind: PolicyKind::NetworkPolicy,
                    namespace: namespace.into(),
                    name: name.into(),
                    uid: "".into(),
                    generation: 1,
                },
                reason: DenyReason::PeerNotSelected,
                rules: Vec::new(),
                nearest: None,
            }];
        }
    }
    Arc::make_mut(&mut flow.computed).verdict = Arc::new(verdict);
}
