//! Builders for tests.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use netpol_policy::model::{Labels, Phase, Pod, Workload};
use netpol_policy::verdict::{DecidedBy, Decision, DirectionVerdict, Verdict};

use crate::flow::{
    Agreement, Computed, Counters, Drop, DropClass, Endpoint, Flow, FlowId, Identity, Observed,
    ObservedVerdict, State,
};

/// An unremarkable forwarded flow.
pub(crate) fn flow(id: u64) -> Flow {
    let end = |address: &str, port| Endpoint {
        address: address.parse::<IpAddr>().unwrap(),
        port,
        identity: Identity::World,
        component: None,
    };
    Flow {
        id: FlowId(id),
        revision: 1,
        first_seen: UNIX_EPOCH,
        last_seen: UNIX_EPOCH,
        protocol: 6,
        source: end("192.0.2.1", 40000),
        destination: end("192.0.2.2", 80),
        service: None,
        direction_inferred: false,
        mid_stream: false,
        icmp: None,
        vantages: Vec::new(),
        forward: Counters::default(),
        reply: Counters::default(),
        state: State::New,
        observed: Observed {
            verdict: ObservedVerdict::Forwarded,
            delivered: true,
            reply_seen: false,
            refused_by_peer: false,
            node_reply: None,
            drop: None,
        },
        computed: Arc::new(Computed {
            verdict: Arc::new(allowed()),
            generation: 1,
            not_evaluated: 0,
            changed_before: None,
            policy_ages: Vec::new(),
        }),
        agreement: Agreement::Agree,
        summary: String::new(),
        previous: None,
    }
}

/// Allowed both ways by default.
pub(crate) fn allowed() -> Verdict {
    let direction = DirectionVerdict {
        decision: Decision::Allowed,
        decided_by: DecidedBy::Default,
        allowed_by: Vec::new(),
        denied_by: Vec::new(),
        path: Vec::new(),
    };
    Verdict {
        egress: direction.clone(),
        ingress: direction,
        caveats: Vec::new(),
    }
}

/// A drop in the node's namespace.
pub(crate) fn drop_of(class: DropClass) -> Drop {
    Drop {
        reason: "REASON".into(),
        location: "function".into(),
        class,
        of_reply: false,
        ifindex: 1,
        interface: Arc::from("veth1"),
        input_ifindex: 1,
        input_interface: Arc::from("veth1"),
        packets: 1,
        bytes: 60,
        netns: 1,
        in_node_netns: true,
    }
}

/// A pod without anything special.
pub(crate) fn pod(namespace: &str, name: &str) -> Arc<Pod> {
    Arc::new(Pod {
        uid: "".into(),
        namespace: namespace.into(),
        name: name.into(),
        labels: Labels::default(),
        phase: Phase::Running,
        addresses: Vec::new(),
        node: None,
        host_network: false,
        ports: Vec::new(),
        controller: None,
        workload: None,
        started: None,
    })
}

/// A pod of a workload, as an end.
pub(crate) fn pod_of(namespace: &str, name: &str, (kind, workload): (&str, &str)) -> Identity {
    Identity::Pod {
        pod: pod(namespace, name),
        workload: Some(Workload {
            kind: kind.into(),
            name: workload.into(),
        }),
        age: None,
    }
}
