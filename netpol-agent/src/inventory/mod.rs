//! What exists in the cluster: read from manifests or from an API server, followed as it changes, object by object.
//!
//! ```text
//! directory ──► files ──► objects ──┐
//!  notify        last good  last file├─ changes ─► publisher ─► Snapshot ──swap──► enrich, judge
//!  + re-scan     ones stay  counts   │  report                   Inventory (netpol-policy), history of addresses,
//! API server ─► kubernetes ─────────┘                           times of changes, report
//! ```
//!
//! A source delivers [`Change`]s and a [`Report`]; the snapshot that follows shares everything with the one before that
//! they do not touch.

mod address;
mod change;
mod change_times;
mod files;
mod kubernetes;
mod objects;
mod publisher;
mod report;
mod snapshot;
mod source;
mod unread;
mod watcher;

use imbl::GenericHashMap;
use imbl::shared_ptr::DefaultSharedPtr;
use netpol_policy::verdict::PolicyKind;

pub(crate) use address::{is_same, started};
pub use change::{Change, ObjectKey};
pub use change_times::LONGEST_GRACE;
pub(crate) use kubernetes::in_words;
pub use kubernetes::{
    ApiServerError, Credentials, CredentialsError, Purpose, Resource, Watch, WatchStage, Watches,
};
pub use report::{ForeignKind, Problem, Report};
pub(crate) use snapshot::API_SERVER;
pub use snapshot::{Sizes, Snapshot};
pub use source::{Origin, Source, SourceError};
pub use watcher::WatchError;

/// A map whose copy is one pointer, and that shares with its copies what neither changes.
type Map<K, V> = GenericHashMap<K, V, foldhash::fast::RandomState, DefaultSharedPtr>;

/// Every kind of policy that is evaluated, in the order in which they are told.
pub(crate) const POLICY_KINDS: [PolicyKind; 4] = [
    PolicyKind::NetworkPolicy,
    PolicyKind::ClusterNetworkPolicy,
    PolicyKind::AdminNetworkPolicy,
    PolicyKind::BaselineAdminNetworkPolicy,
];

/// The kind of policy that the API spells so.
fn policy_kind(kind: &str) -> Option<PolicyKind> {
    POLICY_KINDS
        .into_iter()
        .find(|known| known.as_str() == kind)
}
