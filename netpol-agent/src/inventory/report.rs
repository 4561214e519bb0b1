//! What a source of the inventory says beside its objects: what cannot be used, what is worth a look, what is not evaluated.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Something that cannot be used, or that is worth a look. The rest of its file, and of the inventory, stays in force.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Problem {
    /// Which file; none for what an API server gave.
    pub file: Option<PathBuf>,
    /// Document within it, from 1; 0 for the file as a whole, and without a file.
    pub document: u32,
    /// `kind namespace/name` where that could be read.
    pub object: String,
    /// Field path; empty where the document as a whole is meant.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

/// A kind of objects that is known by its name alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ForeignKind {
    /// API kind, such as `CiliumNetworkPolicy`.
    pub kind: String,
    /// As written, such as `cilium.io/v2`; may be empty.
    pub api_version: String,
}

/// Everything that is to be told of an inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What cannot be used as it stands.
    pub errors: Vec<Problem>,
    /// What can be used, and is worth a look.
    pub warnings: Vec<Problem>,
    /// How many policies of which kinds are not evaluated: they may change any answer.
    pub not_evaluated: BTreeMap<ForeignKind, u32>,
    /// Kinds of which it is not known which policies there are: they may change any answer.
    pub unread: BTreeSet<&'static str>,
    /// Kinds that say nothing about which traffic is allowed, with their API group.
    pub ignored: BTreeSet<String>,
}

impl Report {
    /// How many policies are not evaluated.
    #[must_use]
    pub fn policies_not_evaluated(&self) -> u32 {
        self.not_evaluated.values().sum()
    }
}
