//! Who the two ends of a connection are, and with which address they take part.

use std::net::IpAddr;

use serde_json::Value;

use super::address::is_within;
use super::{World, items, name, namespace, text};

/// One end.
#[derive(Debug)]
pub(super) struct End<'a> {
    pub(super) who: Who<'a>,
    /// None for a pod that has none: pending, or finished (rule 24).
    pub(super) address: Option<IpAddr>,
}

#[derive(Debug)]
pub(super) enum Who<'a> {
    /// A pod of the pod network.
    Pod(&'a Value),
    /// The node of this name, or a hostNetwork pod on it (rule 21).
    Node(&'a str),
    /// A Service's address: its backend was not seen.
    Service,
    /// Outside of the cluster.
    Outside,
    /// An address of the pod network that no pod has, or several claim.
    Unknown,
}

/// Both ends. Of several addresses the first of the source that has its like at the destination, and there the first of
/// that IP version; where there is none, each one's first.
pub(super) fn pair<'a>(world: &'a World, from: &str, to: &str) -> (End<'a>, End<'a>) {
    let (source, sources) = end(world, from);
    let (destination, destinations) = end(world, to);
    let mut pairs = sources.iter().flat_map(|one| {
        let alike = destinations
            .iter()
            .filter(move |other| other.is_ipv4() == one.is_ipv4());
        alike.map(move |other| (Some(*one), Some(*other)))
    });
    let apart = (sources.first().copied(), destinations.first().copied());
    let (one, other) = pairs.next().unwrap_or(apart);
    (
        End {
            who: source,
            address: one,
        },
        End {
            who: destination,
            address: other,
        },
    )
}

/// Who it is, and the addresses to choose from.
fn end<'a>(world: &'a World, written: &str) -> (Who<'a>, Vec<IpAddr>) {
    if let Ok(address) = written.parse::<IpAddr>() {
        let address = address.to_canonical();
        return (at(world, address), vec![address]);
    }
    if let Some(wanted) = written.strip_prefix("node/") {
        let node = world.of_kind("Node").find(|node| name(node) == wanted);
        let node = node.unwrap_or_else(|| panic!("no node {wanted}"));
        return (Who::Node(name(node)), node_addresses(node));
    }
    let (space, wanted) = written.split_once('/').unwrap();
    let pod = world
        .of_kind("Pod")
        .find(|pod| namespace(pod) == space && name(pod) == wanted);
    let pod = pod.unwrap_or_else(|| panic!("no pod {written}"));
    let addresses = if is_finished(pod) {
        Vec::new()
    } else {
        pod_addresses(pod)
    };
    if pod["spec"]["hostNetwork"] == true {
        return (Who::Node(text(&pod["spec"]["nodeName"])), addresses);
    }
    (Who::Pod(pod), addresses)
}

fn at(world: &World, address: IpAddr) -> Who<'_> {
    let holders: Vec<&Value> = world
        .of_kind("Pod")
        .filter(|pod| {
            pod["spec"]["hostNetwork"] != true
                && !is_finished(pod)
                && pod_addresses(pod).contains(&address)
        })
        .collect();
    match holders.as_slice() {
        [] => {}
        [pod] => return Who::Pod(pod),
        // Who of them has it is not known.
        _ => return Who::Unknown,
    }
    let node = world
        .of_kind("Node")
        .find(|node| node_addresses(node).contains(&address));
    if let Some(node) = node {
        return Who::Node(name(node));
    }
    if world
        .of_kind("Service")
        .any(|service| service_addresses(service).contains(&address))
    {
        return Who::Service;
    }
    let of_pods = world
        .of_kind("Node")
        .flat_map(pod_cidrs)
        .any(|cidr| is_within(address, cidr));
    if of_pods { Who::Unknown } else { Who::Outside }
}

fn is_finished(pod: &Value) -> bool {
    matches!(text(&pod["status"]["phase"]), "Succeeded" | "Failed")
}

fn parsed<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<IpAddr> {
    texts
        .filter_map(|text| Some(text.parse::<IpAddr>().ok()?.to_canonical()))
        .collect()
}

fn pod_addresses(pod: &Value) -> Vec<IpAddr> {
    match items(&pod["status"]["podIPs"]) {
        [] => parsed([text(&pod["status"]["podIP"])].into_iter()),
        listed => parsed(listed.iter().map(|one| text(&one["ip"]))),
    }
}

/// A host name in the list is no address.
pub(super) fn node_addresses(node: &Value) -> Vec<IpAddr> {
    let listed = items(&node["status"]["addresses"]).iter();
    parsed(listed.map(|one| text(&one["address"])))
}

fn service_addresses(service: &Value) -> Vec<IpAddr> {
    let spec = &service["spec"];
    let listed = items(&spec["clusterIPs"])
        .iter()
        .chain(items(&spec["externalIPs"]))
        .chain([&spec["clusterIP"]])
        .map(text);
    let balancer = items(&service["status"]["loadBalancer"]["ingress"]);
    parsed(listed.chain(balancer.iter().map(|one| text(&one["ip"]))))
}

fn pod_cidrs(node: &Value) -> Vec<&str> {
    match items(&node["spec"]["podCIDRs"]) {
        [] => node["spec"]["podCIDR"].as_str().into_iter().collect(),
        listed => listed.iter().map(text).collect(),
    }
}
