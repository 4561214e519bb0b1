//! The rules of docs/policy-semantics.md once more, read word by word off the API's own JSON: slow, naive, and without
//! any of the library's types, parsing or code.
//!
//! ```text
//!   from, to ───────► ends ─┐                   ┌─ tiered: Admin ────┐
//!                           ├─ each direction ─►├─ network_policy    ├─► outcome ─► Answer
//!   protocol, port ─► port ─┘                   └─ tiered: Baseline ─┘
//!                                                  └─ labels, address, port: a Truth a condition
//! ```
//!
//! What it is told is what an API server would store: it does not validate. Where the specification is silent it follows
//! the choices of that page. A condition that cannot be decided is `Maybe`, each independent of every other; the answer is
//! `Unknown` only where different truths lead to different decisions.

mod address;
mod ends;
mod labels;
mod network_policy;
mod outcome;
mod port;
mod tiered;
mod truth;

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use self::ends::{End, Who};
pub(crate) use self::outcome::{Decision, Exempt, Reason, Reasons};
use self::port::Target;

/// Objects as a user writes them, one of a kind, namespace and name.
#[derive(Clone, Debug)]
pub(crate) struct World {
    objects: Vec<Value>,
    names: BTreeMap<IpAddr, Vec<String>>,
}

/// Both directions; each is evaluated whatever the other says (rule 1).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// The source's side.
    pub(crate) egress: Decision,
    /// The destination's side.
    pub(crate) ingress: Decision,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Egress,
    Ingress,
}

impl Direction {
    /// The field of a `spec` that lists its rules.
    fn rules(self) -> &'static str {
        match self {
            Self::Egress => "egress",
            Self::Ingress => "ingress",
        }
    }

    /// The field of a rule that lists its peers.
    fn peers(self) -> &'static str {
        match self {
            Self::Egress => "to",
            Self::Ingress => "from",
        }
    }
}

/// One direction of one connection: the end that policies may select, the other end, and the port at the destination.
struct Question<'a> {
    world: &'a World,
    direction: Direction,
    subject: &'a Value,
    peer: &'a End<'a>,
    target: &'a Target<'a>,
}

impl World {
    pub(crate) fn new(objects: Vec<Value>) -> Self {
        Self {
            objects,
            names: BTreeMap::new(),
        }
    }

    /// Domain names by address: an address that is listed has exactly these names, of others none is known.
    pub(crate) fn names(self, names: BTreeMap<IpAddr, Vec<String>>) -> Self {
        Self { names, ..self }
    }

    /// An end is `namespace/pod`, `node/NAME` or an address; the port a number, a container port's name of the destination
    /// pod, or null where it is not known. Panics at an end or a port that does not exist.
    pub(crate) fn ask(&self, from: &str, to: &str, protocol: &str, port: &Value) -> Answer {
        let (source, destination) = ends::pair(self, from, to);
        let target = Target::new(&destination, protocol, port);
        Answer {
            egress: self.direction(Direction::Egress, &source, &destination, &target),
            ingress: self.direction(Direction::Ingress, &destination, &source, &target),
        }
    }

    fn direction(
        &self,
        direction: Direction,
        end: &End<'_>,
        peer: &End<'_>,
        target: &Target<'_>,
    ) -> Decision {
        let pod = match end.who {
            Who::Pod(pod) => pod,
            // Rules 21, 31: policies select nothing but pods of the pod network.
            Who::Node(_) | Who::Outside => return Exempt::NotASubject.into(),
            // Nobody knows which policies select it.
            Who::Unknown | Who::Service => return Decision::Unknown,
        };
        // Rules 19, 20, 36: before every tier.
        let own_node = text(&pod["spec"]["nodeName"]);
        match peer.who {
            Who::Pod(other) if same_object(pod, other) => return Exempt::Itself.into(),
            Who::Node(node) if !own_node.is_empty() && node == own_node => {
                return Exempt::OwnNode.into();
            }
            _ => {}
        }
        let question = Question {
            world: self,
            direction,
            subject: pod,
            peer,
            target,
        };
        // Rule 27.
        tiered::admin(&question)
            .then(network_policy::outcomes(&question))
            .then(tiered::baseline(&question))
            .decision()
    }

    fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.objects
            .iter()
            .filter(move |object| object["kind"] == kind)
    }
}

/// A list's items; none where it is null, missing or empty (rule 6).
fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

/// A text, empty where it is null or missing.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn name(object: &Value) -> &str {
    text(&object["metadata"]["name"])
}

/// The namespace of an object of a namespaced kind.
fn namespace(object: &Value) -> &str {
    match text(&object["metadata"]["namespace"]) {
        "" => "default",
        namespace => namespace,
    }
}

fn same_object(one: &Value, other: &Value) -> bool {
    namespace(one) == namespace(other) && name(one) == name(other)
}
