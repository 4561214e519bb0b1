//! Takes what all watches say together into one inventory after the other.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::common::Common;
use super::health::Watches;
use super::known::{Event, Known};
use super::resource::{Purpose, Resource};
use crate::inventory::change::{Change, ObjectKey};
use crate::inventory::policy_kind;
use crate::inventory::publisher::Publisher;
use crate::inventory::report::{ForeignKind, Report};

/// Events that come this soon after another are taken together with it.
const TOGETHER: Duration = Duration::from_millis(50);
/// At most so many, so that a flood of changes still gets into force bit by bit.
const MOST_TOGETHER: usize = 1000;
/// How often the log says what the first inventory waits for.
const STILL_WAITING: Duration = Duration::from_secs(5);

/// Takes events of all watches.
pub(super) struct Writer {
    known: BTreeMap<Resource, Known>,
    /// What differs from the inventory in force, or may: the last word on each object.
    pending: HashMap<ObjectKey, Change>,
    common: Common,
    watches: Arc<Watches>,
    publisher: Publisher,
}

impl Writer {
    pub(super) fn new(watches: Arc<Watches>, publisher: Publisher) -> Self {
        Self {
            known: Resource::ALL.map(|one| (one, Known::default())).into(),
            pending: HashMap::new(),
            common: Common::default(),
            watches,
            publisher,
        }
    }

    /// Publishes what comes in until told to stop.
    pub(super) async fn run(
        mut self,
        mut events: mpsc::Receiver<(Resource, Event)>,
        stop: CancellationToken,
    ) {
        let mut ticks = interval(STILL_WAITING);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first comes at once.
        ticks.tick().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                event = events.recv() => {
                    let Some(event) = event else { return };
                    self.take(event);
                    self.take_more(&mut events).await;
                    self.publish();
                }
                _ = ticks.tick(), if !self.is_complete() => {
                    let resources = self.watches.waiting_for().join(", ");
                    info!(resources, "waiting for the first inventory");
                }
            }
        }
    }

    fn take(&mut self, (resource, mut event): (Resource, Event)) {
        if let Event::There(delivered) = &mut event {
            self.common.share(delivered);
        }
        let changes = self.known.entry(resource).or_default().take(event);
        if resource.purpose() == Purpose::Count {
            // Kinds of other groups may be called as ours are.
            return;
        }
        let changes = changes.into_iter().map(|change| (change.key(), change));
        self.pending.extend(changes);
    }

    async fn take_more(&mut self, events: &mut mpsc::Receiver<(Resource, Event)>) {
        let deadline = Instant::now() + TOGETHER;
        for _ in 1..MOST_TOGETHER {
            match timeout_at(deadline, events.recv()).await {
                Ok(Some(event)) => self.take(event),
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Whether everything that can be known before the first inventory is.
    fn is_complete(&self) -> bool {
        let mut known = self.known.iter();
        known.all(|(resource, known)| known.is_settled(resource.is_needed()))
    }

    fn publish(&mut self) {
        let before = self.publisher.in_force();
        if before.generation() == 0 && !self.is_complete() {
            return;
        }
        let mut report = Report::default();
        for (resource, known) in &self.known {
            known.report(&mut report);
            match resource.purpose() {
                Purpose::Inventory => {
                    if policy_kind(resource.kind()).is_some() && !known.is_read() {
                        report.unread.insert(resource.kind());
                    }
                }
                Purpose::Count => count(*resource, known, &mut report),
                Purpose::Owner => {}
            }
        }
        let pending = std::mem::take(&mut self.pending).into_values();
        // Most events are about parts of an object that nobody uses.
        let changes: Vec<Change> = pending.filter(|change| before.differs_by(change)).collect();
        if before.generation() == 0 || !changes.is_empty() || *before.report() != report {
            self.publisher.publish(changes, report);
        }
    }
}

fn count(resource: Resource, known: &Known, report: &mut Report) {
    if known.count() > 0 {
        let kind = ForeignKind {
            kind: resource.kind().to_owned(),
            api_version: resource.api_version(),
        };
        let count = u32::try_from(known.count()).unwrap_or(u32::MAX);
        report.not_evaluated.insert(kind, count);
    }
}
