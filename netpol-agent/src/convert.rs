//! Domain types into the API's messages: the one place where both are known.

mod computed;

use std::time::{Duration, SystemTime};

use netpol_api::v1;
use netpol_policy::verdict as policy;

pub(crate) use computed::{decision, index};

use crate::flow::{
    Agreement, Component, Counters, Drop, DropClass, Endpoint, Flow, Identity, Lost, NodeReply,
    Observed, ObservedVerdict, ServiceAddress, Stage, State, Vantage,
};

/// What a conversion needs to know beside the value itself.
#[derive(Clone, Debug)]
pub struct Converter {
    /// Name of this node.
    pub node: String,
    /// Distinguishes this run's flow ids from those of earlier ones.
    pub run: String,
}

impl Converter {
    /// A flow as the API shows it.
    #[must_use]
    pub fn flow(&self, flow: &Flow) -> v1::Flow {
        v1::Flow {
            id: format!("{}-{:x}", self.run, flow.id.0),
            revision: flow.revision,
            first_seen: Some(timestamp(flow.first_seen)),
            last_seen: Some(timestamp(flow.last_seen)),
            node: self.node.clone(),
            protocol: protocol(flow.protocol).into(),
            ip_protocol: flow.protocol.into(),
            source: Some(endpoint(&flow.source)),
            destination: Some(endpoint(&flow.destination)),
            service: flow.service.as_ref().map(service),
            direction_inferred: flow.direction_inferred,
            mid_stream: flow.mid_stream,
            icmp: flow.icmp.map(|(kind, code)| v1::IcmpMessage {
                r#type: kind.into(),
                code: code.into(),
            }),
            vantages: flow.vantages.iter().map(vantage).collect(),
            forward: Some(counters(flow.forward)),
            reply: Some(counters(flow.reply)),
            state: state(flow.state).into(),
            observed: Some(observed(flow)),
            computed: Some(computed::computed(&flow.computed)),
            agreement: agreement(flow.agreement).into(),
            summary: flow.summary.clone(),
        }
    }

    /// A loss as the API shows it.
    #[must_use]
    pub fn lost(&self, lost: &Lost) -> v1::Lost {
        let stage = match lost.stage {
            Stage::Kernel => v1::lost::Stage::Kernel,
            Stage::Pipeline => v1::lost::Stage::Pipeline,
            Stage::Subscriber => v1::lost::Stage::Subscriber,
            Stage::History => v1::lost::Stage::History,
        };
        v1::Lost {
            stage: stage.into(),
            reason: lost.reason.to_owned(),
            count: lost.count,
            time: Some(timestamp(lost.time)),
            node: self.node.clone(),
        }
    }
}

/// Wall-clock time as the API writes it.
#[must_use]
pub fn timestamp(time: SystemTime) -> prost_types::Timestamp {
    time.into()
}

fn duration(duration: Duration) -> prost_types::Duration {
    // Fails above 292 billion years only.
    duration.try_into().unwrap_or_default()
}

/// The protocol as the API names it.
pub(crate) fn protocol(number: u8) -> v1::Protocol {
    match number {
        6 => v1::Protocol::Tcp,
        17 => v1::Protocol::Udp,
        132 => v1::Protocol::Sctp,
        1 => v1::Protocol::Icmp,
        58 => v1::Protocol::Icmpv6,
        _ => v1::Protocol::Other,
    }
}

fn endpoint(end: &Endpoint) -> v1::Endpoint {
    use v1::endpoint::Kind;
    let mut message = v1::Endpoint {
        address: end.address.to_string(),
        port: end.port.into(),
        ..v1::Endpoint::default()
    };
    match &end.identity {
        Identity::Pod { pod, workload, age } => {
            message.set_kind(Kind::Pod);
            message.namespace = pod.namespace.to_string();
            message.pod = pod.name.to_string();
            message.pod_uid = pod.uid.to_string();
            message.workload = workload.as_ref().map(|workload| v1::Workload {
                kind: workload.kind.to_string(),
                name: workload.name.to_string(),
            });
            message.labels = pod
                .labels
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect();
            message.node = pod.node.as_deref().unwrap_or_default().to_owned();
            message.pod_age = age.map(duration);
            message.host_network = pod.host_network;
        }
        Identity::Node { node } => {
            message.set_kind(Kind::Node);
            message.node = node.name.to_string();
        }
        Identity::Service { service } => {
            message.set_kind(Kind::Service);
            message.namespace = service.namespace.to_string();
        }
        Identity::World => message.set_kind(Kind::World),
        Identity::Unknown => message.set_kind(Kind::Unknown),
    }
    message.set_component(match end.component {
        Some(Component::ApiServer) => v1::endpoint::Component::ApiServer,
        Some(Component::Kubelet) => v1::endpoint::Component::Kubelet,
        None => v1::endpoint::Component::Unspecified,
    });
    message
}

