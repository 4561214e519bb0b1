//! Who had an address, from when to when.
//!
//! Addresses are used again within seconds of a pod's end, and records arrive late: a flow belongs to whoever had the
//! address at the time of its first packet, never to the pod that has it now.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use imbl::Vector;
use netpol_policy::model::Pod;

use super::Map;

/// How long the former holder of an address is remembered, unless told otherwise.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Holders of every pod address, now and lately.
#[derive(Clone)]
pub(crate) struct AddressHistory {
    /// How long a former holder is remembered.
    remembered: Duration,
    tenures: Map<IpAddr, Vec<Tenure>>,
    /// When a tenure ended, and of which address; oldest first.
    ended: Vector<(SystemTime, IpAddr)>,
    /// Whether a first inventory was taken in: before it nothing is known of anybody's beginning.
    started: bool,
}

/// One pod's time with an address. Several pods may claim one at a time.
#[derive(Clone, Debug)]
struct Tenure {
    pod: Arc<Pod>,
    from: SystemTime,
    until: Option<SystemTime>,
}

impl Tenure {
    fn is_current(&self, pod: &Pod) -> bool {
        self.until.is_none() && is_same(&self.pod, pod)
    }

    fn covers(&self, at: SystemTime) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

impl Default for AddressHistory {
    fn default() -> Self {
        Self::remembering(REMEMBERED)
    }
}

impl AddressHistory {
    /// Nobody has had any address; former holders will be remembered for this time.
    pub(super) fn remembering(remembered: Duration) -> Self {
        Self {
            remembered,
            tenures: Map::default(),
            ended: Vector::new(),
            started: false,
        }
    }

    /// Takes in that a pod came, changed or went. A finished pod has given its addresses up, whatever it lists.
    pub(super) fn change(
        &mut self,
        before: Option<&Arc<Pod>>,
        after: Option<&Arc<Pod>>,
        now: SystemTime,
    ) {
        for (pod, address) in own_addresses(before) {
            let stays =
                own_addresses(after).any(|(after, kept)| kept == address && is_same(after, pod));
            if !stays {
                self.give_up(address, pod, now);
            }
        }
        for (pod, address) in own_addresses(after) {
            self.take(address, pod, now);
        }
    }

    /// Ends a round of changes: the first one tells who was there before anybody looked.
    pub(super) fn settle(&mut self, now: SystemTime) {
        self.started = true;
        let remembered = self.remembered;
        while let Some((until, address)) = self.ended.front().copied()
            && until + remembered <= now
        {
            self.ended.pop_front();
            let Some(tenures) = self.tenures.get_mut(&address) else {
                continue;
            };
            tenures.retain(|tenure| tenure.until.is_none_or(|until| until + remembered > now));
            if tenures.is_empty() {
                self.tenures.remove(&address);
            }
        }
    }

    fn give_up(&mut self, address: IpAddr, pod: &Pod, now: SystemTime) {
        let tenures = self.tenures.get_mut(&address).into_iter().flatten();
        for tenure in tenures.filter(|tenure| tenure.is_current(pod)) {
            tenure.until = Some(now);
        }
        self.ended.push_back((now, address));
    }

    fn take(&mut self, address: IpAddr, pod: &Arc<Pod>, now: SystemTime) {
        let from = match started(pod) {
            // Where the node of the pod has its clock ahead of ours, it began before now all the same.
            Some(begin) => begin.min(now),
            None if self.started => now,
            None => UNIX_EPOCH,
        };
        let tenures = self.tenures.entry(address).or_default();
        match tenures.iter_mut().find(|tenure| tenure.is_current(pod)) {
            Some(tenure) => tenure.pod = pod.clone(),
            None => {
                // Nearly every address has one.
                tenures.reserve_exact(1);
                tenures.push(Tenure {
                    pod: pod.clone(),
                    from,
                    until: None,
                });
            }
        }
    }

    /// Who had an address at a time: of several that claim it the one that began last, since the inventory learns of an
    /// end later than the network does. Nobody, where that does not tell them apart.
    #[must_use]
    pub(crate) fn holder(&self, address: IpAddr, at: SystemTime) -> Option<&Arc<Pod>> {
        let tenures = self.tenures.get(&address)?;
        let last = tenures
            .iter()
            .filter(|tenure| tenure.covers(at))
            .max_by_key(|tenure| tenure.from)?;
        let is_told_apart = |other: &Tenure| {
            !other.covers(at) || other.from < last.from || is_same(&other.pod, &last.pod)
        };
        tenures.iter().all(is_told_apart).then_some(&last.pod)
    }

