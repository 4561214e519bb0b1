//! What exists in the cluster: read from manifests, followed as they change, swapped in whole.
//!
//! ```text
//! directory ─► files ─► objects ─► Snapshot ──swap──► enrich, judge
//!  notify       last good            index, history,
//!  + re-scan    ones stay            changes, errors
//! ```

mod address;
mod change;
mod files;
mod snapshot;
mod watcher;

pub(crate) use address::{is_same, started};
pub use files::FileError;
pub use snapshot::{Sizes, Snapshot};
pub use watcher::{WatchError, Watcher};
