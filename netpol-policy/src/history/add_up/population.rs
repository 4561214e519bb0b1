//! Who exists, as several nodes tell it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use super::read_at;
use super::readings::Readings;
use crate::history::interned::Groups;
use crate::history::{History, Present};

/// Every group once. How many of its pods are on a node, that node says best; of a node that says nothing of the group,
/// the latest of the others. Of a group that only earlier histories tell of, none is there now.
pub(super) fn merge(histories: &[History], readings: &Readings) -> Vec<Present> {
    let mut ids = Groups::default();
    // In order of first mention, which depends on nothing but the histories, since they are sorted.
    let mut tellers: Vec<Vec<(usize, &Present)>> = Vec::new();
    let mut places: BTreeMap<u32, usize> = BTreeMap::new();
    for (index, history) in histories.iter().enumerate() {
        for present in &history.population {
            let place = *places
                .entry(ids.group(&present.group))
                .or_insert(tellers.len());
            match tellers.get_mut(place) {
                Some(told) => told.push((index, present)),
                None => tellers.push(vec![(index, present)]),
            }
        }
    }
    tellers
        .into_iter()
        .filter_map(|told| group(histories, readings, &told))
        .collect()
}

/// `None` where nobody tells of it.
fn group(
    histories: &[History],
    readings: &Readings,
    told: &[(usize, &Present)],
) -> Option<Present> {
    let (_, first) = told.first()?;
    let now = || told.iter().filter(|(index, _)| readings.is_current(*index));
    let nodes: BTreeSet<&Arc<str>> = now().flat_map(|(_, present)| present.pods.keys()).collect();
    let mut pods = BTreeMap::new();
    for node in nodes {
        let rank = |index: usize| -> (bool, Option<SystemTime>, usize) {
            let history = histories.get(index);
            let is_own = history
                .is_some_and(|history| history.nodes.iter().any(|known| known.name == *node));
            (is_own, history.and_then(read_at), index)
        };
        let teller = now().max_by_key(|(index, _)| rank(*index));
        if let Some(count) = teller.and_then(|(_, present)| present.pods.get(node)) {
            pods.insert(node.clone(), *count);
        }
    }
    let times = || told.iter().map(|(_, present)| present);
    Some(Present {
        group: first.group.clone(),
        pods,
        first_seen: times().map(|present| present.first_seen).min()?,
        last_seen: times().map(|present| present.last_seen).max()?,
    })
}