    /// Whether some pod has an address now.
    #[must_use]
    pub(crate) fn is_held(&self, address: IpAddr) -> bool {
        let tenures = self.tenures.get(&address).into_iter().flatten();
        tenures.into_iter().any(|tenure| tenure.until.is_none())
    }
}

/// The addresses that are a pod's own and still its own.
fn own_addresses(pod: Option<&Arc<Pod>>) -> impl Iterator<Item = (&Arc<Pod>, IpAddr)> {
    let live = pod.filter(|pod| !pod.phase.is_finished() && !pod.host_network);
    live.into_iter().flat_map(|pod| {
        let addresses = pod.addresses.iter();
        addresses.map(move |address| (pod, address.to_canonical()))
    })
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

    /// A pod with the address.
    fn holder(name: &str, started: Option<i64>) -> Arc<Pod> {
        let mut holder = Pod::clone(&pod("ci", name));
        holder.addresses = vec![address()];
        holder.started = started;
        Arc::new(holder)
    }

    /// When, and what a pod was before and is after.
    type Round<'a> = (u64, Option<&'a Arc<Pod>>, Option<&'a Arc<Pod>>);

    /// One change a round.
    fn history(changes: &[Round<'_>]) -> AddressHistory {
        let mut history = AddressHistory::default();
        for (seconds, before, after) in changes {
            history.change(*before, *after, at(*seconds));
            history.settle(at(*seconds));
        }
        history
    }

    fn name(history: &AddressHistory, seconds: u64) -> Option<String> {
        history
            .holder(address(), at(seconds))
            .map(|pod| pod.name.to_string())
    }

    #[test]
    fn a_reused_address_does_not_repaint_old_flows() {
        let (old, new) = (holder("old", None), holder("new", None));
        let history = history(&[
            (100, None, Some(&old)),
            (200, Some(&old), None),
            (210, None, Some(&new)),
        ]);
        assert_eq!(name(&history, 150).as_deref(), Some("old"));
        assert_eq!(name(&history, 205), None);
        assert_eq!(name(&history, 210).as_deref(), Some("new"));
        assert!(history.is_held(address()));
    }

    #[test]
    fn a_pods_start_counts_even_if_it_was_learnt_later() {
        let (old, new) = (holder("old", None), holder("new", Some(190)));
        for last in [
            [(200, Some(&old), None), (200, None, Some(&new))],
            [(200, None, Some(&new)), (220, Some(&old), None)],
        ] {
            let changes = [(100, None, Some(&old)), last[0], last[1]];
            let history = history(&changes);
            assert_eq!(name(&history, 185).as_deref(), Some("old"));
            assert_eq!(name(&history, 195).as_deref(), Some("new"));
            assert_eq!(name(&history, 230).as_deref(), Some("new"));
        }
    }

    #[test]
    fn a_start_in_the_future_is_that_of_a_clock_ahead() {
        let (old, new) = (holder("old", None), holder("new", Some(5000)));
        let history = history(&[
            (100, None, Some(&old)),
            (200, Some(&old), None),
            (210, None, Some(&new)),
        ]);
        assert_eq!(name(&history, 150).as_deref(), Some("old"));
        assert_eq!(name(&history, 205), None, "nobody tells whose it was then");
        assert_eq!(name(&history, 210).as_deref(), Some("new"));
    }

    #[test]
    fn a_pod_made_anew_under_its_name_is_another() {
        let old = holder("web", Some(90));
        let mut new = Pod::clone(&holder("web", Some(200)));
        new.uid = "another".into();
        let new = Arc::new(new);
        // The end of the one and the beginning of the other may come as one change.
        let history = history(&[(100, None, Some(&old)), (210, Some(&old), Some(&new))]);
        let uid = |seconds| {
            let pod = history.holder(address(), at(seconds))?;
            Some(pod.uid.to_string())
        };
        assert_eq!(uid(150).as_deref(), Some(""));
        assert_eq!(uid(205).as_deref(), Some("another"));
    }

    #[test]
    fn a_pod_without_a_start_inherits_nothing_older_than_its_appearance() {
        let new = holder("new", None);
        let history = history(&[(100, None, None), (200, None, Some(&new))]);
        assert_eq!(name(&history, 199), None);
        assert_eq!(name(&history, 200).as_deref(), Some("new"));
    }

    #[test]
    fn of_two_that_were_there_from_the_start_neither_is_guessed() {
        let (one, other) = (holder("one", None), holder("other", None));
        let mut history = AddressHistory::default();
        for pod in [&one, &other] {
            history.change(None, Some(pod), at(100));
        }
        history.settle(at(100));
        assert_eq!(name(&history, 150), None);
        history.change(Some(&one), None, at(200));
        assert_eq!(name(&history, 210).as_deref(), Some("other"));
    }

    #[test]
    fn a_pod_that_changes_keeps_its_address_and_a_finished_one_gives_it_up() {
        let pod = holder("old", None);
        let mut relabelled = Pod::clone(&pod);
        relabelled.labels = [("app", "web")].into_iter().collect();
        let relabelled = Arc::new(relabelled);
        let mut finished = Pod::clone(&relabelled);
        finished.phase = netpol_policy::model::Phase::Succeeded;
        let finished = Arc::new(finished);
        let history = history(&[
            (100, None, Some(&pod)),
            (200, Some(&pod), Some(&relabelled)),
            (300, Some(&relabelled), Some(&finished)),
        ]);
        let known = history.holder(address(), at(150));
        assert!(known.is_some_and(|known| Arc::ptr_eq(known, &relabelled)));
        assert_eq!(name(&history, 300), None);
        assert!(!history.is_held(address()));
    }

    #[test]
    fn former_holders_are_forgotten_in_time() {
        let old = holder("old", None);
        let history = history(&[
            (100, None, Some(&old)),
            (200, Some(&old), None),
            (800, None, None),
        ]);
        assert_eq!(name(&history, 150), None);
        assert!(history.tenures.is_empty() && history.ended.is_empty());
    }
}
