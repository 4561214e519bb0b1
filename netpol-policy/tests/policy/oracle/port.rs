//! What is reached at the destination, and what entries of `ports` and `protocols` say of it.

use serde_json::Value;

use super::ends::{End, Who};
use super::truth::Truth;
use super::{items, text};

/// Protocol and port at the destination (rule 13).
pub(super) struct Target<'a> {
    pub(super) protocol: &'a str,
    /// None where it is not known.
    number: Option<u64>,
    destination: &'a End<'a>,
}

impl<'a> Target<'a> {
    pub(super) fn new(destination: &'a End<'a>, protocol: &'a str, port: &Value) -> Self {
        let number = match (port, &destination.who) {
            // The dialled port says nothing of the backend's (rule 13).
            (_, Who::Service) | (Value::Null, _) => None,
            (Value::String(name), Who::Pod(pod)) => {
                let mut ports = container_ports(pod);
                let found = ports.find(|(port, of)| port["name"] == **name && *of == protocol);
                let (port, _) = found.unwrap_or_else(|| panic!("no {protocol} port {name}"));
                port["containerPort"].as_u64()
            }
            (number, _) => Some(number.as_u64().unwrap()),
        };
        Self {
            protocol,
            number,
            destination,
        }
    }

    /// An entry of a NetworkPolicy's `ports`.
    pub(super) fn is_in_entry(&self, entry: &Value) -> Truth {
        // Rule 12.
        let protocol = entry["protocol"].as_str().unwrap_or("TCP");
        let port = match &entry["port"] {
            Value::Null => Truth::Yes,
            Value::String(name) => self.is_named(name, Some(protocol)),
            first => {
                // Rule 15.
                let first = first.as_u64().unwrap();
                self.is_between(first, entry["endPort"].as_u64().unwrap_or(first))
            }
        };
        Truth::from(protocol == self.protocol).and(port)
    }

    /// An entry of `ports` of v1alpha1 (rule 34).
    pub(super) fn is_in_admin_entry(&self, entry: &Value) -> Truth {
        if let Some(name) = entry["namedPort"].as_str() {
            return self.is_named(name, None);
        }
        let (entry, first, last) = if entry["portRange"].is_object() {
            (&entry["portRange"], "start", "end")
        } else {
            (&entry["portNumber"], "port", "port")
        };
        let protocol = entry["protocol"].as_str().unwrap_or("TCP");
        let between = self.is_between(
            entry[first].as_u64().unwrap(),
            entry[last].as_u64().unwrap(),
        );
        Truth::from(protocol == self.protocol).and(between)
    }

    /// An entry of `protocols` of v1alpha2 (rule 34).
    pub(super) fn is_in_protocols_entry(&self, entry: &Value) -> Truth {
        if let Some(name) = entry["destinationNamedPort"].as_str() {
            return self.is_named(name, None);
        }
        let (field, protocol) = [("tcp", "TCP"), ("udp", "UDP"), ("sctp", "SCTP")]
            .into_iter()
            .find(|(field, _)| entry[field].is_object())
            .unwrap();
        let port = &entry[field]["destinationPort"];
        let is_port = match (port["number"].as_u64(), &port["range"]) {
            (Some(number), _) => self.is_between(number, number),
            (None, Value::Null) => Truth::Yes,
            (None, range) => self.is_between(
                range["start"].as_u64().unwrap(),
                range["end"].as_u64().unwrap(),
            ),
        };
        Truth::from(protocol == self.protocol).and(is_port)
    }

    fn is_between(&self, first: u64, last: u64) -> Truth {
        self.number.map_or(Truth::Maybe, |number| {
            (first <= number && number <= last).into()
        })
    }

    /// Rule 14: some port of that name and of the connection's protocol, which is `protocol` where the entry says one.
    fn is_named(&self, name: &str, protocol: Option<&str>) -> Truth {
        let is_defined = matches!(self.protocol, "TCP" | "UDP" | "SCTP");
        if !is_defined || protocol.is_some_and(|protocol| protocol != self.protocol) {
            return Truth::No;
        }
        match self.destination.who {
            Who::Node(_) | Who::Outside => Truth::No,
            Who::Unknown | Who::Service => Truth::Maybe,
            Who::Pod(pod) => Truth::any(
                container_ports(pod)
                    .filter(|(port, of)| port["name"] == name && *of == self.protocol)
                    .map(|(port, _)| {
                        let number = port["containerPort"].as_u64().unwrap();
                        self.is_between(number, number)
                    }),
            ),
        }
    }
}

/// The ports of containers and restartable init containers, each with its protocol.
fn container_ports(pod: &Value) -> impl Iterator<Item = (&Value, &str)> {
    let sidecars = items(&pod["spec"]["initContainers"])
        .iter()
        .filter(|container| text(&container["restartPolicy"]) == "Always");
    items(&pod["spec"]["containers"])
        .iter()
        .chain(sidecars)
        .flat_map(|container| items(&container["ports"]))
        .map(|port| (port, port["protocol"].as_str().unwrap_or("TCP")))
}
