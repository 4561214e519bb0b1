//! From records to history.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use netpol_policy::history::rule::Part;
use netpol_policy::history::{
    DropKind, Edge, EdgeKey, EdgeTotals, Interval, Loss, MissingNode, NodeHistory, Party, PodGroup,
    PolicyName, Present, RuleKey, RuleUse, UseTotals,
};
use netpol_policy::model::{Cidr, Labels, NamedPort, Workload};

use crate::record::{
    DropRecord, EdgeKeyRecord, EdgeRecord, EdgeTotalsRecord, GroupRecord, IntervalRecord,
    LossRecord, MissingRecord, NodeRecord, PartyRecord, PolicyText, PresentRecord, Text,
    UseKeyRecord, UseRecord, UseTotalsRecord,
};

/// Why a record cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It names pods that no record before it told of.
    #[error("{field}: group {id} is not known")]
    UnknownGroup {
        /// The field at fault.
        field: &'static str,
        /// The number.
        id: u64,
    },
    /// One number for two groups.
    #[error("group: {id} is of other pods before")]
    GroupTwice {
        /// The number.
        id: u64,
    },
    /// A text in a form of its own.
    #[error("{field}: expected {expected}, found {found:?}")]
    Form {
        /// The field at fault.
        field: &'static str,
        /// What was expected.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// Not an object of Kubernetes that can be used.
    #[error("manifest: {0}")]
    Manifest(String),
}

/// Reads records, and remembers which number stands for which group of pods. Equal texts and groups are kept once.
#[derive(Debug, Default)]
pub struct Decoder {
    groups: HashMap<u64, Arc<PodGroup>, RandomState>,
    texts: HashSet<Arc<str>, RandomState>,
    policies: HashMap<Box<str>, PolicyName, RandomState>,
}

impl Decoder {
    /// The one allocation that stands for a text.
    pub fn text(&mut self, text: &str) -> Arc<str> {
        match self.texts.get(text) {
            Some(known) => known.clone(),
            None => {
                let text: Arc<str> = text.into();
                self.texts.insert(text.clone());
                text
            }
        }
    }

    /// A group; records after it may name it.
    ///
    /// # Errors
    /// Where its number is that of another one.
    pub fn group(&mut self, record: &GroupRecord<'_>) -> Result<Arc<PodGroup>, DecodeError> {
        let group = PodGroup {
            namespace: self.text(&record.namespace),
            namespace_labels: labels(&record.namespace_labels),
            workload: Workload {
                kind: self.text(&record.kind),
                name: self.text(&record.name),
            },
            labels: labels(&record.labels),
            ports: record
                .ports
                .iter()
                .map(|port| NamedPort {
                    name: self.text(&port.name),
                    protocol: port.protocol.0,
                    port: port.port,
                })
                .collect(),
            host_network: record.host_network,
        };
        let id = record.id;
        match self.groups.get(&id) {
            Some(known) if **known == group => Ok(known.clone()),
            Some(_) => {
                // Which of the two a record means that names it cannot be told.
                self.groups.remove(&id);
                Err(DecodeError::GroupTwice { id })
            }
            None => {
                let group = Arc::new(group);
                self.groups.insert(id, group.clone());
                Ok(group)
            }
        }
    }

