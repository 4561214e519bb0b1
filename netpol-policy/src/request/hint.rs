//! What there is instead of what was asked for.

use std::collections::BTreeSet;
use std::fmt;

use crate::inventory::Inventory;

/// At most this many names are told.
const MOST: usize = 5;
/// Names this many edits away count as near; short ones only with fewer.
const EDITS: usize = 2;

/// Names to choose from, as the tail of a sentence; nothing where there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    names: Vec<String>,
    /// Beyond those.
    more: usize,
}

impl Hint {
    /// The first few of all names.
    pub(super) fn of(names: impl IntoIterator<Item = String>) -> Self {
        let mut names: Vec<_> = names.into_iter().collect();
        let more = names.len().saturating_sub(MOST);
        names.truncate(MOST);
        Self { names, more }
    }

    /// Of all names, each with how it is to be written, those that are like the wanted one: the nearest first.
    fn near<'a>(wanted: &str, names: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let edits = (wanted.len() / 3).clamp(1, EDITS);
        let mut near: Vec<_> = names
            .into_iter()
            .map(|(name, written)| (strsim::damerau_levenshtein(wanted, name), name, written))
            .filter(|(away, name, _)| *away <= edits || name.starts_with(wanted))
            .collect();
        near.sort();
        Self::of(near.into_iter().map(|(_, _, written)| written))
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.names.is_empty() {
            return Ok(());
        }
        write!(out, "; there is {}", self.names.join(", "))?;
        if self.more > 0 {
            write!(out, " and {} more", self.more)?;
        }
        Ok(())
    }
}

/// What a namespace has under this name but as another kind, else under names like it, else namespaces like it.
pub(super) fn objects(inventory: &Inventory, namespace: &str, name: &str) -> Hint {
    let there = in_namespace(inventory, namespace);
    if there.is_empty() {
        let namespaces = inventory.namespaces();
        let names = namespaces.iter();
        return Hint::near(
            namespace,
            names.map(|name| (&**name, format!("namespace {name}"))),
        );
    }
    let same = there.iter().filter(|one| one.name == name);
    let same = Hint::of(same.map(|one| one.written(namespace)));
    if !same.names.is_empty() {
        return same;
    }
    let names = there.iter();
    Hint::near(name, names.map(|one| (&*one.name, one.written(namespace))))
}

/// Nodes with names like this one.
pub(super) fn nodes(inventory: &Inventory, name: &str) -> Hint {
    let nodes = inventory.nodes();
    Hint::near(
        name,
        nodes.map(|node| (&*node.name, format!("node/{}", node.name))),
    )
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct There {
    name: String,
    /// `None` for a pod.
    kind: Option<String>,
}

impl There {
    fn new(name: &str, kind: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.map(str::to_owned),
        }
    }

    fn written(&self, namespace: &str) -> String {
        match &self.kind {
            None => format!("{namespace}/{}", self.name),
            Some(kind) => format!("{namespace}/{}[{kind}]", self.name),
        }
    }
}

fn in_namespace(inventory: &Inventory, namespace: &str) -> BTreeSet<There> {
    let mut there = BTreeSet::new();
    for pod in inventory.pods().filter(|pod| *pod.namespace == *namespace) {
        there.insert(There::new(&pod.name, None));
        for workload in pod.controller.iter().chain(&pod.workload) {
            there.insert(There::new(&workload.name, Some(&workload.kind)));
        }
    }
    let services = inventory.services();
    for service in services.filter(|service| *service.namespace == *namespace) {
        there.insert(There::new(&service.name, Some("Service")));
    }
    let templates = inventory.templates();
    for template in templates.filter(|template| *template.namespace == *namespace) {
        let workload = &template.workload;
        there.insert(There::new(&workload.name, Some(&workload.kind)));
    }
    there
}
