//! The ends that a remembered party may have been.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use foldhash::fast::RandomState;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Why;
use super::now::Present;
use super::vocabulary::Vocabulary;
use super::world::{Space, WorldId, Worlds};
use crate::connection::End;
use crate::history::{Party, PodGroup};
use crate::inventory::Inventory;
use crate::model::{Labels, Phase, Pod, Service, ServiceType};
use crate::verdict::Direction;

/// Each of these may have been it.
#[derive(Debug)]
pub(super) struct Ends {
    /// None where nothing can be asked.
    pub(super) ends: Vec<End>,
    /// Why there is not just one.
    pub(super) why: Vec<Why>,
    /// Nothing but their addresses tells them apart.
    pub(super) by_address: bool,
}

impl Ends {
    /// Those that the policies of the other end may tell apart. `direction` is the one that those are about.
    pub(super) fn told_apart(
        &self,
        inventory: &Inventory,
        others: &Self,
        direction: Direction,
    ) -> &[End] {
        let looks_at_addresses = |other: &End| match other {
            End::Pod { pod, .. } if !pod.host_network => {
                let subject = inventory.subject(pod);
                subject.compares_addresses(direction) || subject.compares_names(direction)
            }
            // No policy is asked about them.
            _ => false,
        };
        match self.ends.get(..1) {
            Some(first) if self.by_address && !others.ends.iter().any(looks_at_addresses) => first,
            _ => &self.ends,
        }
    }

    fn one(end: End) -> Self {
        Self {
            ends: vec![end],
            why: Vec::new(),
            by_address: false,
        }
    }

    fn none(why: Why) -> Self {
        Self {
            ends: Vec::new(),
            why: vec![why],
            by_address: false,
        }
    }
}

/// What the other end is, where that decides whether a pod's own node takes part (rule 20).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Facing {
    /// No node.
    Others,
    /// This node, which is the pod's.
    OwnNode(Arc<str>),
    /// This node, which may be the pod's or not.
    PerhapsOwnNode(Arc<str>),
}

/// Stands for the node of pods that share its addresses, of which it is not known which it is. No node has this name.
pub(super) const SOME_NODE: &str = "";

/// Finds the ends of parties, each once.
#[derive(Debug)]
pub(super) struct Finder {
    vocabulary: Vocabulary,
    /// Who has labels now, where those are asked about.
    present: Option<Present>,
    groups: Groups,
    found: HashMap<(WorldId, Key), Arc<Ends>, RandomState>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    Pods(usize, Facing),
    Other(Party),
}

/// Who a party of pods is taken to be.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// Another for other pods, of one finder.
    pub(super) id: usize,
    /// Several, or none, where labels of now are asked about.
    pub(super) groups: Vec<Arc<PodGroup>>,
    /// Its namespace with the labels that are asked about.
    pub(super) space: Space,
    /// Some of it shares the addresses of its node.
    pub(super) host_network: bool,
}

/// Pod groups by their place in memory, which few allocations share, and by what they say.
#[derive(Debug, Default)]
struct Groups {
    /// Holds the group, so that its place is not taken by another.
    places: HashMap<usize, (Arc<PodGroup>, Arc<Known>), RandomState>,
    known: HashMap<Arc<PodGroup>, Arc<Known>, RandomState>,
}

impl Finder {
    pub(super) fn new(vocabulary: Vocabulary, present: Option<Present>) -> Self {
        Self {
            vocabulary,
            present,
            groups: Groups::default(),
            found: HashMap::default(),
        }
    }

    /// Who pods are taken to be; `None` for a party that is none.
    pub(super) fn known(&mut self, party: &Party) -> Option<Arc<Known>> {
        let Party::Pods(group) = party else {
            return None;
        };
        let place = Arc::as_ptr(group) as usize;
        if let Some((_, known)) = self.groups.places.get(&place) {
            return Some(known.clone());
        }
        let next = self.groups.known.len();
        let present = self.present.as_ref();
        let known = self.groups.known.entry(group.clone()).or_insert_with(|| {
            let groups = match present {
                None => vec![group.clone()],
                Some(present) => present.groups(group).to_vec(),
            };
            let space = Space::of(groups.first().unwrap_or(group));
            Arc::new(Known {
                id: next,
                host_network: match groups.as_slice() {
                    [] => group.host_network,
                    groups => groups.iter().any(|group| group.host_network),
                },
                groups,
                space,
            })
        });
        let known = known.clone();
        let held = (group.clone(), known.clone());
        self.groups.places.insert(place, held);
        Some(known)
    }

    /// The ends of pods.
    pub(super) fn pods(
        &mut self,
        worlds: &mut Worlds,
        world: WorldId,
        known: &Known,
        facing: Facing,
    ) -> Arc<Ends> {
        let vocabulary = &self.vocabulary;
        let key = (world, Key::Pods(known.id, facing.clone()));
        let found = self.found.entry(key);
        let ends = found
            .or_insert_with(|| Arc::new(pods(vocabulary, worlds, world, &known.groups, &facing)));
        ends.clone()
    }

