//! How well each resource is followed: read by `GetStatus`, written by the watches.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tracing::{info, warn};

use super::resource::Resource;

/// How well each resource is followed. Empty where no API server is asked.
#[derive(Debug, Default)]
pub struct Watches {
    watches: Mutex<BTreeMap<Resource, Watch>>,
}

/// How well one resource is followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// When the API server last said anything of it, be it that nothing changed.
    pub heard: Option<SystemTime>,
    /// Where it stands, but for what keeps it from being followed.
    pub stage: WatchStage,
    /// What keeps it from being followed, in plain words.
    pub trouble: Option<String>,
}

/// Where a watch stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WatchStage {
    /// Not everything that there is has been named yet.
    #[default]
    Listing,
    /// What changes is told.
    Following,
    /// The API server does not have the resource: its CRD is not installed.
    Absent,
}

impl Watches {
    /// For these resources, none of which was asked for yet.
    #[must_use]
    pub fn of(resources: impl IntoIterator<Item = Resource>) -> Self {
        let watches = resources.into_iter();
        Self {
            watches: Mutex::new(watches.map(|one| (one, Watch::default())).collect()),
        }
    }

    fn watches(&self) -> MutexGuard<'_, BTreeMap<Resource, Watch>> {
        // Every write below leaves it whole.
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every watch as it is now.
    #[must_use]
    pub fn all(&self) -> Vec<(Resource, Watch)> {
        let watches = self.watches();
        watches.iter().map(|(&one, w)| (one, w.clone())).collect()
    }

    /// Notes that the API server answered, or sent some part of an answer.
    pub(crate) fn heard(&self, resource: Resource) {
        let mut watches = self.watches();
        let watch = watches.entry(resource).or_default();
        watch.heard = Some(SystemTime::now());
        if watch.trouble.take().is_some() {
            info!(resource = resource.name(), "the API server answers again");
        }
    }

    /// Notes where a watch stands.
    pub(crate) fn set_stage(&self, resource: Resource, stage: WatchStage) {
        let mut watches = self.watches();
        let watch = watches.entry(resource).or_default();
        watch.stage = stage;
        if stage == WatchStage::Absent {
            watch.trouble = None;
        }
    }

    /// Notes what keeps a resource from being followed, and logs it where it is news.
    pub(super) fn set_trouble(&self, resource: Resource, trouble: String) {
        let mut watches = self.watches();
        let watch = watches.entry(resource).or_default();
        if watch.stage == WatchStage::Absent {
            watch.stage = WatchStage::Listing;
        }
        if watch.trouble.as_ref() != Some(&trouble) {
            warn!(resource = resource.name(), "cannot be followed: {trouble}");
            watch.trouble = Some(trouble);
        }
    }

    /// Whether something keeps a resource from being followed.
    pub(super) fn is_in_trouble(&self, resource: Resource) -> bool {
        let watches = self.watches();
        let watch = watches.get(&resource);
        watch.is_some_and(|watch| watch.trouble.is_some())
    }

    /// Resources of which not everything that there is has been named yet, by name.
    pub(super) fn waiting_for(&self) -> Vec<String> {
        let watches = self.watches();
        let waiting = watches
            .iter()
            .filter(|(_, watch)| watch.stage == WatchStage::Listing);
        waiting.map(|(resource, _)| resource.name()).collect()
    }
}
