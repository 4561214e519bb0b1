//! Lines that together match all that another does.

use super::addresses::{Block, are_held, is_free};
use super::{Shadows, implied, ports};
use crate::history::RememberedPolicy;
use crate::model::Cidr;
use crate::unused::lines::Who;
use crate::verdict::{Direction, Tier};

impl Shadows<'_> {
    /// Lines that together match all that one does, by words alone.
    pub(super) fn covered(&self, index: usize, others: &[usize]) -> Option<Vec<usize>> {
        let line = &self.lines[index];
        let port = |other: &usize| self.lines[*other].port;
        let mut beside: Vec<usize> = Vec::new();
        for &other in others {
            if self.includes(other, index) {
                if ports::covers(port(&other), line.port) {
                    return Some(vec![other]);
                }
                beside.push(other);
            }
        }
        let entries: Vec<ports::Entry<'_>> = beside.iter().map(port).collect();
        if ports::are_covered(line.port, &entries) {
            return Some(beside);
        }
        let wanted = blocks(line.who);
        let same_ports = others.iter().copied().filter(|other| {
            touch(self.lines[*other].who, line.who) && ports::covers(port(other), line.port)
        });
        let same_ports: Vec<usize> = same_ports.collect();
        let held: Vec<Block<'_>> = same_ports
            .iter()
            .flat_map(|other| blocks(self.lines[*other].who))
            .collect();
        let is_held = !wanted.is_empty() && wanted.iter().all(|one| are_held(*one, &held));
        is_held.then_some(same_ports)
    }

    /// Whether the address blocks of a line's peer hold all of a block, or none of it; `None` for a part.
    pub(in crate::unused) fn holds(&self, line: usize, block: Cidr) -> Option<bool> {
        let one = Block {
            cidr: block,
            except: &[],
        };
        let own = blocks(self.lines[line].who);
        if are_held(one, &own) {
            return Some(true);
        }
        is_free(one, &own).then_some(false)
    }

    /// Whether the peer of one line matches everything that another's does.
    fn includes(&self, wide: usize, narrow: usize) -> bool {
        let implies = implied::implies;
        let own = &*self.policies[self.lines[narrow].policy]
            .reference()
            .namespace;
        match (self.lines[wide].who, self.lines[narrow].who) {
            (Who::Everyone, _) => true,
            (
                Who::Pods {
                    namespaces: wide_spaces,
                    pods: wide,
                },
                Who::Pods { namespaces, pods },
            ) => {
                let spaces = match (wide_spaces, namespaces) {
                    (None, None) => true,
                    (Some(wide), None) => implied::includes_namespace(wide, own),
                    (None, Some(narrow)) => implied::is_one_namespace(narrow, own),
                    (Some(wide), Some(narrow)) => implies(narrow, wide),
                };
                spaces && implies(pods, wide)
            }
            (Who::Nodes(wide), Who::Nodes(narrow)) => implies(narrow, wide),
            (Who::Names(wide), Who::Names(narrow)) => narrow.iter().all(|one| wide.contains(one)),
            (wide, narrow) if !touch(wide, narrow) => false,
            (wide, narrow) => {
                let (wide, narrow) = (blocks(wide), blocks(narrow));
                !narrow.is_empty() && narrow.iter().all(|one| are_held(*one, &wide))
            }
        }
    }

    /// Lines that together match all that one does, for every pod that is known. `rivals` are those that may match some
    /// pods, or everyone else where none are given.
    pub(super) fn covered_for_known(
        &self,
        index: usize,
        rivals: impl Fn(Option<usize>) -> Vec<usize>,
    ) -> Option<Vec<usize>> {
        let line = &self.lines[index];
        let Some(peers) = &self.peers[index] else {
            // Ports of the policy's own pods are known, whoever the other end is.
            let mut these = rivals(None);
            these.retain(|other| self.includes(*other, index));
            let is_own = line.direction == Direction::Ingress;
            return (is_own && self.are_covered_at(index, &these, None)).then_some(these);
        };
        if peers.groups.is_empty() {
            return None;
        }
        let mut by = Vec::new();
        for &peer in &peers.groups {
            let mut these = rivals(Some(peer));
            these.retain(|other| {
                let peers = self.peers[*other].as_ref();
                peers.is_none_or(|peers| peers.is_certain && peers.has(peer))
            });
            if !self.are_covered_at(index, &these, Some(peer)) {
                return None;
            }
            by.extend(these);
        }
        by.sort_unstable();
        by.dedup();
        Some(by)
    }

    /// Whether the ports of some lines cover those of another at every destination: the policy's own pods, or the peer.
    fn are_covered_at(&self, index: usize, others: &[usize], peer: Option<usize>) -> bool {
        let line = &self.lines[index];
        let entries = others.iter().map(|other| self.lines[*other].port);
        let entries: Vec<ports::Entry<'_>> = entries.collect();
        let at = |group| ports::are_covered_at(line.port, &entries, self.pods.group(group));
        match line.direction {
            Direction::Egress => peer.is_some_and(at),
            Direction::Ingress => {
                let mut own = self.subjects[line.policy].groups.iter();
                own.all(|group| at(*group))
            }
        }
    }

    /// Whether NetworkPolicy decides for every pod that a policy of the Baseline tier selects (rule 37).
    pub(super) fn is_never_reached(&self, index: usize) -> bool {
        let line = &self.lines[index];
        match &self.policies[line.policy] {
            RememberedPolicy::Tiered(policy) if policy.tier == Tier::Baseline => {}
            _ => return false,
        }
        let isolates = |policy: &usize, group: usize| {
            let selected = &self.subjects[*policy];
            let RememberedPolicy::Network(policy) = &self.policies[*policy] else {
                return false;
            };
            policy.rules(line.direction).is_some() && selected.is_certain && selected.has(group)
        };
        let mut groups = self.subjects[line.policy].groups.iter();
        groups.all(|&group| {
            let space = self.by_namespace.get(&*self.pods.group(group).namespace);
            space.is_some_and(|policies| policies.iter().any(|one| isolates(one, group)))
        })
    }
}

/// The address blocks of a peer; none where it is about anything else.
fn blocks(who: Who<'_>) -> Vec<Block<'_>> {
    match who {
        Who::Block(block) => vec![Block {
            cidr: block.cidr,
            except: &block.except,
        }],
        Who::Networks(blocks) => {
            let plain = blocks.iter().map(|cidr| Block {
                cidr: *cidr,
                except: &[],
            });
            plain.collect()
        }
        _ => Vec::new(),
    }
}

/// Whether an address may be in blocks of both peers. Most lines have none in common with most others.
fn touch(one: Who<'_>, other: Who<'_>) -> bool {
    let meet = |one: &Cidr, other: &Cidr| {
        let (one, other) = (one.net(), other.net());
        one.contains(&other) || other.contains(&one)
    };
    let mut ones = cidrs(one).iter();
    ones.any(|one| cidrs(other).iter().any(|other| meet(one, other)))
}

fn cidrs(who: Who<'_>) -> &[Cidr] {
    match who {
        Who::Block(block) => std::slice::from_ref(&block.cidr),
        Who::Networks(blocks) => blocks,
        _ => &[],
    }
}
