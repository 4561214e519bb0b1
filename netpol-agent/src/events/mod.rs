//! Kubernetes Events on the pods whose connections policy stopped.
//!
//! ```text
//! flow log ── blocked ─► blocked ─────► book ────────────► object ─► queue ─► poster ─► API server
//!                         by policy?     told already?      Event     bounded   create, patch
//!                         whose pod?     too many?
//! ```
//!
//! A subscriber of the flow log like any other, and off unless asked for.

mod blocked;
mod book;
mod bucket;
mod object;
mod poster;
#[cfg(test)]
mod testing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::events::v1::Event;
use kube::Client;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::export::Export;
use crate::log::Item;
use blocked::Blocked;
use book::{Book, Notice};

/// How often it is looked for what is due.
const TICK: Duration = Duration::from_secs(1);

/// Tells of blocked connections.
pub(crate) struct Teller {
    /// Where Events go.
    pub(crate) client: Client,
    /// Name of this node.
    pub(crate) node: String,
    /// A connection that is like one told of within this time is counted, and not told of anew.
    pub(crate) window: Duration,
    /// How it goes.
    pub(crate) export: Arc<Export>,
}

impl Teller {
    /// Tells what comes until told to stop.
    pub(crate) async fn run(self, mut live: Receiver<Item>, stop: CancellationToken) {
        let (outlet, queue) = mpsc::channel(poster::QUEUE);
        let posting = poster::run(self.client.clone(), queue, self.export.clone());
        tokio::select! {
            () = stop.cancelled() => {}
            () = posting => {}
            () = self.tell(&mut live, outlet) => {}
        }
    }

    async fn tell(&self, live: &mut Receiver<Item>, outlet: mpsc::Sender<Event>) {
        let mut book = Book::new(self.window, Instant::now());
        let mut ticks = interval(TICK.min(self.window / 2));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                received = live.recv() => match received {
                    Ok(Item::Flow(flow)) => {
                        let blocked = Blocked::of(&flow, &self.node);
                        let notice = blocked.and_then(|blocked| book.take(blocked, Instant::now()));
                        self.hand_on(notice, &outlet);
                    }
                    // Of no pod in particular.
                    Ok(Item::Lost(_)) => {}
                    Err(RecvError::Lagged(count)) => {
                        self.export.lost("events_behind", count);
                    }
                    Err(RecvError::Closed) => return,
                },
                _ = ticks.tick() => {
                    self.hand_on(book.tick(Instant::now()), &outlet);
                    let limited = book.take_limited();
                    if limited > 0 {
                        self.export.lost("events_rate_limited", limited);
                    }
                }
            }
        }
    }

    fn hand_on(&self, notices: impl IntoIterator<Item = Notice>, outlet: &mpsc::Sender<Event>) {
        for notice in notices {
            if outlet.try_send(object::event(&notice, &self.node)).is_err() {
                self.export.lost("events_queue_full", 1);
            }
        }
    }
}
