//! Who is known: those that inventories named, and those that only traffic did.

use std::collections::HashMap;
use std::sync::Arc;

use crate::history::interned::Groups;
use crate::history::{History, Party, PodGroup, Present, SeenAt};

/// The population, with who was seen in traffic alone: pods that came and went between two looks at an inventory. Nodes where
/// somebody was seen and is not now stand with no pods there.
pub(super) fn everybody(history: &History) -> Vec<Present> {
    let mut all = history.population.clone();
    let mut groups = Groups::default();
    let mut places: HashMap<u32, usize> = HashMap::new();
    for (place, present) in history.population.iter().enumerate() {
        places.insert(groups.group(&present.group), place);
    }
    for edge in &history.edges {
        let (key, totals) = (&edge.key, &edge.totals);
        let ends = [
            (&key.source, SeenAt::Destination),
            (&key.destination, SeenAt::Source),
        ];
        for (party, elsewhere) in ends {
            let Party::Pods(group) = party else { continue };
            let place = *places.entry(groups.group(group)).or_insert(all.len());
            if place == all.len() {
                all.push(seen_only(group));
            }
            let present = &mut all[place];
            if place >= history.population.len() {
                present.first_seen = present.first_seen.min(totals.first_seen);
                present.last_seen = present.last_seen.max(totals.last_seen);
            }
            if key.seen_at != elsewhere && !present.pods.contains_key(&key.node) {
                present.pods.insert(key.node.clone(), 0);
            }
        }
    }
    all
}

/// Not there at any time yet.
fn seen_only(group: &Arc<PodGroup>) -> Present {
    Present {
        group: group.clone(),
        pods: Default::default(),
        first_seen: super::judge::far_future(),
        last_seen: std::time::SystemTime::UNIX_EPOCH,
    }
}
