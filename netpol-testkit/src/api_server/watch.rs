//! Watches: streams of what changes, one JSON object a line.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::body::{Gone, Writer};
use super::list::selects;
use super::query::{Options, Target};
use super::representation::Representation;
use super::shared::{Shared, State};
use super::status::Status;
use super::store::Change;

/// How often a stream that allows bookmarks gets one.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);
/// How long a stream lasts when the client names no time.
const TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Says that all objects of the beginning have been sent.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// A line of a stream.
enum Event {
    Object(&'static str, Arc<Value>),
    Bookmark {
        version: u64,
        initial_end: bool,
    },
    Error(Status),
    /// A line that is no JSON.
    Garbage,
}

/// What a stream does after some events.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Wait,
    End,
}

/// A stream and how far it has got.
pub(crate) struct Watch {
    target: Target,
    options: Options,
    representation: Representation,
    /// Everything up to this version was sent; `None` until the first events are.
    sent: Option<u64>,
    cuts: u64,
    bookmarks: u64,
    garbage: u64,
}

impl Watch {
    pub(crate) fn new(
        state: &State,
        target: Target,
        options: Options,
        representation: Representation,
    ) -> Self {
        let garbage = state.faults.garbage(&target.resource().name());
        let from_now = options.initial_events || matches!(options.version, None | Some(0));
        Self {
            sent: options.version.filter(|_| !from_now),
            cuts: state.faults.cuts,
            bookmarks: state.faults.bookmarks,
            garbage,
            target,
            options,
            representation,
        }
    }

    /// Sends the stream until its time is over, it is cut, or the client goes.
    pub(crate) async fn stream(self, shared: &Arc<Shared>, writer: Writer) {
        let _open = Open::new(shared, &self.target);
        let cuts = self.cuts;
        let cut = shared.until(|state| state.faults.cuts != cuts);
        let is_cut = tokio::select! {
            () = cut => true,
            () = self.send(shared, &writer) => false,
        };
        if is_cut {
            writer.cut().await;
        }
    }

    async fn send(mut self, shared: &Arc<Shared>, writer: &Writer) {
        let end = Instant::now() + self.time(&shared.state());
        let mut next_bookmark = Instant::now() + BOOKMARK_INTERVAL;
        let mut changes = shared.changes();
        loop {
            changes.mark_unchanged();
            let (events, next) = self.step(&shared.state());
            if self.write(writer, events).await.is_err() || next == Next::End {
                return;
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = sleep_until(next_bookmark) => {
                    next_bookmark += BOOKMARK_INTERVAL;
                    // The client's going shows in the next turn.
                    let _ = self.write(writer, self.bookmark()).await;
                }
                () = sleep_until(end) => {
                    let _ = self.write(writer, self.bookmark()).await;
                    return;
                }
                () = writer.gone() => return,
            }
        }
    }

    fn time(&self, state: &State) -> Duration {
        let asked = self.options.timeout_seconds.map(Duration::from_secs);
        let asked = asked.unwrap_or(TIMEOUT);
        state
            .faults
            .longest_stream
            .map_or(asked, |longest| longest.min(asked))
    }

    /// What there is to send now.
    fn step(&mut self, state: &State) -> (Vec<Event>, Next) {
        let resource = self.target.resource().name();
        let mut events = match self.sent {
            None => self.initial_events(state),
            Some(sent) => match state.store.changes_after(self.target.resource(), sent) {
                Some(changes) => changes.filter_map(|change| self.event(change)).collect(),
                None => {
                    let status = Status::too_old(sent, state.store.oldest);
                    return (vec![Event::Error(status)], Next::End);
                }
            },
        };
        self.sent = Some(self.sent.unwrap_or_default().max(state.store.version));
        if self.bookmarks != state.faults.bookmarks {
            self.bookmarks = state.faults.bookmarks;
            events.extend(self.bookmark());
        }
        if self.garbage != state.faults.garbage(&resource) {
            self.garbage = state.faults.garbage(&resource);
            events.push(Event::Garbage);
        }
        // Of a resource whose CRD is gone nothing will be told any more.
        let served = state.store.resources().contains(self.target.resource());
        (events, if served { Next::Wait } else { Next::End })
    }

    fn initial_events(&self, state: &State) -> Vec<Event> {
        let objects = state.store.objects(self.target.resource());
        let mut events: Vec<Event> = objects
            .iter()
            .filter(|(key, object)| selects(&self.target, &self.options, key, object))
            .map(|(_, object)| Event::Object("ADDED", object.clone()))
            .collect();
        if self.options.initial_events && self.options.bookmarks {
            events.push(Event::Bookmark {
                version: state.store.version,
                initial_end: true,
            });
        }
        events
    }

    /// The event of a change for this watch: what comes to be selected is added, what no longer
    /// is, deleted.
    fn event(&self, change: &Change) -> Option<Event> {
        let selected = |object| selects(&self.target, &self.options, &change.key, object);
        let before = change.before.as_deref().is_some_and(selected);
        let after = !change.deleted && selected(&change.object);
        let kind = match (before, after) {
            (false, false) => return None,
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
        };
        Some(Event::Object(kind, change.object.clone()))
    }

    /// A bookmark of all that was sent, if the client takes bookmarks.
    fn bookmark(&self) -> Vec<Event> {
        let version = self.sent.filter(|_| self.options.bookmarks);
        version
            .map(|version| Event::Bookmark {
                version,
                initial_end: false,
            })
            .into_iter()
            .collect()
    }

    async fn write(&self, writer: &Writer, events: Vec<Event>) -> Result<(), Gone> {
        for event in events {
            writer.write(self.line(event)).await?;
        }
        Ok(())
    }

    fn line(&self, event: Event) -> Bytes {
        let (kind, object) = match event {
            Event::Object(kind, object) => (kind, self.representation.of(&object)),
            Event::Bookmark {
                version,
                initial_end,
            } => ("BOOKMARK", self.bookmark_object(version, initial_end)),
            Event::Error(status) => ("ERROR", status.object()),
            Event::Garbage => return Bytes::from_static(b"{\"type\":\"MODIFIED\",object}\n"),
        };
        format!("{}\n", json!({ "type": kind, "object": object })).into()
    }

    fn bookmark_object(&self, version: u64, initial_end: bool) -> Value {
        let (api_version, kind) = self.representation.type_of(self.target.resource());
        let mut metadata = json!({ "resourceVersion": version.to_string() });
        if initial_end {
            metadata["annotations"] = json!({ INITIAL_EVENTS_END: "true" });
        }
        json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata })
    }
}

/// Counts a stream while it is open.
struct Open {
    shared: Arc<Shared>,
    resource: String,
}

impl Open {
    fn new(shared: &Arc<Shared>, target: &Target) -> Self {
        let resource = target.resource().name();
        *shared.state().watches.entry(resource.clone()).or_default() += 1;
        Self {
            shared: shared.clone(),
            resource,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(open) = self.shared.state().watches.get_mut(&self.resource) {
            *open -= 1;
        }
    }
}
