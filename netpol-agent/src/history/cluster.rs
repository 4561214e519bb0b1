//! The cluster's nodes and Services, as they stand.

use std::sync::Arc;

use netpol_policy::model::{Node, Service};

use crate::inventory::Snapshot;

/// Nodes and Services, and whether the store holds them.
#[derive(Default)]
pub(super) struct Cluster {
    nodes: Tracked<Node>,
    services: Tracked<Service>,
    generation: u64,
}

/// A list that is written whole.
struct Tracked<T> {
    items: Vec<Arc<T>>,
    is_dirty: bool,
    is_in_flight: bool,
}

impl<T> Default for Tracked<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            is_dirty: false,
            is_in_flight: false,
        }
    }
}

impl<T: Clone + PartialEq> Tracked<T> {
    fn follow<'a>(&mut self, items: impl Iterator<Item = &'a Arc<T>>)
    where
        T: 'a,
    {
        let items: Vec<Arc<T>> = items.cloned().collect();
        let is_same = |(one, other): (&Arc<T>, &Arc<T>)| Arc::ptr_eq(one, other) || one == other;
        let stays = items.len() == self.items.len() && items.iter().zip(&self.items).all(is_same);
        self.is_dirty |= !stays;
        self.items = items;
    }

    fn all(&self) -> Vec<T> {
        self.items.iter().map(|item| (**item).clone()).collect()
    }

    fn take(&mut self) -> Option<Vec<T>> {
        self.is_in_flight = std::mem::take(&mut self.is_dirty);
        self.is_in_flight.then(|| self.all())
    }

    fn settle(&mut self, is_written: bool) {
        self.is_dirty |= std::mem::take(&mut self.is_in_flight) && !is_written;
    }
}

impl Cluster {
    /// Takes in what an inventory holds.
    pub(super) fn follow(&mut self, snapshot: &Snapshot) {
        if snapshot.generation() == self.generation {
            return;
        }
        self.generation = snapshot.generation();
        self.nodes.follow(snapshot.inventory().nodes());
        self.services.follow(snapshot.inventory().services());
    }

    /// Takes in what the store holds; what an inventory said already is newer.
    pub(super) fn load(&mut self, nodes: Vec<Node>, services: Vec<Service>) {
        if self.generation == 0 {
            self.nodes.items = nodes.into_iter().map(Arc::new).collect();
            self.services.items = services.into_iter().map(Arc::new).collect();
        }
    }

    pub(super) fn nodes(&self) -> Vec<Node> {
        self.nodes.all()
    }

    pub(super) fn services(&self) -> Vec<Service> {
        self.services.all()
    }

    /// What is to be written.
    pub(super) fn take_changes(&mut self) -> (Option<Vec<Node>>, Option<Vec<Service>>) {
        (self.nodes.take(), self.services.take())
    }

    /// The store holds nothing any more.
    pub(super) fn begin_anew(&mut self) {
        (self.nodes.is_dirty, self.services.is_dirty) = (true, true);
    }

    /// Takes in whether that has been written.
    pub(super) fn settle(&mut self, is_written: bool) {
        self.nodes.settle(is_written);
        self.services.settle(is_written);
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use netpol_policy::manifest;

    use super::*;
    use crate::inventory::{Change, Report};

    fn node(zone: &str) -> Change {
        let text = format!(
            "apiVersion: v1\nkind: Node\nmetadata: {{name: n1, labels: {{zone: {zone}}}}}\n"
        );
        Change::Apply(manifest::parse(&text).objects.remove(0))
    }

    #[test]
    fn a_list_is_written_whole_where_anything_in_it_changed_and_again_where_that_failed() {
        let mut cluster = Cluster::default();
        let mut snapshot = Snapshot::default();
        let mut change = |cluster: &mut Cluster, changes| {
            snapshot = snapshot.next(changes, Report::default(), UNIX_EPOCH);
            cluster.follow(&snapshot);
        };
        let written = |cluster: &mut Cluster, succeeds| {
            let (nodes, services) = cluster.take_changes();
            cluster.settle(succeeds);
            (nodes.map(|nodes| nodes.len()), services.is_some())
        };
        change(&mut cluster, vec![node("a")]);
        assert_eq!(written(&mut cluster, true), (Some(1), false));
        change(&mut cluster, Vec::new());
        assert_eq!(written(&mut cluster, true), (None, false));
        change(&mut cluster, vec![node("b")]);
        assert_eq!(written(&mut cluster, false), (Some(1), false));
        assert_eq!(written(&mut cluster, true), (Some(1), false));
        assert_eq!(cluster.nodes()[0].labels.get("zone"), Some("b"));
        cluster.begin_anew();
        assert_eq!(written(&mut cluster, true), (Some(1), true));
    }
}
