//! Who had an address, from when to when.
//!
//! Addresses are used again within seconds of a pod's end, and records arrive late: a flow belongs to whoever had the
//! address at the time of its first packet, never to the pod that has it now.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use netpol_policy::model::Pod;

/// How long the former holder of an address is remembered.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Holders of every pod address, now and lately.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressHistory {
    tenures: HashMap<IpAddr, Vec<Tenure>>,
    /// Whether a first inventory was taken in: before it nothing is known of anybody's beginning.
    started: bool,
}

/// One pod's time with an address.
#[derive(Clone, Debug)]
struct Tenure {
    pod: Arc<Pod>,
    from: SystemTime,
    until: Option<SystemTime>,
}

impl AddressHistory {
    /// Takes in who has which address now. Whoever is not named any more has given his address up; finished pods must
    /// not be named.
    pub(crate) fn advance(
        &mut self,
        now: SystemTime,
        holders: impl Iterator<Item = (IpAddr, Arc<Pod>)>,
    ) {
        let mut holders: HashMap<IpAddr, Arc<Pod>> = holders.collect();
        for (address, tenures) in &mut self.tenures {
            let Some(current) = tenures.last_mut().filter(|tenure| tenure.until.is_none()) else {
                continue;
            };
            match holders.get(address) {
                Some(pod) if is_same(pod, &current.pod) => {
                    current.pod = pod.clone();
                    holders.remove(address);
                }
                Some(pod) => current.until = Some(started(pod).unwrap_or(now).min(now)),
                None => current.until = Some(now),
            }
        }
        for (address, pod) in holders {
            let from = match started(&pod) {
                Some(begin) => begin,
                None if self.started => now,
                None => UNIX_EPOCH,
            };
            self.tenures.entry(address).or_default().push(Tenure {
                pod,
                from,
                until: None,
            });
        }
        self.started = true;
        self.tenures.retain(|_, tenures| {
            tenures.retain(|tenure| tenure.until.is_none_or(|until| until + REMEMBERED > now));
            !tenures.is_empty()
        });
    }

    /// Who had an address at a time.
    #[must_use]
    pub(crate) fn holder(&self, address: IpAddr, at: SystemTime) -> Option<&Arc<Pod>> {
        let tenures = self.tenures.get(&address)?;
        let tenure = tenures.iter().rev().find(|tenure| tenure.from <= at)?;
        tenure
            .until
            .is_none_or(|until| at < until)
            .then_some(&tenure.pod)
    }
}

/// When a pod started, where that is known.
pub(crate) fn started(pod: &Pod) -> Option<SystemTime> {
    let seconds = u64::try_from(pod.started?).ok()?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Whether two descriptions are of one pod: a pod made anew under the same name has another UID.
pub(crate) fn is_same(left: &Pod, right: &Pod) -> bool {
    left.uid == right.uid && left.name == right.name && left.namespace == right.namespace
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pod;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn address() -> IpAddr {
        "10.1.0.5".parse().unwrap()
    }

    fn name(history: &AddressHistory, seconds: u64) -> Option<String> {
        history
            .holder(address(), at(seconds))
            .map(|pod| pod.name.to_string())
    }

    #[test]
    fn a_reused_address_does_not_repaint_old_flows() {
        let mut history = AddressHistory::default();
        history.advance(at(100), [(address(), pod("ci", "old"))].into_iter());
        history.advance(at(200), std::iter::empty());
        history.advance(at(210), [(address(), pod("ci", "new"))].into_iter());
        assert_eq!(name(&history, 150).as_deref(), Some("old"));
        assert_eq!(name(&history, 205), None);
        assert_eq!(name(&history, 210).as_deref(), Some("new"));
    }

    #[test]
    fn a_pods_start_counts_even_if_it_was_learnt_later() {
        let mut history = AddressHistory::default();
        history.advance(at(100), [(address(), pod("ci", "old"))].into_iter());
        let mut new = Pod::clone(&pod("ci", "new"));
        new.started = Some(190);
        history.advance(at(200), [(address(), Arc::new(new))].into_iter());
        assert_eq!(name(&history, 195).as_deref(), Some("new"));
        assert_eq!(name(&history, 185).as_deref(), Some("old"));
    }

    #[test]
    fn a_pod_without_a_start_inherits_nothing_older_than_its_appearance() {
        let mut history = AddressHistory::default();
        history.advance(at(100), std::iter::empty());
        history.advance(at(200), [(address(), pod("ci", "new"))].into_iter());
        assert_eq!(name(&history, 199), None);
        assert_eq!(name(&history, 200).as_deref(), Some("new"));
    }

    #[test]
    fn former_holders_are_forgotten_in_time() {
        let mut history = AddressHistory::default();
        history.advance(at(100), [(address(), pod("ci", "old"))].into_iter());
        history.advance(at(200), std::iter::empty());
        history.advance(at(900), std::iter::empty());
        assert_eq!(name(&history, 150), None);
    }
}
