//! A cluster that changes while it is asked.

use netpol_policy::cache::VerdictCache;
use netpol_policy::inventory::Inventory;
use netpol_policy::model::Protocol;

use super::cluster::Cluster;
use super::reachability::Reachability;

/// One inventory that is changed in place, and answers that are kept from before its changes.
pub(crate) struct Running {
    cluster: Cluster,
    inventory: Inventory,
    kept: VerdictCache,
}

impl Running {
    /// Begins with a cluster as it is.
    pub(crate) fn new(cluster: Cluster) -> Self {
        const ENOUGH_FOR_ALL: usize = 10_000;
        Self {
            inventory: cluster.inventory().clone(),
            cluster,
            kept: VerdictCache::new(ENOUGH_FOR_ALL),
        }
    }

    /// Makes the cluster another one: objects that are gone are removed, those that are new or not the same applied.
    pub(crate) fn change(&mut self, change: impl FnOnce(Cluster) -> Cluster) {
        let before = self.cluster.objects();
        self.cluster = change(self.cluster.clone());
        let after = self.cluster.objects();
        for object in &before {
            let (namespace, name) = object.key();
            let is_kept = after
                .iter()
                .any(|other| other.kind() == object.kind() && other.key() == object.key());
            if !is_kept {
                assert!(self.inventory.remove(object.kind(), namespace, name));
            }
        }
        for object in after {
            if !before.contains(&object) {
                self.inventory.apply(object);
            }
        }
    }

    /// As [`Cluster::expect`]; of the changed inventory, of the kept answers, and of a cluster made anew.
    pub(crate) fn expect(&self, protocol: Protocol, port: u16, expected: &Reachability) {
        self.cluster.expect(protocol, port, expected);
        // The second time, all that can be kept is.
        for _ in 0..2 {
            self.cluster
                .compare(&self.inventory, protocol, port, expected, |connection| {
                    (*self.kept.evaluate(&self.inventory, connection)).clone()
                });
        }
    }
}
