//! NetworkPolicy with compiled selectors.

use std::net::IpAddr;

use super::{Cidr, Protocol, Selector};
use crate::verdict::{Direction, PolicyRef};

/// `networking.k8s.io/v1` NetworkPolicy, valid and compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkPolicy {
    /// Which object it is.
    pub reference: PolicyRef,
    /// The pods of its namespace that it selects.
    pub subjects: Selector,
    /// Rules for ingress; `None` where the policy does not isolate ingress (rules 2, 4, 5).
    pub ingress: Option<Vec<Rule>>,
    /// Rules for egress; `None` where the policy does not isolate egress.
    pub egress: Option<Vec<Rule>>,
}

impl NetworkPolicy {
    /// The rules of a direction; `None` where the policy says nothing about it.
    #[must_use]
    pub fn rules(&self, direction: Direction) -> Option<&[Rule]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }
}

/// One entry of `spec.ingress` or `spec.egress`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// `from` or `to`; empty matches everyone (rule 6).
    pub peers: Vec<Peer>,
    /// `ports`; empty matches every port.
    pub ports: Vec<PortRule>,
}

/// One entry of `from` or `to`.
#[derive(Clone, Debug, PartialEq)]
pub enum Peer {
    /// Pods by labels (rule 8).
    Pods {
        /// `None`: the policy's own namespace.
        namespaces: Option<Selector>,
        /// The empty selector where only namespaces are named.
        pods: Selector,
    },
    /// Addresses.
    IpBlock(IpBlock),
}

/// `ipBlock`.
#[derive(Clone, Debug, PartialEq)]
pub struct IpBlock {
    /// Addresses it matches.
    pub cidr: Cidr,
    /// Addresses it does not match; no deny for other peers (rule 16).
    pub except: Vec<Cidr>,
}

impl IpBlock {
    /// Whether the address is in the block and in none of its exceptions.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.cidr.contains(address) && !self.except.iter().any(|block| block.contains(address))
    }
}

/// One entry of `ports`.
#[derive(Clone, Debug, PartialEq)]
pub struct PortRule {
    /// Protocol, TCP by default (rule 12). `None` only beside a name: whichever the named port has.
    pub protocol: Option<Protocol>,
    /// Which ports of it.
    pub port: PortMatch,
}

/// Which ports an entry matches. They are the destination pod's (rule 13).
#[derive(Clone, Debug, PartialEq)]
pub enum PortMatch {
    /// No `port`: all of the protocol.
    Any,
    /// `port` to `endPort`, inclusive (rule 15).
    Range(u16, u16),
    /// A container port's name, resolved for each destination pod (rule 14).
    Name(String),
}
