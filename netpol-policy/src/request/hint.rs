//! What there is instead of what was asked for.

use std::collections::BTreeSet;
use std::fmt;

use crate::inventory::Inventory;

/// At most this many names are told.
const MOST: usize = 5;
/// Names this many edits away count as near.
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

    /// Of all names those that are like the wanted one, the nearest first.
    fn near(wanted: &str, names: impl IntoIterator<Item = String>) -> Self {
        let mut near: Vec<_> = names
            .into_iter()
            .map(|name| (strsim::damerau_levenshtein(wanted, &name), name))
            .filter(|(edits, name)| *edits <= EDITS || name.starts_with(wanted))
            .collect();
        near.sort();
        Self::of(near.into_iter().map(|(_, name)| name))
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
        let like = Hint::near(
            namespace,
            inventory.namespaces().iter().map(ToString::to_string),
        );
        let names = like
            .names
            .into_iter()
            .map(|name| format!("namespace {name}"));
        return Hint::of(names);
    }
    let same = there.iter().filter(|one| one.name == name);
    let same = Hint::of(same.map(|one| one.written(namespace)));
    if !same.names.is_empty() {
        return same;
    }
    let prefix = format!("{namespace}/");
    Hint::near(
        &format!("{prefix}{name}"),
        there.iter().map(|one| one.written(namespace)),
    )
}

/// Nodes with names like this one.
pub(super) fn nodes(inventory: &Inventory, name: &str) -> Hint {
    let like = Hint::near(name, inventory.nodes().map(|node| node.name.to_string()));
    Hint::of(like.names.into_iter().map(|name| format!("node/{name}")))
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
    let templates = inventory.templates();
    for template in templates.filter(|template| *template.namespace == *namespace) {
        let workload = &template.workload;
        there.insert(There::new(&workload.name, Some(&workload.kind)));
    }
    there
}
