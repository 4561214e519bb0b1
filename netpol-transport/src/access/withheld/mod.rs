//! What of a flow is left out for whom.
//!
//! Everything here makes messages anew, field by field: a field that the contract gets later does not compile here until
//! somebody has decided whether it names anything.

mod sentence;
#[cfg(test)]
mod tests;
mod verdict;

use netpol_api::v1;
use netpol_api::v1::endpoint::Kind;

/// The caveats that come from the packets alone. Others tell what an end is, or what a policy says.
const CAVEATS_OF_PACKETS: [&str; 4] = [
    "protocol-undefined",
    "backend-unknown",
    "port-unknown",
    "address-translated",
];

/// The flow as somebody may see it who may read the flows of the namespaces for which `readable` is true; `None` where
/// neither end is a pod of such a namespace.
///
/// Of an end in another namespace remain address, port and kind, and of the policies of that end the verdict alone. With
/// it goes what would tell of it in other places: its interface, the name of a Service, the rule that nearly matched it,
/// caveats, and the summary, which is written anew.
#[must_use]
pub fn withhold(flow: v1::Flow, readable: impl Fn(&str) -> bool) -> Option<v1::Flow> {
    let shown = |end: &Option<v1::Endpoint>| {
        let end = end.as_ref();
        end.is_some_and(|end| end.kind() == Kind::Pod && readable(&end.namespace))
    };
    if !shown(&flow.source) && !shown(&flow.destination) {
        return None;
    }
    let hidden = |end: &Option<v1::Endpoint>| end.as_ref().is_some_and(|end| hides(end, &readable));
    let ends = Ends {
        source: hidden(&flow.source),
        destination: hidden(&flow.destination),
    };
    let service = flow.service.as_ref();
    let service_hidden = service.is_some_and(|service| {
        let named = !service.namespace.is_empty() || !service.name.is_empty();
        named && !readable(&service.namespace)
    });
    if ends == Ends::default() && !service_hidden && !verdict::names(&flow, &readable) {
        return Some(flow);
    }
    Some(without(flow, ends, service_hidden, &readable))
}

/// Which ends are withheld.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ends {
    source: bool,
    destination: bool,
}

impl Ends {
    /// Whether the end is, whose policies apply in this direction and whose interface is seen from.
    fn of(self, direction: v1::Direction) -> bool {
        match direction {
            v1::Direction::Egress => self.source,
            v1::Direction::Ingress => self.destination,
            v1::Direction::Unspecified => self.source || self.destination,
        }
    }

    /// Whether the end at the other side of it is.
    fn opposite(self, direction: v1::Direction) -> bool {
        match direction {
            v1::Direction::Egress => self.destination,
            v1::Direction::Ingress => self.source,
            v1::Direction::Unspecified => self.source || self.destination,
        }
    }
}

fn hides(end: &v1::Endpoint, readable: impl Fn(&str) -> bool) -> bool {
    match end.kind() {
        Kind::Pod | Kind::Service => !readable(&end.namespace),
        // In no namespace, and so of none that could be read.
        Kind::Unspecified | Kind::Node | Kind::World | Kind::Unknown => {
            !end.namespace.is_empty() && !readable(&end.namespace)
        }
    }
}

fn without(
    flow: v1::Flow,
    ends: Ends,
    service_hidden: bool,
    readable: impl Fn(&str) -> bool,
) -> v1::Flow {
    let v1::Flow {
        id,
        revision,
        first_seen,
        last_seen,
        node,
        protocol,
        ip_protocol,
        source,
        destination,
        service,
        direction_inferred,
        mid_stream,
        icmp,
        vantages,
        forward,
        reply,
        state,
        observed,
        computed,
        agreement,
        summary: _,
    } = flow;
    let interfaces = vantages.iter().filter(|seen| !ends.of(seen.direction()));
    let interfaces = interfaces.map(|seen| (seen.node.clone(), seen.interface.clone()));
    let interfaces: Vec<_> = interfaces.collect();
    let mut shown = v1::Flow {
        id,
        revision,
        first_seen,
        last_seen,
        node,
        protocol,
        ip_protocol,
        source: source.map(|end| if ends.source { address_of(end) } else { end }),
        destination: destination.map(|end| {
            if ends.destination {
                address_of(end)
            } else {
                end
            }
        }),
        service: service.map(|service| {
            if service_hidden {
                dialled(service)
            } else {
                service
            }
        }),
        direction_inferred,
        mid_stream,
        icmp,
        vantages: vantages
            .into_iter()
            .map(|seen| {
                if ends.of(seen.direction()) {
                    counted(seen)
                } else {
                    seen
                }
            })
            .collect(),
        forward,
        reply,
        state,
        observed: observed.map(|observed| self::observed(observed, &interfaces)),
        computed: computed.map(|computed| verdict::computed(computed, ends, readable)),
        agreement,
        summary: String::new(),
    };
    shown.summary = sentence::of(&shown);
    shown
}

fn address_of(end: v1::Endpoint) -> v1::Endpoint {
    let v1::Endpoint {
        address,
        port,
        kind,
        namespace: _,
        pod: _,
        pod_uid: _,
        workload: _,
        labels: _,
        node: _,
        pod_age: _,
        host_network: _,
        withheld: _,
        component: _,
    } = end;
    v1::Endpoint {
        address,
        port,
        kind,
        withheld: true,
        ..v1::Endpoint::default()
    }
}

fn dialled(service: v1::ServiceAddress) -> v1::ServiceAddress {
    let v1::ServiceAddress {
        namespace: _,
        name: _,
        address,
        port,
    } = service;
    v1::ServiceAddress {
        address,
        port,
        ..v1::ServiceAddress::default()
    }
}

/// Without the interface: some network plugins make its name from those of namespace and pod.
fn counted(seen: v1::Vantage) -> v1::Vantage {
    let v1::Vantage {
        interface: _,
        ifindex: _,
        direction,
        forward,
        reply,
        node,
    } = seen;
    v1::Vantage {
        direction,
        forward,
        reply,
        node,
        ..v1::Vantage::default()
    }
}

/// `interfaces`: node and name of those that may be named.
fn observed(observed: v1::Observed, interfaces: &[(String, String)]) -> v1::Observed {
    let v1::Observed { verdict, evidence } = observed;
    let evidence = evidence.map(|evidence| {
        let v1::Evidence {
            delivered,
            reply_seen,
            refused_by_peer,
            node_reply,
            drop,
        } = evidence;
        v1::Evidence {
            delivered,
            reply_seen,
            refused_by_peer,
            node_reply,
            drop: drop.map(|drop| self::drop(drop, interfaces)),
        }
    });
    v1::Observed { verdict, evidence }
}

fn drop(drop: v1::Drop, interfaces: &[(String, String)]) -> v1::Drop {
    let v1::Drop {
        reason,
        location,
        class,
        interface,
        input_interface,
        packets,
        bytes,
        netns,
        in_node_netns,
        node,
    } = drop;
    let named = |name: String| {
        let known = interfaces.iter();
        let mut known = known.filter(|(at, _)| *at == node);
        if known.any(|(_, known)| *known == name) {
            name
        } else {
            String::new()
        }
    };
    v1::Drop {
        reason,
        location,
        class,
        interface: named(interface),
        input_interface: named(input_interface),
        packets,
        bytes,
        netns: if in_node_netns { netns } else { 0 },
        in_node_netns,
        node,
    }
}
