//! The cluster as some traffic found it: policies, nodes and Services, with the labels that namespaces had then.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::history::PodGroup;
use crate::inventory::Inventory;
use crate::model::{Labels, Namespace, Object, Phase, Pod};

/// A namespace, as somebody saw it labelled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Space {
    pub(super) name: Arc<str>,
    pub(super) labels: Labels,
}

impl Space {
    pub(super) fn of(group: &PodGroup) -> Self {
        Self {
            name: group.namespace.clone(),
            labels: group.namespace_labels.clone(),
        }
    }
}

/// Which world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct WorldId(usize);

/// All worlds. Most namespaces keep their labels, so nearly everything is asked in the first.
#[derive(Debug)]
pub(super) struct Worlds {
    /// Without namespaces and pods.
    ground: Inventory,
    all: Vec<World>,
    /// Those after the first, by the namespaces for which they were made.
    apart: HashMap<(Space, Option<Space>), WorldId, RandomState>,
}

impl Worlds {
    pub(super) fn new(ground: Inventory) -> Self {
        Self {
            all: vec![World::of(&ground)],
            apart: HashMap::default(),
            ground,
        }
    }

    /// The world in which these namespaces, at most one of a name, have these labels.
    pub(super) fn with(&mut self, one: Option<&Space>, other: Option<&Space>) -> WorldId {
        let both = [one, other];
        let first = &mut self.all[0];
        if both.iter().flatten().all(|space| first.takes(space)) {
            return WorldId(0);
        }
        let mut both = both.into_iter().flatten();
        // Both missing is all taken.
        let Some(one) = both.next() else {
            return WorldId(0);
        };
        let (one, other) = match both.next() {
            Some(other) if other.name < one.name => (other, Some(one)),
            other => (one, other),
        };
        let key = (one.clone(), other.cloned());
        if let Some(id) = self.apart.get(&key) {
            return *id;
        }
        let mut world = World::of(&self.ground);
        for space in std::iter::once(one).chain(other) {
            world.takes(space);
        }
        let id = WorldId(self.all.len());
        self.all.push(world);
        self.apart.insert(key, id);
        id
    }

    pub(super) fn get(&self, id: WorldId) -> &Inventory {
        // An id is made with its world, and worlds stay.
        &self.all[id.0].inventory
    }

    /// A pod of a group with these labels, on a node or on none in particular.
    pub(super) fn pod(
        &mut self,
        id: WorldId,
        group: &PodGroup,
        labels: &Labels,
        node: Option<&Arc<str>>,
    ) -> Arc<Pod> {
        self.all[id.0].pod(group, labels, node)
    }
}

#[derive(Debug)]
struct World {
    inventory: Inventory,
    labels: HashMap<Arc<str>, Labels, RandomState>,
    pods: usize,
}

impl World {
    fn of(ground: &Inventory) -> Self {
        Self {
            inventory: ground.clone(),
            labels: HashMap::default(),
            pods: 0,
        }
    }

    /// Whether a namespace has these labels here; it gets them where it had none.
    fn takes(&mut self, space: &Space) -> bool {
        if let Some(labels) = self.labels.get(&space.name) {
            return *labels == space.labels;
        }
        self.inventory.apply(Object::Namespace(Namespace {
            name: space.name.clone(),
            labels: space.labels.clone(),
        }));
        self.labels.insert(space.name.clone(), space.labels.clone());
        true
    }

    /// Kept in the inventory, which so knows it again at once.
    fn pod(&mut self, group: &PodGroup, labels: &Labels, node: Option<&Arc<str>>) -> Arc<Pod> {
        self.pods += 1;
        let (kind, workload) = (&group.workload.kind, &group.workload.name);
        // As the pod of a template is named: it stands for many.
        let name: Arc<str> = format!("{workload}[{kind} {}]", self.pods).into();
        let pod = Pod {
            uid: Arc::default(),
            namespace: group.namespace.clone(),
            name: name.clone(),
            labels: labels.clone(),
            phase: Phase::Running,
            addresses: Vec::new(),
            node: node.cloned(),
            host_network: group.host_network,
            ports: group.ports.clone(),
            controller: None,
            workload: Some(group.workload.clone()),
            started: None,
        };
        self.inventory.apply(Object::Pod(pod.clone()));
        let kept = self.inventory.pod(&group.namespace, &name).cloned();
        kept.unwrap_or_else(|| Arc::new(pod))
    }
}
