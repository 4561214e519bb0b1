//! Questions that hit what a world mentions: all of its ends, the borders of its blocks and of its port ranges.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

/// Who asks for whom; ends as the oracle takes them.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) protocol: &'static str,
    /// A number, a name that the destination has, or null.
    pub(crate) port: Value,
}

impl Request {
    /// How many of its ends are addresses, which can be asked about in any world.
    pub(crate) fn addresses(&self) -> usize {
        let ends = [&self.from, &self.to];
        ends.into_iter().filter(|end| !end.contains('/')).count()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            from,
            to,
            protocol,
            port,
        } = self;
        write!(out, "{from} to {to} {protocol} {port}")
    }
}

/// What a world offers to ask about.
pub(super) struct Offer {
    named: Vec<String>,
    addresses: Vec<String>,
    ports: Vec<Value>,
}

/// Choices that become a request once the world is there.
#[derive(Clone, Debug)]
pub(super) struct Draw {
    from: (bool, Index),
    to: (bool, Index),
    protocol: &'static str,
    port: Index,
    /// Ask by a name of the destination's, if it has one for the protocol.
    by_name: bool,
}

pub(super) fn draw() -> impl Strategy<Value = Draw> {
    let protocol = prop_oneof![
        6 => Just("TCP"),
        2 => Just("UDP"),
        1 => select(vec!["SCTP", "ICMP"]),
    ];
    let end = || (prop::bool::weighted(0.7), any::<Index>());
    (
        end(),
        end(),
        protocol,
        any::<Index>(),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(from, to, protocol, port, by_name)| Draw {
            from,
            to,
            protocol,
            port,
            by_name,
        })
}

impl Draw {
    pub(super) fn of(&self, cluster: &[Value], offer: &Offer) -> Request {
        let end = |(is_named, index): &(bool, Index)| {
            let ends = if *is_named {
                &offer.named
            } else {
                &offer.addresses
            };
            index.get(ends).clone()
        };
        let (from, to) = (end(&self.from), end(&self.to));
        let named = named_port(cluster, &to, self.protocol).filter(|_| self.by_name);
        let port = match (self.protocol, named) {
            ("ICMP", _) => Value::Null,
            (_, Some(name)) => name.into(),
            (_, None) => self.port.get(&offer.ports).clone(),
        };
        Request {
            from,
            to,
            protocol: self.protocol,
            port,
        }
    }
}

/// The first named port of a pod's first container.
fn named_port(cluster: &[Value], end: &str, protocol: &str) -> Option<String> {
    let pod = cluster
        .iter()
        .find(|object| pod_name(object).as_deref() == Some(end))?;
    if pod["spec"]["hostNetwork"] == true {
        return None;
    }
    let ports = pod["spec"]["containers"][0]["ports"].as_array()?;
    let port = ports.iter().find(|port| {
        port["name"].is_string() && port["protocol"].as_str().unwrap_or("TCP") == protocol
    })?;
    Some(port["name"].as_str()?.to_owned())
}

fn pod_name(object: &Value) -> Option<String> {
    let metadata = &object["metadata"];
    (object["kind"] == "Pod").then(|| {
        let text = |field: &str| metadata[field].as_str().unwrap().to_owned();
        format!("{}/{}", text("namespace"), text("name"))
    })
}

/// Pods and nodes by name; every address of the world and the borders of every block; every port and those beside it.
pub(super) fn offer(cluster: &[Value], policies: &[Value]) -> Offer {
    let mut named: Vec<String> = cluster.iter().filter_map(pod_name).collect();
    named.push("node/n0".to_owned());
    let mut addresses: BTreeSet<IpAddr> = ["::ffff:203.0.113.9".parse().unwrap()].into();
    let mut ports = vec![1_u64, 65_535];
    for object in cluster.iter().chain(policies) {
        each(object, &mut |key, value| {
            let text = value.as_str().unwrap_or_default();
            addresses.extend(text.parse::<IpAddr>());
            if let Ok(block) = text.parse::<IpNet>() {
                addresses.extend([block.network(), block.broadcast()]);
                addresses.extend(beside(block));
            }
            let is_port = matches!(
                key,
                "port" | "endPort" | "start" | "end" | "number" | "containerPort"
            );
            if let (true, Some(port)) = (is_port, value.as_u64()) {
                ports.extend([port - 1, port, port, port, port + 1]);
            }
        });
    }
    // Twice as likely as the other addresses: those that may have domain names.
    let outside = ["203.0.113.8", "203.0.113.9", "203.0.113.10", "2001:db8::9"];
    let outside = outside.into_iter().cycle().take(8).map(str::to_owned);
    let inside = addresses.iter().map(IpAddr::to_string);
    let unknown = [Value::Null, Value::Null];
    Offer {
        named,
        addresses: inside.chain(outside).collect(),
        ports: ports.into_iter().map(Value::from).chain(unknown).collect(),
    }
}

/// The addresses just below and just above a block.
fn beside(block: IpNet) -> Vec<IpAddr> {
    let beyond = |address: IpAddr, step: i8| -> Option<IpAddr> {
        Some(match address {
            IpAddr::V4(address) => {
                IpAddr::V4(u32::from(address).checked_add_signed(step.into())?.into())
            }
            IpAddr::V6(address) => {
                IpAddr::V6(u128::from(address).checked_add_signed(step.into())?.into())
            }
        })
    };
    let below = beyond(block.network(), -1);
    below
        .into_iter()
        .chain(beyond(block.broadcast(), 1))
        .collect()
}

/// Every value within a value, with its key; items of a list have the list's.
fn each(value: &Value, visit: &mut impl FnMut(&str, &Value)) {
    fn within(key: &str, value: &Value, visit: &mut impl FnMut(&str, &Value)) {
        visit(key, value);
        match value {
            Value::Array(items) => items.iter().for_each(|item| within(key, item, visit)),
            Value::Object(fields) => {
                fields
                    .iter()
                    .for_each(|(key, value)| within(key, value, visit));
            }
            _ => {}
        }
    }
    within("", value, visit);
}
