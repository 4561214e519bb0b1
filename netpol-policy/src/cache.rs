//! Answers kept for as long as nothing they depend on has changed.
//!
//! An answer depends on both ends (a pod's identity and the policies that select it, or the address block that an outsider
//! is in), on protocol and port. Identities with their policies have numbers that are never used again, so an answer whose
//! inputs changed is never found; it makes room for others when there is none left.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use crate::connection::{Connection, End};
use crate::evaluate;
use crate::inventory::{Inventory, Subject};
use crate::model::Protocol;
use crate::verdict::{Direction, Verdict};

/// Evaluates like [`evaluate::evaluate`], and remembers. One cache serves any number of inventories and threads.
#[derive(Debug)]
pub struct VerdictCache(Kept);

type Kept = Cache<
    Key,
    Arc<Verdict>,
    UnitWeighter,
    foldhash::fast::RandomState,
    DefaultLifecycle<Key, Arc<Verdict>>,
>;

/// All that an answer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    source: Party,
    destination: Party,
    protocol: Protocol,
    port: Option<u16>,
    /// How the inventory reads its objects.
    reading: u64,
    /// The block of the address that was dialled, where that counts.
    dialled: Option<Block>,
}

/// An end as policies see it; the block where the other end's policies compare addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Party {
    Pod { subject: u64, at: Option<Block> },
    Outside(Option<Block>),
}

/// Addresses that no policy tells apart: the smallest block of any policy that holds them, or none for all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Block(Option<IpNet>);

impl VerdictCache {
    /// Keeps at most this many answers.
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
    pub fn evaluate(&self, inventory: &Inventory, connection: &Connection) -> Arc<Verdict> {
        let evaluate = || Arc::new(evaluate::evaluate(inventory, connection));
        let Some(key) = key(inventory, connection) else {
            return evaluate();
        };
        if let Some(kept) = self.0.get(&key) {
            return kept;
        }
        let verdict = evaluate();
        self.0.insert(key, verdict.clone());
        verdict
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
}

/// An end that policies know by its identity or its address alone.
enum Known<'a> {
    Pod(Arc<Subject>, Option<IpAddr>),
    Outside(&'a IpAddr),
}

impl<'a> Known<'a> {
    fn new(inventory: &Inventory, end: &'a End) -> Option<Self> {
        match end {
            End::Pod { pod, address } if !pod.host_network => {
                Some(Self::Pod(inventory.subject(pod), *address))
            }
            End::Address(address) => Some(Self::Outside(address)),
            _ => None,
        }
    }

    fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Pod(subject, _) => Some(subject),
            Self::Outside(_) => None,
        }
    }

    /// As the policies of the other end see it, in the direction that they are about; `None` where they look at more.
    fn seen_by(&self, inventory: &Inventory, other: &Self, direction: Direction) -> Option<Party> {
        let other = other.subject();
        let compares = other.is_some_and(|other| other.compares_addresses(direction));
        let block = |address| Block(inventory.policy_block(address));
        match self {
            Self::Pod(subject, address) => Some(Party::Pod {
                subject: subject.id,
                at: address.filter(|_| compares).map(block),
            }),
            Self::Outside(_) if other.is_some_and(|other| other.compares_names(direction)) => None,
            Self::Outside(address) => Some(Party::Outside(compares.then(|| block(**address)))),
        }
    }
}

/// `None` for what is rare and would need more to tell it apart: ends of other kinds, and what is exempt from policy for
/// being this pod and no other.
fn key(inventory: &Inventory, connection: &Connection) -> Option<Key> {
    let source = Known::new(inventory, &connection.source)?;
    let destination = Known::new(inventory, &connection.destination)?;
    let dialled = match &source {
        Known::Pod(subject, _) if subject.compares_addresses(Direction::Egress) => connection
            .dialled
            .map(|dialled| Block(inventory.policy_block(dialled.ip()))),
        _ => None,
    };
    if let (Known::Pod(one, _), Known::Pod(other, _)) = (&source, &destination)
        && Arc::ptr_eq(one, other)
        && evaluate::connects_to_itself(connection)
    {
        return None;
    }
    Some(Key {
        source: source.seen_by(inventory, &destination, Direction::Ingress)?,
        destination: destination.seen_by(inventory, &source, Direction::Egress)?,
        protocol: connection.protocol,
        port: connection.destination_port,
        reading: inventory.reading(),
        dialled,
    })
}
