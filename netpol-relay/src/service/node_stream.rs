//! What one node says, for one reader, across every break of the connection.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_api::v1;
use netpol_api::v1::watch_flows_response::Item;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::connection::{Client, of_status, pauses};
use crate::metrics::Metrics;
use crate::nodes::{Node, Nodes};

/// How long an agent may take to begin a stream.
const PATIENCE: Duration = Duration::from_secs(5);
/// An agent publishes flows some time after they were last seen: one without an answer after its patience, 2 s unless told
/// otherwise. What was last seen this long before the youngest flow is asked for again after a break; what comes twice by
/// that is known to be there already.
const OVERLAP: Duration = Duration::from_secs(5);

/// Something that a node said, or that happened to its stream.
#[derive(Debug)]
pub(super) enum Arrival {
    /// Its stream runs.
    Opened,
    /// Something said.
    Said(Box<v1::WatchFlowsResponse>),
    /// Its stream broke, or does not come about; why in plain words.
    Broken(String),
    /// It has said all it was asked for.
    Ended,
}

/// Nobody listens any more.
pub(super) struct Gone;

/// The stream of a node.
pub(super) struct NodeStream {
    pub(super) name: String,
    pub(super) nodes: Arc<Nodes>,
    pub(super) inbox: mpsc::Sender<Arrival>,
    pub(super) metrics: Metrics,
    /// When the reader came.
    pub(super) began: SystemTime,
    /// Last seen of the youngest flow that came, on the node's clock.
    pub(super) youngest: Option<SystemTime>,
}

impl NodeStream {
    /// Passes on what the node says for as long as somebody listens and the request goes on. A request that follows is made
    /// again after each break, for what is new. `again`: the reader was there before the node, so the first is such a
    /// request as well.
    pub(super) async fn run(
        mut self,
        request: v1::WatchFlowsRequest,
        mut again: bool,
    ) -> Result<(), Gone> {
        let mut changes = self.nodes.changes();
        let mut pause = pauses();
        loop {
            let connected = self.nodes.named(&self.name);
            let connected =
                connected.and_then(|node| node.client.clone().map(|client| (node, client)));
            let Some((node, client)) = connected else {
                // Why there is no connection is told by whoever looks at all nodes.
                again = true;
                changes.changed().await.map_err(|_| Gone)?;
                continue;
            };
            let began = Instant::now();
            let request = if again {
                self.what_is_new(&request, on_clock_of(&node, self.began))
            } else {
                request.clone()
            };
            let follows = request.follow;
            match self.pass_on(client, request).await? {
                Ok(()) => return self.send(Arrival::Ended).await,
                Err(why) => self.send(Arrival::Broken(why)).await?,
            }
            if !follows {
                return self.send(Arrival::Ended).await;
            }
            again = true;
            if let Some(address) = &node.address {
                self.nodes.doubt(address);
            }
            if began.elapsed() > PATIENCE {
                pause = pauses();
            }
            sleep(pause.next().unwrap_or(PATIENCE)).await;
        }
    }

    /// The request once more, for what came since. `began`: when the reader came, on the node's clock.
    fn what_is_new(
        &self,
        request: &v1::WatchFlowsRequest,
        began: SystemTime,
    ) -> v1::WatchFlowsRequest {
        let wants_kept = request
            .last
            .map_or(request.since.is_some(), |last| last > 0);
        let since = match self.youngest {
            Some(youngest) if youngest >= began => {
                let since = youngest.checked_sub(OVERLAP).unwrap_or(youngest);
                since.max(began)
            }
            // It broke among the kept ones: what came of them is known to be there already.
            Some(_) if wants_kept => return request.clone(),
            _ => began,
        };
        v1::WatchFlowsRequest {
            last: None,
            since: Some(since.into()),
            ..request.clone()
        }
    }

    /// Passes on what the agent says, until it ends the stream or that breaks.
    async fn pass_on(
        &mut self,
        mut client: Client,
        request: v1::WatchFlowsRequest,
    ) -> Result<Result<(), String>, Gone> {
        let ends = !request.follow || request.until.is_some();
        let opened = timeout(PATIENCE, client.watch_flows(request)).await;
        let mut stream = match opened {
            Ok(Ok(response)) => response.into_inner(),
            Ok(Err(status)) => return Ok(Err(of_status(&status))),
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                return Ok(Err(format!("does not begin its stream within {seconds} s")));
            }
        };
        self.send(Arrival::Opened).await?;
        loop {
            match stream.message().await {
                Ok(Some(response)) => {
                    self.metrics.received.inc();
                    self.note(&response);
                    self.send(Arrival::Said(Box::new(response))).await?;
                }
                Ok(None) if ends => return Ok(Ok(())),
                Ok(None) => return Ok(Err("the agent ended the stream".to_owned())),
                Err(status) => return Ok(Err(of_status(&status))),
            }
        }
    }

    fn note(&mut self, response: &v1::WatchFlowsResponse) {
        if let Some(Item::Flow(flow)) = &response.item
            && let Some(Ok(seen)) = flow.last_seen.map(SystemTime::try_from)
        {
            self.youngest = self.youngest.max(Some(seen));
        }
    }

    async fn send(&self, arrival: Arrival) -> Result<(), Gone> {
        self.inbox.send(arrival).await.map_err(|_| Gone)
    }
}

/// A moment of the relay's clock, on the node's clock.
fn on_clock_of(node: &Node, time: SystemTime) -> SystemTime {
    let ahead = correction(node).unwrap_or(0);
    let offset = Duration::from_nanos(ahead.unsigned_abs());
    let shifted = if ahead < 0 {
        time.checked_sub(offset)
    } else {
        time.checked_add(offset)
    };
    shifted.unwrap_or(time)
}

/// By how much stamps of a node are to be corrected, in nanoseconds, where its clock is known.
pub(super) fn correction(node: &Node) -> Option<i64> {
    Some(node.answer.as_ref()?.clock?.correction())
}
