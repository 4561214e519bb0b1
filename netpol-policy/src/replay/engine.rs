//! A set of policies, asked about remembered traffic.

use std::net::SocketAddr;
use std::sync::Arc;

use super::answer::Answer;
use super::asked::Asked;
use super::ends::{Ends, Facing, Finder, Known, SOME_NODE};
use super::now::{LabelsOf, Present};
use super::vocabulary::{Vocabulary, WAYS};
use super::world::{WorldId, Worlds};
use super::{Why, fold};
use crate::cache::VerdictCache;
use crate::connection::Connection;
use crate::dialect::Dialect;
use crate::history::{History, Party, Port, RememberedPolicy, Traffic};
use crate::inventory::Inventory;
use crate::model::{Cidr, Object};
use crate::verdict::{Caveat, Decision, Direction, Verdict};

/// Verdicts that are kept. What policies tell apart is much less than what is remembered apart.
const KEPT: usize = 1 << 16;

/// Answers what a set of policies says of the traffic of a history. An answer depends on its question alone, not on those
/// before.
#[derive(Debug)]
pub struct Engine {
    worlds: Worlds,
    finder: Finder,
    cache: VerdictCache,
}

impl Engine {
    /// For these policies in place of the history's own, in its cluster and with its Services. They are read as the first
    /// of its nodes reads them. Pods have addresses of [`History::pod_ranges`], of which it is not known which.
    #[must_use]
    pub fn new(history: &History, policies: &[RememberedPolicy], labels: LabelsOf) -> Self {
        Self::with_pod_ranges(history, policies, labels, &history.pod_ranges())
    }

    /// As [`Self::new`], where pods have addresses of these ranges; of any where there are none.
    #[must_use]
    pub fn with_pod_ranges(
        history: &History,
        policies: &[RememberedPolicy],
        labels: LabelsOf,
        ranges: &[Cidr],
    ) -> Self {
        let nodes = history.cluster.iter().cloned().map(Object::Node);
        let services = history.services.iter().cloned().map(Object::Service);
        let objects = nodes.chain(services);
        let mut dialects = history.nodes.iter();
        let dialect = dialects.find_map(|node| Dialect::named(&node.dialect));
        let ground = Inventory::new(objects.chain(policies.iter().map(RememberedPolicy::object)))
            .with_dialect(dialect.unwrap_or_default())
            .with_pod_ranges(ranges);
        let present = match &labels {
            LabelsOf::FlowTime => None,
            LabelsOf::Now(proposed) => Some(Present::new(history, proposed)),
        };
        Self {
            worlds: Worlds::new(ground),
            finder: Finder::new(Vocabulary::of(policies), present),
            cache: VerdictCache::new(KEPT),
        }
    }

    /// What the policies say of remembered traffic.
    pub fn answer(&mut self, traffic: &Traffic) -> Answer {
        self.ask(&Asked::from(traffic))
    }

    /// The same, of traffic without what came of it.
    pub fn ask(&mut self, asked: &Asked<'_>) -> Answer {
        let known = [asked.source, asked.destination].map(|party| self.finder.known(party));
        let [source, destination] = &known;
        let space = |known: &'_ Option<Arc<Known>>| known.as_ref().map(|known| known.space.clone());
        let (mut answer, differ) = match (space(source), space(destination)) {
            // A namespace has one set of labels at a time: one of the two is late.
            (Some(one), Some(other)) if one.name == other.name && one != other => {
                let first = self.worlds.with(Some(&one), None);
                let second = self.worlds.with(Some(&other), None);
                let mut answer = self.ask_in(first, asked, &known);
                let late = self.ask_in(second, asked, &known);
                answer.unknown.extend(late.unknown);
                let differ = fold::add(&mut answer.verdict, late.verdict);
                (answer, differ)
            }
            (one, other) => {
                let world = self.worlds.with(one.as_ref(), other.as_ref());
                (self.ask_in(world, asked, &known), false)
            }
        };
        answer
            .unknown
            .extend(differ.then_some(Why::NamespaceLabelsDiffer));
        finish(answer, asked)
    }

