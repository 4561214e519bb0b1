//! One reader's stream: kept flows, then live ones, without what they may not read, filtered, with every loss told where
//! it happened.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_api::filter::Filter;
use netpol_api::v1;
use netpol_transport::access::Reader;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::convert::Converter;
use crate::flow::{Flow, Lost, Stage};
use crate::log::Item;
use crate::metrics::Metrics;
use crate::status;

/// What a reader asked for.
pub(crate) struct Wanted {
    pub(crate) filter: Filter,
    pub(crate) last: Option<usize>,
    pub(crate) since: Option<SystemTime>,
    pub(crate) until: Option<SystemTime>,
    pub(crate) follow: bool,
}

pub(crate) type Outlet = mpsc::Sender<Result<v1::WatchFlowsResponse, Status>>;

/// Feeds one reader. Waits for that reader alone: whoever is slow falls behind in the broadcast and is told by how much.
pub(crate) struct Feed {
    pub(crate) wanted: Wanted,
    pub(crate) reader: Reader,
    pub(crate) converter: Arc<Converter>,
    pub(crate) metrics: Metrics,
    pub(crate) status: Arc<status::Status>,
    pub(crate) outlet: Outlet,
}

/// Why no more is sent.
enum End {
    /// The reader went away.
    Gone,
    /// The reader may not have more.
    Refused(Status),
}

impl From<Status> for End {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

/// How long a reader may take to hear why the stream ends.
const FAREWELL: Duration = Duration::from_secs(5);

impl Feed {
    /// Runs until the stream is over, the reader is gone, or the daemon stops.
    pub(crate) async fn run(
        self,
        history: Vec<Arc<Flow>>,
        mut live: Receiver<Item>,
        stop: CancellationToken,
    ) {
        let until = self.wanted.until.map(|until| {
            let left = until.duration_since(SystemTime::now()).unwrap_or_default();
            tokio::time::Instant::now() + left
        });
        let over = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let outlet = self.outlet.clone();
        tokio::select! {
            end = self.feed(history, &mut live) => {
                if let Err(End::Refused(status)) = end {
                    refuse(&outlet, status).await;
                }
            }
            status = self.reader.revoked() => refuse(&outlet, status).await,
            () = over => {}
            () = outlet.closed() => {}
            () = stop.cancelled() => {
                // Readers can tell a stop from an end of the data.
                let _ = outlet.try_send(Err(Status::unavailable("the agent is stopping")));
            }
        }
    }

    async fn feed(&self, history: Vec<Arc<Flow>>, live: &mut Receiver<Item>) -> Result<(), End> {
        self.replay(history).await?;
        if !self.wanted.follow {
            return match self.reader.refusal().await {
                Some(refusal) => Err(End::Refused(refusal)),
                None => Ok(()),
            };
        }
        loop {
            match live.recv().await {
                Ok(Item::Flow(flow)) => match self.message(&flow).await? {
                    Some(message) => self.deliver(message).await?,
                    None => {
                        self.metrics.filtered.inc();
                    }
                },
                Ok(Item::Lost(lost)) => self.tell(&lost).await?,
                Err(RecvError::Lagged(count)) => {
                    self.metrics
                        .lost(Stage::Subscriber, "slow_subscriber", count);
                    let lost = Lost {
                        stage: Stage::Subscriber,
                        reason: "slow_subscriber",
                        count,
                        time: SystemTime::now(),
                    };
                    self.status.add_lost(&lost);
                    self.tell(&lost).await?;
                }
                Err(RecvError::Closed) => return Ok(()),
            }
        }
    }

    /// The youngest `last` of the kept flows that are wanted, oldest first.
    async fn replay(&self, history: Vec<Arc<Flow>>) -> Result<(), End> {
        let most = match (self.wanted.last, self.wanted.follow, self.wanted.since) {
            (Some(last), ..) => last,
            (None, true, None) => 0,
            (None, ..) => usize::MAX,
        };
        let mut wanted = Vec::new();
        // Live flows are told whenever they were last seen: one that ends may have been silent for long.
        let since = self.wanted.since;
        let recent = |flow: &&Arc<Flow>| since.is_none_or(|since| flow.last_seen >= since);
        for flow in history.iter().rev().filter(recent) {
            if wanted.len() == most {
                break;
            }
            wanted.extend(self.message(flow).await?);
        }
        drop(history);
        while let Some(message) = wanted.pop() {
            self.deliver(message).await?;
        }
        if self.wanted.follow && most > 0 {
            self.respond(v1::WatchFlowsResponse {
                kept_over: true,
                ..v1::WatchFlowsResponse::default()
            })
            .await?;
        }
        Ok(())
    }