    /// The ends of a party that is no pods.
    pub(super) fn other(&mut self, worlds: &Worlds, world: WorldId, party: &Party) -> Arc<Ends> {
        let vocabulary = &self.vocabulary;
        let found = self.found.entry((world, Key::Other(party.clone())));
        let ends = found.or_insert_with(|| {
            let inventory = worlds.get(world);
            Arc::new(match party {
                // Asked about by `pods`.
                Party::Pods(_) => Ends::none(Why::Gone),
                Party::Node { name } => match inventory.node(name) {
                    Some(node) if !node.addresses.is_empty() => {
                        let node = node.clone();
                        let addresses = node.addresses.iter();
                        let ends = addresses.map(|address| End::Node {
                            node: node.clone(),
                            address: *address,
                        });
                        Ends {
                            ends: ends.collect(),
                            why: vec![Why::AddressesDiffer],
                            by_address: true,
                        }
                    }
                    // Of a node without addresses as little is known as of a pod that shares them.
                    _ => Ends::one(End::Pod {
                        pod: Arc::new(pod_of_node(name)),
                        address: None,
                    }),
                },
                Party::Service { namespace, name } => {
                    let service = inventory.service(namespace, name).cloned();
                    let service = service.unwrap_or_else(|| Arc::new(bare(namespace, name)));
                    let address = service.cluster_addresses.first().copied();
                    Ends::one(End::Service {
                        service,
                        address: address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
                    })
                }
                Party::Outside(block) => addresses(vocabulary, &[block.net()], End::Address),
                Party::Unknown(block) => addresses(vocabulary, &[block.net()], End::Unknown),
                Party::Many => {
                    let v4 = Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0);
                    let v6 = Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0);
                    let ends = addresses(vocabulary, &[v4.into(), v6.into()], End::Unknown);
                    Ends {
                        why: vec![Why::ManyParties],
                        ..ends
                    }
                }
            })
        });
        ends.clone()
    }
}

fn pods(
    vocabulary: &Vocabulary,
    worlds: &mut Worlds,
    world: WorldId,
    groups: &[Arc<PodGroup>],
    facing: &Facing,
) -> Ends {
    if groups.is_empty() {
        return Ends::none(Why::Gone);
    }
    let mut all = Ends {
        ends: Vec::new(),
        why: Vec::new(),
        by_address: false,
    };
    if groups.len() > 1 {
        all.why.push(Why::LabelsDiffer);
    }
    let some_node: Arc<str> = SOME_NODE.into();
    let nodes = |host_network: bool| match facing {
        _ if host_network => vec![Some(some_node.clone())],
        Facing::Others => vec![None],
        Facing::OwnNode(name) => vec![Some(name.clone())],
        Facing::PerhapsOwnNode(name) => vec![None, Some(name.clone())],
    };
    for group in groups {
        let (variants, open) = vocabulary.labels(&group.workload, &group.labels);
        all.why.extend(open.into_iter().map(Why::GeneratedLabel));
        let Some(variants) = variants else {
            all.ends.clear();
            return all;
        };
        for labels in &variants {
            for node in nodes(group.host_network) {
                let pod = worlds.pod(world, group, labels, node.as_ref());
                all.ends.push(End::Pod { pod, address: None });
            }
        }
    }
    if matches!(facing, Facing::PerhapsOwnNode(_)) {
        all.why.push(Why::OwnNode);
    }
    all.why.sort_unstable();
    all.why.dedup();
    all
}

fn addresses(vocabulary: &Vocabulary, blocks: &[IpNet], end: fn(IpAddr) -> End) -> Ends {
    let mut ends = Vec::new();
    for block in blocks {
        match vocabulary.addresses(*block) {
            Some(addresses) => ends.extend(addresses.into_iter().map(end)),
            None => return Ends::none(Why::AddressesDiffer),
        }
    }
    Ends {
        ends,
        why: vec![Why::AddressesDiffer],
        by_address: true,
    }
}

/// Something in the network namespace of a node of which nothing but the name is known.
fn pod_of_node(name: &Arc<str>) -> Pod {
    Pod {
        uid: Arc::default(),
        namespace: Arc::default(),
        // It stands for all that is there.
        name: format!("{name}[Node]").into(),
        labels: Labels::default(),
        phase: Phase::Running,
        addresses: Vec::new(),
        node: Some(name.clone()),
        host_network: true,
        ports: Vec::new(),
        controller: None,
        workload: None,
        started: None,
    }
}

/// A Service of which nothing but the name is known.
fn bare(namespace: &Arc<str>, name: &Arc<str>) -> Service {
    Service {
        namespace: namespace.clone(),
        name: name.clone(),
        kind: ServiceType::ClusterIp,
        cluster_addresses: Vec::new(),
        is_headless: false,
        external_addresses: Vec::new(),
        selector: None,
        ports: Vec::new(),
    }
}