    /// Asks about every two ends that may have been it.
    fn ask_in(
        &mut self,
        world: WorldId,
        asked: &Asked<'_>,
        known: &[Option<Arc<Known>>; 2],
    ) -> Answer {
        let [source, destination] = known;
        let sources = self.ends(
            world,
            asked,
            (asked.source, source),
            (asked.destination, destination),
        );
        let destinations = self.ends(
            world,
            asked,
            (asked.destination, destination),
            (asked.source, source),
        );
        let inventory = self.worlds.get(world);
        let from = sources.told_apart(inventory, &destinations, Direction::Ingress);
        let to = destinations.told_apart(inventory, &sources, Direction::Egress);
        let ways = from.len() * to.len();
        if ways == 0 {
            let nothing = [&sources, &destinations].into_iter();
            let nothing = nothing.filter(|ends| ends.ends.is_empty());
            return Answer {
                verdict: fold::nothing(),
                unknown: nothing.flat_map(|ends| ends.why.clone()).collect(),
            };
        }
        if ways > WAYS {
            let several = sources.why.iter().chain(&destinations.why).cloned();
            return Answer {
                verdict: fold::nothing(),
                unknown: several.chain([Why::TooManyWays]).collect(),
            };
        }
        let dialled = dialled(inventory, asked);
        let mut verdict: Option<Arc<Verdict>> = None;
        let mut decisions = Vec::with_capacity(ways);
        for source in from {
            for destination in to {
                let connection = Connection {
                    source: source.clone(),
                    destination: destination.clone(),
                    protocol: asked.protocol,
                    destination_port: match asked.port {
                        Port::One(port) => Some(port),
                        Port::None | Port::Many => None,
                    },
                    dialled,
                };
                let one = self.cache.evaluate(inventory, &connection);
                decisions.push((one.egress.decision, one.ingress.decision));
                match &mut verdict {
                    Some(all) => {
                        fold::add(all, one);
                    }
                    None => verdict = Some(one),
                }
            }
        }
        let row = to.len();
        let mut unknown = Vec::new();
        // What differs from row to row is due to the source, what differs within one to the destination.
        if decisions
            .iter()
            .zip(&decisions[row..])
            .any(|(one, next)| one != next)
        {
            unknown.extend(sources.why.iter().cloned());
        }
        let mut rows = decisions.chunks(row);
        if rows.any(|row| row.iter().any(|one| *one != row[0])) {
            unknown.extend(destinations.why.iter().cloned());
        }
        Answer {
            // There is a way, so there is a verdict.
            verdict: verdict.unwrap_or_else(fold::nothing),
            unknown,
        }
    }

    fn ends(
        &mut self,
        world: WorldId,
        asked: &Asked<'_>,
        (party, known): (&Party, &Option<Arc<Known>>),
        (other, other_known): (&Party, &Option<Arc<Known>>),
    ) -> Arc<Ends> {
        let Some(known) = known else {
            return self.finder.other(&self.worlds, world, party);
        };
        let facing = match (other, other_known) {
            (_, Some(other)) if other.host_network => Facing::PerhapsOwnNode(SOME_NODE.into()),
            (Party::Node { name }, _) => match asked.nodes {
                [only] if only == name => Facing::OwnNode(name.clone()),
                [_, ..] if !asked.nodes.contains(name) => Facing::Others,
                _ => Facing::PerhapsOwnNode(name.clone()),
            },
            _ => Facing::Others,
        };
        self.finder.pods(&mut self.worlds, world, known, facing)
    }
}

/// The address of the Service that was dialled; policies see no port of it.
fn dialled(inventory: &Inventory, asked: &Asked<'_>) -> Option<SocketAddr> {
    let (namespace, name) = asked.service?;
    let service = inventory.service(namespace, name)?;
    let address = service.cluster_addresses.first()?;
    Some(SocketAddr::new(*address, 0))
}

/// Reasons in order, and none for what is decided.
fn finish(mut answer: Answer, asked: &Asked<'_>) -> Answer {
    if answer.decision() != Decision::Unknown {
        answer.unknown.clear();
        return answer;
    }
    let caveats = answer.verdict.caveats.iter();
    answer
        .unknown
        .extend(caveats.filter_map(|caveat| reason(*caveat, asked)));
    answer.unknown.sort_unstable();
    answer.unknown.dedup();
    answer
}

/// Why a caveat leaves a decision open; `None` for one that only comments on it.
fn reason(caveat: Caveat, asked: &Asked<'_>) -> Option<Why> {
    let is_scan = [asked.source, asked.destination].contains(&&Party::Many);
    match caveat {
        Caveat::EndUnknown if is_scan => Some(Why::ManyParties),
        Caveat::PortUnknown if asked.port == Port::Many => Some(Why::ManyPorts),
        Caveat::HostNetwork
        | Caveat::IpBlockMatchesPod
        | Caveat::UnsupportedPeer
        | Caveat::AddressTranslated => None,
        caveat => Some(Why::Undecided(caveat)),
    }
}
