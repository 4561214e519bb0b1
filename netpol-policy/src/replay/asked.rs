//! The question: remembered traffic, without what came of it.

use std::sync::Arc;

use crate::history::{EdgeKey, Party, Port, Traffic};
use crate::model::Protocol;

/// Remembered traffic that policies are asked about.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who opened it.
    pub source: &'a Party,
    /// Who was reached.
    pub destination: &'a Party,
    /// Namespace and name of the Service that was dialled.
    pub service: Option<&'a (Arc<str>, Arc<str>)>,
    /// Protocol.
    pub protocol: Protocol,
    /// Port at the destination.
    pub port: Port,
    /// The nodes that saw it, in any order: those of its pods. Tells whether a node that takes part is a pod's own (rule 20).
    pub nodes: &'a [Arc<str>],
}

impl<'a> From<&'a Traffic> for Asked<'a> {
    fn from(traffic: &'a Traffic) -> Self {
        Self {
            source: &traffic.source,
            destination: &traffic.destination,
            service: traffic.service.as_ref(),
            protocol: traffic.protocol,
            port: traffic.port,
            nodes: &traffic.nodes,
        }
    }
}

impl<'a> From<&'a EdgeKey> for Asked<'a> {
    fn from(key: &'a EdgeKey) -> Self {
        Self {
            source: &key.source,
            destination: &key.destination,
            service: key.service.as_ref(),
            protocol: key.protocol,
            port: key.port,
            nodes: std::slice::from_ref(&key.node),
        }
    }
}
