//! The part of the world that decides about one connection, to change and ask again.

use std::sync::Arc;

use super::change::Change;
use crate::connection::{Connection, End};
use crate::evaluate::evaluate;
use crate::inventory::Inventory;
use crate::model::{Namespace, NetworkPolicy, Object, Pod, TieredPolicy};
use crate::verdict::{Direction, PolicyRef, Verdict};

/// The ends of a connection, their namespaces and nodes, and every policy that may select one of them.
#[derive(Clone)]
pub(super) struct Trial {
    pub(super) connection: Connection,
    objects: Vec<Object>,
    /// How objects are read.
    like: Inventory,
}

impl Trial {
    pub(super) fn of(inventory: &Inventory, connection: &Connection) -> Self {
        let ends = [&connection.source, &connection.destination];
        let mut trial = Self {
            connection: connection.clone(),
            objects: Vec::new(),
            like: inventory.clone(),
        };
        for end in ends {
            match end {
                End::Pod { pod, .. } => trial.add_pod(pod, inventory),
                End::Node { node, .. } => trial.objects.push(Object::Node((**node).clone())),
                End::Service { .. } | End::Address(_) | End::Unknown(_) => {}
            }
        }
        let tiered = inventory.tiered_policies();
        let tiered = tiered.map(|policy| Object::TieredPolicy((**policy).clone()));
        trial.objects.extend(tiered);
        trial
    }

    /// A pod of a template is one here as well: nothing depends on where it came from.
    fn add_pod(&mut self, pod: &Pod, inventory: &Inventory) {
        let node = pod.node.as_deref().and_then(|node| inventory.node(node));
        let policies = inventory.policies(&pod.namespace).iter();
        self.objects.push(Object::Pod(pod.clone()));
        self.objects.push(Object::Namespace(Namespace {
            name: pod.namespace.clone(),
            labels: inventory.namespace_labels(&pod.namespace),
        }));
        self.objects
            .extend(node.map(|node| Object::Node((**node).clone())));
        self.objects
            .extend(policies.map(|policy| Object::NetworkPolicy((**policy).clone())));
    }

    /// What would be decided after these changes.
    pub(super) fn with<'a>(&self, changes: impl IntoIterator<Item = &'a Change>) -> Verdict {
        let mut changed = self.clone();
        for change in changes {
            change.apply(self, &mut changed);
        }
        let inventory = Inventory::new(changed.objects).read_like(&changed.like);
        evaluate(&inventory, &changed.connection)
    }

    /// The end that policies of a direction select.
    pub(super) fn own(&self, direction: Direction) -> &End {
        match direction {
            Direction::Egress => &self.connection.source,
            Direction::Ingress => &self.connection.destination,
        }
    }

    /// The end that their peers are about.
    pub(super) fn other(&self, direction: Direction) -> &End {
        match direction {
            Direction::Egress => &self.connection.destination,
            Direction::Ingress => &self.connection.source,
        }
    }

    pub(super) fn add(&mut self, policy: NetworkPolicy) {
        self.objects.push(Object::NetworkPolicy(policy));
    }

    pub(super) fn edit_policy(&mut self, which: &PolicyRef, edit: impl FnMut(&mut NetworkPolicy)) {
        let policies = self.objects.iter_mut().filter_map(|object| match object {
            Object::NetworkPolicy(policy) if policy.reference == *which => Some(policy),
            _ => None,
        });
        policies.for_each(edit);
    }

    pub(super) fn edit_tiered(&mut self, which: &PolicyRef, edit: impl FnMut(&mut TieredPolicy)) {
        let policies = self.objects.iter_mut().filter_map(|object| match object {
            Object::TieredPolicy(policy) if policy.reference == *which => Some(policy),
            _ => None,
        });
        policies.for_each(edit);
    }

    pub(super) fn edit_namespace(&mut self, name: &str, edit: impl FnMut(&mut Namespace)) {
        let namespaces = self.objects.iter_mut().filter_map(|object| match object {
            Object::Namespace(namespace) if *namespace.name == *name => Some(namespace),
            _ => None,
        });
        namespaces.for_each(edit);
    }

    /// Changes a pod both where it is listed and where it is an end.
    pub(super) fn edit_pod(&mut self, which: &Pod, mut edit: impl FnMut(&mut Pod)) {
        let is_it = |pod: &Pod| pod.namespace == which.namespace && pod.name == which.name;
        for object in &mut self.objects {
            if let Object::Pod(pod) = object
                && is_it(pod)
            {
                edit(pod);
            }
        }
        for end in [
            &mut self.connection.source,
            &mut self.connection.destination,
        ] {
            if let End::Pod { pod, .. } = end
                && is_it(pod)
            {
                edit(Arc::make_mut(pod));
            }
        }
    }
}