    /// The flow as a message, where it is wanted. What may not be read is left out before the filter is asked: else the
    /// filter would tell it.
    async fn message(&self, flow: &Flow) -> Result<Option<v1::Flow>, Status> {
        let before = self
            .wanted
            .until
            .is_none_or(|until| flow.last_seen <= until);
        if !before {
            return Ok(None);
        }
        let message = self.reader.flow(self.converter.flow(flow)).await?;
        Ok(message.filter(|message| self.wanted.filter.matches(message)))
    }

    async fn deliver(&self, flow: v1::Flow) -> Result<(), End> {
        self.send(v1::watch_flows_response::Item::Flow(flow)).await
    }

    async fn tell(&self, lost: &Lost) -> Result<(), End> {
        self.send(v1::watch_flows_response::Item::Lost(
            self.converter.lost(lost),
        ))
        .await
    }

    async fn send(&self, item: v1::watch_flows_response::Item) -> Result<(), End> {
        self.respond(v1::WatchFlowsResponse {
            item: Some(item),
            ..v1::WatchFlowsResponse::default()
        })
        .await?;
        self.metrics.delivered.inc();
        Ok(())
    }

    async fn respond(&self, response: v1::WatchFlowsResponse) -> Result<(), End> {
        let sent = self.outlet.send(Ok(response)).await;
        sent.map_err(|_| End::Gone)
    }
}

/// Readers can tell a refusal from an end of the data.
async fn refuse(outlet: &Outlet, status: Status) {
    let _ = timeout(FAREWELL, outlet.send(Err(status))).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{FlowLog, Selection};
    use crate::testing::flow;

    #[tokio::test]
    async fn the_books_of_a_slow_reader_balance() {
        let log = FlowLog::new(64, 64);
        let (history, live) = log.subscribe(Selection::All);
        let filter = v1::FlowFilter {
            source: Some(v1::EndpointFilter {
                port: vec!["40000".to_owned()],
                ..v1::EndpointFilter::default()
            }),
            ..v1::FlowFilter::default()
        };
        let filter = Filter::compile(&filter, &v1::FlowFilter::default(), false).unwrap();
        let (outlet, mut inlet) = mpsc::channel(1);
        let metrics = Metrics::default();
        let status = Arc::new(status::Status::default());
        let feed = Feed {
            wanted: Wanted {
                filter,
                last: None,
                since: None,
                until: None,
                follow: true,
            },
            reader: Reader::full(),
            converter: Arc::new(Converter {
                node: "n".into(),
                run: "r".into(),
            }),
            metrics: metrics.clone(),
            status: status.clone(),
            outlet,
        };
        let published = 1000;
        for id in 0..published {
            let mut flow = flow(id);
            if id % 3 == 0 {
                flow.source.port = 1;
            }
            log.publish(Arc::new(flow));
        }
        drop(log);
        let task = tokio::spawn(feed.run(history, live, CancellationToken::new()));
        let (mut delivered, mut lost) = (0, 0);
        while let Some(response) = inlet.recv().await {
            match response.unwrap().item.unwrap() {
                v1::watch_flows_response::Item::Flow(_) => delivered += 1,
                v1::watch_flows_response::Item::Lost(item) => lost += item.count,
                v1::watch_flows_response::Item::Node(node) => panic!("{node:?}"),
            }
        }
        task.await.unwrap();
        assert!(lost > 0 && delivered > 0);
        assert_eq!(delivered + lost + metrics.filtered.get(), published);
        let totals = status.lost();
        assert_eq!(totals.iter().map(|total| total.count).sum::<u64>(), lost);
    }
}
