//! Answers kept for as long as nothing they depend on has changed.
//!
//! An answer depends on the subject (a pod's identity and the policies that select it), on the other end's identity or the
//! address block it is in, and on protocol and port. The first two have numbers that are never used again, so an answer
//! whose inputs changed is never found; it makes room for others when there is none left.

use std::sync::Arc;

use ipnet::IpNet;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use crate::connection::{Connection, End};
use crate::evaluate::{self, Judgement};
use crate::inventory::{Inventory, Subject};
use crate::model::Protocol;
use crate::verdict::{Caveat, Decision, Direction, Verdict, both};

/// Evaluates like [`evaluate::evaluate`], and remembers. One cache serves any number of inventories and threads.
#[derive(Debug)]
pub struct VerdictCache(
    Cache<Key, Arc<Judgement>, UnitWeighter, foldhash::fast::RandomState, Lifecycle>,
);

type Lifecycle = DefaultLifecycle<Key, Arc<Judgement>>;

/// All that a direction's answer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    subject: u64,
    other: Other,
    protocol: Protocol,
    port: Option<u16>,
    direction: Direction,
    ip_block_matches_cluster: bool,
    /// The block of the address that was dialled, where that counts.
    dialled: Option<Block>,
}

/// The other end as policies see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Other {
    Pod { identity: u64, at: Option<Block> },
    Outside(Option<Block>),
}

/// Addresses that no policy tells apart: the smallest block of any policy that holds them, or none for all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Block(Option<IpNet>);

/// The answer to one connection, shared with the cache.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The source's side.
    pub egress: Arc<Judgement>,
    /// The destination's side.
    pub ingress: Arc<Judgement>,
}

impl Answer {
    /// Allowed only where both directions are; denied where either is.
    #[must_use]
    pub fn decision(&self) -> Decision {
        both(self.egress.verdict.decision, self.ingress.verdict.decision)
    }

    /// The caveats of both directions, each once, in order.
    #[must_use]
    pub fn caveats(&self) -> Vec<Caveat> {
        evaluate::caveats(&self.egress, &self.ingress)
    }

    /// As [`evaluate::evaluate`] gives it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        Verdict {
            egress: self.egress.verdict.clone(),
            ingress: self.ingress.verdict.clone(),
            caveats: self.caveats(),
        }
    }
}

impl VerdictCache {
    /// Keeps at most this many answers, one for each direction of a connection.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self(Cache::with(
            capacity,
            capacity as u64,
            UnitWeighter,
            foldhash::fast::RandomState::default(),
            DefaultLifecycle::default(),
        ))
    }

    /// What policies say of a connection.
    #[must_use]
    pub fn evaluate(&self, inventory: &Inventory, connection: &Connection) -> Answer {
        Answer {
            egress: self.judge(inventory, connection, Direction::Egress),
            ingress: self.judge(inventory, connection, Direction::Ingress),
        }
    }

    /// How many answers are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn judge(
        &self,
        inventory: &Inventory,
        connection: &Connection,
        direction: Direction,
    ) -> Arc<Judgement> {
        let pod = match evaluate::exempt(connection, direction) {
            Ok(judgement) => return Arc::new(judgement),
            Err(pod) => pod,
        };
        let subject = inventory.subject(pod);
        let evaluate = || {
            Arc::new(evaluate::by_policies(
                inventory, connection, direction, &subject,
            ))
        };
        let Some(key) = key(inventory, connection, direction, &subject) else {
            return evaluate();
        };
        if let Some(kept) = self.0.get(&key) {
            return kept;
        }
        let judgement = evaluate();
        self.0.insert(key, judgement.clone());
        judgement
    }
}

/// `None` for what is rare and would need more to tell it apart.
fn key(
    inventory: &Inventory,
    connection: &Connection,
    direction: Direction,
    subject: &Subject,
) -> Option<Key> {
    let other = match direction {
        Direction::Egress => &connection.destination,
        Direction::Ingress => &connection.source,
    };
    let compares = subject.compares_addresses(direction);
    let block = |address| Block(inventory.policy_block(address));
    let other = match other {
        End::Pod { pod, address } if !pod.host_network => Other::Pod {
            identity: inventory.subject(pod).identity.id,
            at: address.filter(|_| compares).map(block),
        },
        End::Address(address) if !subject.compares_names(direction) => {
            Other::Outside(compares.then(|| block(*address)))
        }
        _ => return None,
    };
    let dialled = connection.dialled.map(|dialled| dialled.ip());
    if dialled.is_some() && evaluate::connects_to_itself(connection) {
        return None;
    }
    Some(Key {
        subject: subject.id,
        other,
        protocol: connection.protocol,
        port: connection.destination_port,
        direction,
        ip_block_matches_cluster: inventory.dialect().ip_block_matches_cluster,
        dialled: dialled.filter(|_| compares).map(block),
    })
}
