//! The rules once more, read off the JSON of the policies as docs/policy-semantics.md words them.

use std::net::IpAddr;

use netpol_policy::connection::{Connection, End};
use netpol_policy::model::{Pod, Protocol};
use serde_json::Value;

/// Whether egress and ingress are allowed, policies being those of namespace `prod`.
pub(crate) fn allows(specs: &[Value], connection: &Connection) -> (bool, bool) {
    let (source, destination) = (&connection.source, &connection.destination);
    (
        direction(specs, connection, source, destination, "Egress"),
        direction(specs, connection, destination, source, "Ingress"),
    )
}

fn pod(end: &End) -> Option<&Pod> {
    match end {
        End::Pod { pod, .. } => Some(pod),
        _ => None,
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn direction(
    specs: &[Value],
    connection: &Connection,
    subject: &End,
    other: &End,
    way: &str,
) -> bool {
    let (rules, peers) = if way == "Egress" {
        ("egress", "to")
    } else {
        ("ingress", "from")
    };
    let Some(subject) = pod(subject) else {
        return true;
    };
    // Rule 19.
    if pod(other).is_some_and(|other| other.name == subject.name) {
        return true;
    }
    let isolating: Vec<&Value> = specs
        .iter()
        .filter(|spec| {
            // Rules 2, 4, 7.
            let types = items(&spec["policyTypes"]);
            let lists = match types {
                [] => way == "Ingress" || !items(&spec["egress"]).is_empty(),
                types => types.iter().any(|one| one == way),
            };
            lists
                && &*subject.namespace == "prod"
                && selects(&spec["podSelector"], pod_label(subject))
        })
        .collect();
    isolating.is_empty()
        || isolating.iter().any(|spec| {
            items(&spec[rules]).iter().any(|rule| {
                let (peers, ports) = (items(&rule[peers]), items(&rule["ports"]));
                (peers.is_empty() || peers.iter().any(|one| includes(one, other)))
                    && (ports.is_empty() || ports.iter().any(|one| opens(one, connection)))
            })
        })
}

fn pod_label(pod: &Pod) -> impl Fn(&str) -> Option<String> {
    |key| pod.labels.get(key).map(str::to_owned)
}

/// The labels of the world's namespaces (rule 11).
fn namespace_label(namespace: &str) -> impl Fn(&str) -> Option<String> {
    let team = if namespace == "ci" { "build" } else { "" };
    move |key| match key {
        "kubernetes.io/metadata.name" => Some(namespace.to_owned()),
        "team" if !team.is_empty() => Some(team.to_owned()),
        _ => None,
    }
}

fn selects(selector: &Value, label: impl Fn(&str) -> Option<String>) -> bool {
    let is = |value: &Value, found: &Option<String>| found.as_deref() == value.as_str();
    let labels = selector["matchLabels"].as_object();
    labels.is_none_or(|all| all.iter().all(|(key, value)| is(value, &label(key))))
        && items(&selector["matchExpressions"])
            .iter()
            .all(|expression| {
                let found = label(expression["key"].as_str().unwrap());
                let listed = items(&expression["values"])
                    .iter()
                    .any(|value| is(value, &found));
                match expression["operator"].as_str().unwrap() {
                    "In" => listed,
                    "NotIn" => !listed,
                    "Exists" => found.is_some(),
                    _ => found.is_none(),
                }
            })
}

fn includes(peer: &Value, end: &End) -> bool {
    if let Some(cidr) = peer["ipBlock"]["cidr"].as_str() {
        let excepted = items(&peer["ipBlock"]["except"]);
        return within(cidr, end.address().unwrap())
            && !excepted
                .iter()
                .any(|block| within(block.as_str().unwrap(), end.address().unwrap()));
    }
    let Some(pod) = pod(end) else {
        return false;
    };
    // Rule 8.
    let in_namespace = match &peer["namespaceSelector"] {
        Value::Null => &*pod.namespace == "prod",
        selector => selects(selector, namespace_label(&pod.namespace)),
    };
    in_namespace && selects(&peer["podSelector"], pod_label(pod))
}

/// Bit by bit.
fn within(cidr: &str, address: IpAddr) -> bool {
    let (network, length) = cidr.split_once('/').unwrap();
    let bits = |address: IpAddr| -> String {
        match address {
            IpAddr::V4(address) => format!("{:032b}", u32::from(address)),
            IpAddr::V6(address) => format!("{:0128b}", u128::from(address)),
        }
    };
    let (network, address) = (bits(network.parse().unwrap()), bits(address));
    network.len() == address.len() && address.starts_with(&network[..length.parse().unwrap()])
}

fn opens(entry: &Value, connection: &Connection) -> bool {
    let protocol = match entry["protocol"].as_str().unwrap_or("TCP") {
        "TCP" => Protocol::Tcp,
        "UDP" => Protocol::Udp,
        _ => Protocol::Sctp,
    };
    let port = u64::from(connection.destination_port.unwrap());
    protocol == connection.protocol
        && match &entry["port"] {
            Value::Null => true,
            Value::String(name) => pod(&connection.destination).is_some_and(|pod| {
                let named = |one: &&netpol_policy::model::NamedPort| {
                    *one.name == **name && one.protocol == protocol
                };
                pod.ports
                    .iter()
                    .filter(named)
                    .any(|one| u64::from(one.port) == port)
            }),
            first => {
                let first = first.as_u64().unwrap();
                (first..=entry["endPort"].as_u64().unwrap_or(first)).contains(&port)
            }
        }
}