    /// All groups that were told, with their numbers, for [`crate::Encoder::resume`].
    pub fn groups(&self) -> impl Iterator<Item = (u64, Arc<PodGroup>)> + '_ {
        self.groups
            .iter()
            .map(|(number, group)| (*number, group.clone()))
    }

    fn known(&self, field: &'static str, id: u64) -> Result<Arc<PodGroup>, DecodeError> {
        let group = self.groups.get(&id).cloned();
        group.ok_or(DecodeError::UnknownGroup { field, id })
    }

    /// Connections that `node` saw.
    ///
    /// # Errors
    /// Where the record names unknown pods, or a text is not of its form.
    pub fn edge(&mut self, node: &Arc<str>, record: &EdgeRecord<'_>) -> Result<Edge, DecodeError> {
        Ok(Edge {
            key: self.edge_key(node, &record.key)?,
            totals: edge_totals(&record.totals),
        })
    }

    /// What they have in common.
    ///
    /// # Errors
    /// As [`Self::edge`].
    pub fn edge_key(
        &mut self,
        node: &Arc<str>,
        record: &EdgeKeyRecord<'_>,
    ) -> Result<EdgeKey, DecodeError> {
        let service = match &record.service {
            Some(service) => Some(self.service("service", service)?),
            None => None,
        };
        let drop = record.drop.as_ref().map(|drop| self.drop(drop));
        let policies = record.policies.iter().map(|policy| self.policy(policy));
        Ok(EdgeKey {
            policies: policies.collect::<Result<_, _>>()?,
            node: node.clone(),
            seen_at: record.seen_at,
            source: self.party("source", &record.source)?,
            destination: self.party("destination", &record.destination)?,
            service,
            protocol: record.protocol.0,
            port: record.port.0,
            observed: record.observed,
            drop,
            computed: record.computed,
            agreement: record.agreement,
        })
    }

    fn drop(&mut self, record: &DropRecord<'_>) -> DropKind {
        DropKind {
            reason: self.text(&record.reason),
            class: self.text(&record.class),
        }
    }

    fn party(
        &mut self,
        field: &'static str,
        record: &PartyRecord<'_>,
    ) -> Result<Party, DecodeError> {
        Ok(match record {
            PartyRecord::Pods(id) => Party::Pods(self.known(field, *id)?),
            PartyRecord::Node(name) => Party::Node {
                name: self.text(name),
            },
            PartyRecord::Service(service) => {
                let (namespace, name) = self.service(field, service)?;
                Party::Service { namespace, name }
            }
            PartyRecord::Outside(block) => Party::Outside(cidr(field, block)?),
            PartyRecord::Unknown(block) => Party::Unknown(cidr(field, block)?),
            PartyRecord::Many => Party::Many,
        })
    }

    fn service(
        &mut self,
        field: &'static str,
        text: &str,
    ) -> Result<(Arc<str>, Arc<str>), DecodeError> {
        let (namespace, name) = text.split_once('/').ok_or_else(|| DecodeError::Form {
            field,
            expected: "a Service as namespace/name",
            found: text.to_owned(),
        })?;
        Ok((self.text(namespace), self.text(name)))
    }

    fn policy(&mut self, policy: &PolicyText<'_>) -> Result<PolicyName, DecodeError> {
        let text: &str = &policy.0;
        if let Some(known) = self.policies.get(text) {
            return Ok(known.clone());
        }
        let name = policy.name().ok_or_else(|| DecodeError::Form {
            field: "policy",
            expected: "a kind and a name, such as NetworkPolicy/prod/db",
            found: text.to_owned(),
        })?;
        self.policies.insert(text.into(), name.clone());
        Ok(name)
    }

    /// What a part of a policy did on `node`.
    ///
    /// # Errors
    /// Where a text is not of its form.
    pub fn rule_use(
        &mut self,
        node: &Arc<str>,
        record: &UseRecord<'_>,
    ) -> Result<RuleUse, DecodeError> {
        Ok(RuleUse {
            key: self.use_key(node, &record.key)?,
            totals: use_totals(&record.totals),
        })
    }

    /// A part of a policy.
    ///
    /// # Errors
    /// As [`Self::rule_use`].
    pub fn use_key(
        &mut self,
        node: &Arc<str>,
        record: &UseKeyRecord<'_>,
    ) -> Result<RuleKey, DecodeError> {
        let fingerprint = Some(&*record.fingerprint)
            .filter(|text| text.len() == 16 && text.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|text| u64::from_str_radix(text, 16).ok())
            .ok_or_else(|| DecodeError::Form {
                field: "fingerprint",
                expected: "16 hexadecimal digits",
                found: record.fingerprint.to_string(),
            })?;
        Ok(RuleKey {
            node: node.clone(),
            policy: self.policy(&record.policy)?,
            fingerprint,
            direction: record.direction,
            part: match record.entry {
                Some(entry) => Part::Entry {
                    rule: entry.rule,
                    peer: entry.peer,
                    port: entry.port,
                },
                None => Part::Isolation,
            },
        })
    }

    /// Pods of one group, over time.
    ///
    /// # Errors
    /// Where the group is not known.
    pub fn present(&mut self, record: &PresentRecord<'_>) -> Result<Present, DecodeError> {
        let pods = record.pods.iter();
        Ok(Present {
            group: self.known("group", record.group)?,
            pods: pods
                .map(|(node, count)| (self.text(node), *count))
                .collect(),
            first_seen: record.first_seen.into(),
            last_seen: record.last_seen.into(),
        })
    }

    /// The memory of a node, without its intervals.
    pub fn node(&mut self, record: &NodeRecord<'_>) -> NodeHistory {
        NodeHistory {
            name: self.text(&record.name),
            store: self.text(&record.store),
            read_at: record.read_at.into(),
            intervals: Vec::new(),
            dialect: self.text(&record.dialect),
        }
    }

    /// A time during which a node watched.
    pub fn interval(&mut self, record: &IntervalRecord<'_>) -> Interval {
        let mut loss = |loss: &LossRecord<'_>| Loss {
            stage: self.text(&loss.stage),
            reason: self.text(&loss.reason),
            count: loss.count,
        };
        Interval {
            from: record.from.into(),
            until: record.until.into(),
            losses: record.losses.iter().map(&mut loss).collect(),
        }
    }
}

/// How many connections, how much, when.
#[must_use]
pub fn edge_totals(record: &EdgeTotalsRecord) -> EdgeTotals {
    EdgeTotals {
        connections: record.connections,
        resumed: record.resumed,
        packets: record.packets,
        bytes: record.bytes,
        first_seen: record.first_seen.into(),
        last_seen: record.last_seen.into(),
        after_change: record.after_change,
        longest_after_change: record.longest_after_change_ns.map(Duration::from_nanos),
    }
}

/// How often and when.
#[must_use]
pub fn use_totals(record: &UseTotalsRecord) -> UseTotals {
    UseTotals {
        hits: record.hits,
        sole: record.sole,
        resumed: record.resumed,
        forwarded: record.forwarded,
        bytes: record.bytes,
        first_seen: record.first_seen.into(),
        last_seen: record.last_seen.into(),
    }
}

/// A node whose history could not be had.
#[must_use]
pub fn missing(record: &MissingRecord<'_>) -> MissingNode {
    MissingNode {
        name: record.name.to_string(),
        reason: record.reason.to_string(),
    }
}

fn labels(labels: &std::collections::BTreeMap<Text<'_>, Text<'_>>) -> Labels {
    let labels = labels.iter();
    labels.map(|(key, value)| (&**key, &**value)).collect()
}

fn cidr(field: &'static str, text: &str) -> Result<Cidr, DecodeError> {
    match Cidr::parse_lenient(text) {
        Ok((block, _)) => Ok(block),
        Err(error) => Err(DecodeError::Form {
            field,
            expected: "an address block such as 10.0.0.0/8",
            found: error.found,
        }),
    }
}
