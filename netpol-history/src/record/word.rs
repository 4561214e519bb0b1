//! Closed sets as words, and what is a word or a number.

use std::fmt;

use netpol_policy::history::edge::Port;
use netpol_policy::history::{Agreement, Observed, SeenAt};
use netpol_policy::model::Protocol;
use netpol_policy::verdict::{Decision, Direction};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(remote = "SeenAt", rename_all = "kebab-case")]
pub(super) enum SeenAtWord {
    Source,
    Destination,
    Both,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Observed", rename_all = "kebab-case")]
pub(super) enum ObservedWord {
    Forwarded,
    Dropped,
    Rejected,
    Unanswered,
    Unknown,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Agreement", rename_all = "kebab-case")]
pub(super) enum AgreementWord {
    Undetermined,
    Agree,
    DeniedButForwarded,
    AllowedButDropped,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Decision", rename_all = "kebab-case")]
pub(super) enum DecisionWord {
    Allowed,
    Denied,
    Unknown,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Direction", rename_all = "kebab-case")]
pub(super) enum DirectionWord {
    Ingress,
    Egress,
}

/// `TCP`, `UDP`, `SCTP`, or the number of another protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProtocolRecord(pub Protocol);

impl Serialize for ProtocolRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Protocol::Other(number) => serializer.serialize_u8(number),
            named => serializer.collect_str(&named),
        }
    }
}

impl<'de> Deserialize<'de> for ProtocolRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ProtocolVisitor)
    }
}

struct ProtocolVisitor;

impl Visitor<'_> for ProtocolVisitor {
    type Value = ProtocolRecord;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("TCP, UDP, SCTP or the number of a protocol")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ProtocolRecord, E> {
        Protocol::from_api(text)
            .map(ProtocolRecord)
            .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<ProtocolRecord, E> {
        u8::try_from(number)
            .map(|number| ProtocolRecord(Protocol::from_ip_number(number)))
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}

/// A number, or `many`. No port is no field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortRecord(pub Port);

impl PortRecord {
    pub(super) fn none() -> Self {
        Self(Port::None)
    }

    pub(super) fn is_none(&self) -> bool {
        self.0 == Port::None
    }
}

impl Serialize for PortRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Port::One(number) => serializer.serialize_u16(number),
            Port::Many => serializer.serialize_str("many"),
            Port::None => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for PortRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PortVisitor)
    }
}

struct PortVisitor;

impl Visitor<'_> for PortVisitor {
    type Value = PortRecord;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a port from 0 to 65535, or \"many\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<PortRecord, E> {
        match text {
            "many" => Ok(PortRecord(Port::Many)),
            other => Err(E::invalid_value(Unexpected::Str(other), &self)),
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<PortRecord, E> {
        u16::try_from(number)
            .map(|number| PortRecord(Port::One(number)))
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_unit<E: Error>(self) -> Result<PortRecord, E> {
        Ok(PortRecord::none())
    }
}
