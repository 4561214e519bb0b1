//! Which lines may match what another does: of ten thousand of a namespace, mostly a few.

use std::collections::HashMap;
use std::rc::Rc;

use crate::history::RememberedPolicy;
use crate::unused::lines::{Line, Who};
use crate::unused::pods::Selected;
use crate::verdict::Direction;

/// Groups of pods by which a line is looked up. One about more is always among those that may match.
const FEW: usize = 256;

/// Lines by the policies that are asked together and by whom they are about.
pub(super) struct Rivals<'a>(HashMap<(Option<&'a str>, Direction), Lists>);

#[derive(Default)]
struct Lists {
    /// And those about more pods than are looked up by group.
    everyone: Vec<usize>,
    addresses: Vec<usize>,
    nodes: Vec<usize>,
    names: Vec<usize>,
    /// By group: all that may match it.
    pods: HashMap<usize, Vec<usize>>,
}

impl<'a> Rivals<'a> {
    pub(super) fn of(
        policies: &'a [RememberedPolicy],
        lines: &[Line<'a>],
        peers: &[Option<Rc<Selected>>],
    ) -> Self {
        let mut all: HashMap<_, Lists> = HashMap::new();
        for (index, line) in lines.iter().enumerate() {
            let space = match &policies[line.policy] {
                RememberedPolicy::Network(one) => Some(&*one.reference.namespace),
                RememberedPolicy::Tiered(_) => None,
            };
            let lists = all.entry((space, line.direction)).or_default();
            match line.who {
                Who::Everyone => lists.everyone.push(index),
                Who::Block(_) | Who::Networks(_) => lists.addresses.push(index),
                Who::Nodes(_) => lists.nodes.push(index),
                Who::Names(_) => lists.names.push(index),
                Who::Unsupported => {}
                Who::Pods { .. } => match &peers[index] {
                    Some(peers) if peers.groups.len() <= FEW => {
                        for group in &peers.groups {
                            lists.pods.entry(*group).or_default().push(index);
                        }
                    }
                    _ => lists.everyone.push(index),
                },
            }
        }
        Self(all)
    }

    /// The lines that may match a group of pods, or what else a line is about.
    pub(super) fn facing(
        &self,
        space: Option<&'a str>,
        direction: Direction,
        who: Who<'_>,
        group: Option<usize>,
    ) -> impl Iterator<Item = usize> {
        let lists = self.0.get(&(space, direction));
        let like = lists.and_then(|lists| match who {
            Who::Everyone | Who::Unsupported => None,
            Who::Block(_) | Who::Networks(_) => Some(&lists.addresses),
            Who::Nodes(_) => Some(&lists.nodes),
            Who::Names(_) => Some(&lists.names),
            Who::Pods { .. } => lists.pods.get(&group?),
        });
        let everyone = lists.into_iter().flat_map(|lists| &lists.everyone);
        everyone.chain(like.into_iter().flatten()).copied()
    }
}
