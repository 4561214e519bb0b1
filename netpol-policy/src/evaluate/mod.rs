//! Policies against one connection.
//!
//! ```text
//!   end ─► party ─┐
//!                 ├─ exempt? ─► walk: Admin ─► NetworkPolicy ─► Baseline ─► default
//!   end ─► party ─┘                   tiered   network_policy   tiered
//!                                        └── peer, port: yes, no or unknown
//! ```
//!
//! Both directions are always evaluated. What is not known is carried through: a direction is unknown only where what
//! may be the case leads to different decisions.

mod block;
mod entries;
mod matching;
mod network_policy;
mod party;
mod peer;
mod port;
mod tiered;
mod walk;

use std::net::IpAddr;
use std::sync::Arc;

pub(crate) use self::entries::Entries;
pub(crate) use self::matching::Match;
use self::party::Party;
pub(crate) use self::peer::block_words;
pub(crate) use self::port::words as port_words;
use crate::connection::{Connection, End};
use crate::inventory::{Inventory, Subject};
use crate::model::{Pod, PortRule};
use crate::verdict::{
    Caveat, DecidedBy, Decision, Direction, DirectionVerdict, PolicyRef, RuleRef, Verdict,
};

/// What policies say of a connection, in the state of the world that the inventory holds.
#[must_use]
pub fn evaluate(inventory: &Inventory, connection: &Connection) -> Verdict {
    let egress = judge(inventory, connection, Direction::Egress);
    let ingress = judge(inventory, connection, Direction::Ingress);
    let mut caveats = egress.caveats;
    caveats.extend(ingress.caveats);
    caveats.sort();
    caveats.dedup();
    Verdict {
        caveats,
        egress: egress.verdict,
        ingress: ingress.verdict,
    }
}

/// One direction's answer with its caveats.
pub(crate) struct Judgement {
    pub(crate) verdict: DirectionVerdict,
    pub(crate) caveats: Vec<Caveat>,
}

impl Judgement {
    fn of(verdict: DirectionVerdict) -> Self {
        Self {
            verdict,
            caveats: Vec::new(),
        }
    }
}

/// A connection seen from one of its sides.
struct Question<'a> {
    inventory: &'a Inventory,
    connection: &'a Connection,
    direction: Direction,
    /// The side that rules' peers are about.
    other: Party<'a>,
    /// The side that policies select.
    own: Party<'a>,
    /// A pod reaches itself through a Service (rules 19, 36).
    is_to_itself: bool,
}

impl Question<'_> {
    fn destination(&self) -> &Party<'_> {
        match self.direction {
            Direction::Egress => &self.other,
            Direction::Ingress => &self.own,
        }
    }

    fn port(&self, rule: &PortRule) -> Match {
        port::matches(rule, self.connection, self.destination())
    }

    fn rule(
        &self,
        policy: &PolicyRef,
        rule: usize,
        peer: Option<usize>,
        port: Option<usize>,
    ) -> RuleRef {
        RuleRef {
            policy: policy.clone(),
            direction: self.direction,
            rule,
            peer,
            port,
        }
    }
}

/// One direction, from its exemptions to the tiers.
pub(crate) fn judge(
    inventory: &Inventory,
    connection: &Connection,
    direction: Direction,
) -> Judgement {
    match exempt(connection, direction) {
        Ok(judgement) => judgement,
        Err(pod) => by_policies(inventory, connection, direction, &inventory.subject(pod)),
    }
}

/// The answer where no policy is asked; else the pod whose policies are.
fn exempt(connection: &Connection, direction: Direction) -> Result<Judgement, &Arc<Pod>> {
    let (own, other) = match direction {
        Direction::Egress => (&connection.source, &connection.destination),
        Direction::Ingress => (&connection.destination, &connection.source),
    };
    let with = |decision, decided_by, caveat| {
        let mut judgement = decided(decision, decided_by);
        judgement.caveats.extend(caveat);
        judgement
    };
    let pod = match own {
        End::Pod { pod, .. } if pod.host_network => {
            let caveat = Some(Caveat::HostNetwork);
            return Ok(with(Decision::Allowed, DecidedBy::NotASubject, caveat));
        }
        End::Pod { pod, .. } => pod,
        End::Node { .. } | End::Address(_) => {
            return Ok(with(Decision::Allowed, DecidedBy::NotASubject, None));
        }
        End::Service { .. } => {
            let caveat = Some(Caveat::BackendUnknown);
            return Ok(with(Decision::Unknown, DecidedBy::Unknown, caveat));
        }
        End::Unknown(_) => {
            let caveat = Some(Caveat::EndUnknown);
            return Ok(with(Decision::Unknown, DecidedBy::Unknown, caveat));
        }
    };
    // Rules 19, 36.
    if connection.dialled.is_none() && is_self(pod, other) {
        return Ok(with(Decision::Allowed, DecidedBy::SelfTraffic, None));
    }
    // Rule 20.
    if is_own_node(pod, other) {
        return Ok(with(Decision::Allowed, DecidedBy::Node, None));
    }
    Err(pod)
}

/// What the tiers say.
fn by_policies(
    inventory: &Inventory,
    connection: &Connection,
    direction: Direction,
    subject: &Subject,
) -> Judgement {
    let (own, other) = match direction {
        Direction::Egress => (&connection.source, &connection.destination),
        Direction::Ingress => (&connection.destination, &connection.source),
    };
    let mut question = Question {
        inventory,
        connection,
        direction,
        other: Party::new(other, inventory),
        own: Party::of(subject, own.address()),
        is_to_itself: connects_to_itself(connection),
    };
    let mut judgement = walk::decide(&question, subject);
    if let Some(dialled) = dialled_address(connection, direction, subject) {
        // Rule 18: a policy may see the address before translation or the one after it.
        question.other.address = Some(dialled);
        let before = walk::decide(&question, subject);
        if before.verdict.decision != judgement.verdict.decision {
            judgement.caveats.push(Caveat::AddressTranslated);
        }
    }
    judgement
}

/// The address that was dialled, where policies that compare addresses may see it.
fn dialled_address(
    connection: &Connection,
    direction: Direction,
    subject: &Subject,
) -> Option<IpAddr> {
    let dialled = connection.dialled?.ip();
    let is_compared = direction == Direction::Egress && subject.compares_addresses(direction);
    (is_compared && !matches!(connection.destination, End::Service { .. })).then_some(dialled)
}

fn decided(decision: Decision, decided_by: DecidedBy) -> Judgement {
    Judgement::of(DirectionVerdict {
        decision,
        decided_by,
        allowed_by: Vec::new(),
        denied_by: Vec::new(),
        path: Vec::new(),
    })
}

pub(crate) fn connects_to_itself(connection: &Connection) -> bool {
    matches!(&connection.source, End::Pod { pod, .. } if is_self(pod, &connection.destination))
}

fn is_self(pod: &Pod, other: &End) -> bool {
    matches!(other, End::Pod { pod: other, .. } if !pod.is_representative()
        && other.namespace == pod.namespace && other.name == pod.name && other.uid == pod.uid)
}

/// The node that a pod runs on, or a pod that shares that node's addresses.
fn is_own_node(pod: &Pod, other: &End) -> bool {
    let Some(own) = &pod.node else {
        return false;
    };
    match other {
        End::Node { node, .. } => node.name == *own,
        End::Pod { pod: other, .. } => other.host_network && other.node.as_ref() == Some(own),
        _ => false,
    }
}