fn service(service: &ServiceAddress) -> v1::ServiceAddress {
    let (namespace, name) = service
        .service
        .as_ref()
        .map(|service| (service.namespace.to_string(), service.name.to_string()))
        .unwrap_or_default();
    v1::ServiceAddress {
        namespace,
        name,
        address: service.address.to_string(),
        port: service.port.into(),
    }
}

fn vantage(vantage: &Vantage) -> v1::Vantage {
    v1::Vantage {
        interface: vantage.interface.to_string(),
        ifindex: vantage.ifindex,
        direction: direction(vantage.direction).into(),
        forward: Some(counters(vantage.forward)),
        reply: Some(counters(vantage.reply)),
        node: String::new(),
    }
}

fn counters(counters: Counters) -> v1::Counters {
    v1::Counters {
        packets: counters.packets,
        bytes: counters.bytes,
        tcp_flags: counters.tcp_flags.into(),
    }
}

fn state(state: State) -> v1::flow::State {
    match state {
        State::New => v1::flow::State::New,
        State::Established => v1::flow::State::Established,
        State::Ended => v1::flow::State::Ended,
    }
}

pub(crate) fn direction(direction: policy::Direction) -> v1::Direction {
    match direction {
        policy::Direction::Ingress => v1::Direction::Ingress,
        policy::Direction::Egress => v1::Direction::Egress,
    }
}

fn observed(flow: &Flow) -> v1::Observed {
    use v1::observed::Verdict;
    let Observed {
        verdict,
        delivered,
        reply_seen,
        refused_by_peer,
        node_reply,
        drop,
    } = &flow.observed;
    let verdict = match verdict {
        ObservedVerdict::Forwarded => Verdict::Forwarded,
        ObservedVerdict::Dropped => Verdict::Dropped,
        ObservedVerdict::Rejected => Verdict::Rejected,
        ObservedVerdict::Unanswered => Verdict::Unanswered,
        ObservedVerdict::Unknown => Verdict::Unknown,
    };
    let node_reply = match node_reply {
        None => "",
        Some(NodeReply::TcpReset) => "tcp-rst",
        Some(NodeReply::IcmpUnreachable) => "icmp-unreachable",
    };
    v1::Observed {
        verdict: verdict.into(),
        evidence: Some(v1::Evidence {
            delivered: *delivered,
            reply_seen: *reply_seen,
            refused_by_peer: *refused_by_peer,
            node_reply: node_reply.to_owned(),
            drop: drop.as_ref().map(drop_message),
        }),
    }
}

fn drop_message(drop: &Drop) -> v1::Drop {
    use v1::drop::Class;
    let class = match drop.class {
        DropClass::Firewall => Class::Firewall,
        DropClass::ConntrackInvalid => Class::ConntrackInvalid,
        DropClass::NoEndpoints => Class::NoEndpoints,
        DropClass::Routing => Class::Routing,
        DropClass::Neighbour => Class::Neighbour,
        DropClass::NoSocket => Class::NoSocket,
        DropClass::Malformed => Class::Malformed,
        DropClass::Resources => Class::Resources,
        DropClass::Other => Class::Other,
    };
    v1::Drop {
        reason: drop.reason.to_string(),
        location: drop.location.to_string(),
        class: class.into(),
        interface: drop.interface.to_string(),
        input_interface: drop.input_interface.to_string(),
        packets: drop.packets,
        bytes: drop.bytes,
        netns: drop.netns.into(),
        in_node_netns: drop.in_node_netns,
        node: String::new(),
    }
}

pub(crate) fn agreement(agreement: Agreement) -> v1::Agreement {
    match agreement {
        Agreement::Undetermined => v1::Agreement::Undetermined,
        Agreement::Agree => v1::Agreement::Agree,
        Agreement::DeniedButForwarded => v1::Agreement::DeniedButForwarded,
        Agreement::AllowedButDropped => v1::Agreement::AllowedButDropped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::flow;

    #[test]
    fn a_flow_keeps_its_facts() {
        let converter = Converter {
            node: "node-a".into(),
            run: "r1".into(),
        };
        let message = converter.flow(&flow(255));
        assert_eq!(message.id, "r1-ff");
        assert_eq!(message.node, "node-a");
        assert_eq!(message.protocol(), v1::Protocol::Tcp);
        let source = message.source.unwrap();
        assert_eq!((source.address.as_str(), source.port), ("192.0.2.1", 40000));
        assert_eq!(source.kind(), v1::endpoint::Kind::World);
        assert_eq!(
            message.observed.unwrap().verdict(),
            v1::observed::Verdict::Forwarded
        );
        assert_eq!(
            message.computed.unwrap().verdict(),
            v1::computed::Verdict::Allowed
        );
    }
}
