//! The Observer service.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::Stream;
use netpol_api::v1;
use netpol_transport::access::Access;
use netpol_transport::outlet::outlet;
use netpol_transport::tls::ServerTls;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::history;
use super::losses::Losses;
use super::outlet::Outlet;
use super::watch::{Source, Watch};
use crate::merge;
use crate::metrics::Metrics;
use crate::nodes::Nodes;
use crate::pushdown::Plan;

/// How long a reader waits for a relay that has just started to find its agents.
const SETTLING: Duration = Duration::from_secs(3);

/// Facts that do not change while the relay runs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When the relay started.
    pub started: SystemTime,
    /// Where agents are taken from.
    pub origin: String,
    /// Streams served at once.
    pub streams: usize,
    /// Items that a reader may fall behind.
    pub backlog: usize,
    /// Windows and bounds of the merge.
    pub merge: merge::Config,
}

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What the service reads.
pub struct Observer {
    pub(super) nodes: Arc<Nodes>,
    pub(super) metrics: Metrics,
    pub(super) losses: Losses,
    /// Who may read what.
    pub(super) access: Access,
    /// Certificates of the TCP door, where it has some.
    pub(super) tls: Option<Arc<ServerTls>>,
    pub(super) facts: Facts,
    places: Arc<Semaphore>,
    stop: CancellationToken,
}

/// Counts a stream for as long as it lives.
struct Streaming {
    metrics: Metrics,
    _place: OwnedSemaphorePermit,
}

impl Streaming {
    fn new(metrics: &Metrics, place: OwnedSemaphorePermit) -> Self {
        metrics.streams.inc();
        Self {
            metrics: metrics.clone(),
            _place: place,
        }
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.metrics.streams.dec();
    }
}

impl Observer {
    /// A service of these nodes. `stop` ends every stream.
    #[must_use]
    pub fn new(
        nodes: Arc<Nodes>,
        metrics: Metrics,
        access: Access,
        tls: Option<Arc<ServerTls>>,
        facts: Facts,
        stop: CancellationToken,
    ) -> Self {
        Self {
            nodes,
            metrics,
            losses: Losses::default(),
            access,
            tls,
            places: Arc::new(Semaphore::new(facts.streams)),
            facts,
            stop,
        }
    }

    /// Takes one of the places for streams.
    fn place(&self) -> Result<Streaming, Status> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| {
            Status::resource_exhausted(format!(
                "the relay serves {} streams already (--streams)",
                self.facts.streams
            ))
        })?;
        Ok(Streaming::new(&self.metrics, place))
    }

    /// Whether there is anybody to ask.
    async fn agents_are_known(&self) -> Result<(), Status> {
        // Whoever does not answer by then is told as missing.
        let _ = timeout(SETTLING, self.nodes.settled()).await;
        if self.nodes.is_discovered() || !self.nodes.all().is_empty() {
            return Ok(());
        }
        let troubles = self.nodes.troubles();
        let why = if troubles.is_empty() {
            "they are still being looked for".to_owned()
        } else {
            troubles.join("; ")
        };
        Err(Status::unavailable(format!("no agents are known: {why}")))
    }
}

#[tonic::async_trait]
impl v1::observer_server::Observer for Observer {
    type WatchFlowsStream = Responses<v1::WatchFlowsResponse>;
    type ReadHistoryStream = Responses<v1::ReadHistoryResponse>;

    async fn watch_flows(
        &self,
        request: Request<v1::WatchFlowsRequest>,
    ) -> Result<Response<Self::WatchFlowsStream>, Status> {
        let reader = self.access.reader(&request).await?;
        let request = request.into_inner();
        reader.may_watch(&request).await?;
        check_time("since", request.since)?;
        check_time("until", request.until)?;
        let plan = Plan::new(&request, !reader.is_full())
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let streaming = self.place()?;
        self.agents_are_known().await?;
        let (queue, inlet) = mpsc::channel(self.facts.backlog);
        let source = Source {
            plan,
            reader: Arc::new(reader),
            nodes: self.nodes.clone(),
            metrics: self.metrics.clone(),
            merge: self.facts.merge,
        };
        let outlet = Outlet::new(queue, self.metrics.clone(), self.losses.clone());
        let watch = Watch::new(source, outlet);
        let stop = self.stop.clone();
        tokio::spawn(async move {
            watch.run(stop).await;
            drop(streaming);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(inlet))))
    }

    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let reader = self.access.reader(&request).await?;
        let status = reader.status(self.status().await).await?;
        Ok(Response::new(status))
    }

    async fn read_history(
        &self,
        request: Request<v1::ReadHistoryRequest>,
    ) -> Result<Response<Self::ReadHistoryStream>, Status> {
        let reader = self.access.reader(&request).await?;
        reader.may_read_history().await?;
        let request = request.into_inner();
        check_time("since", request.since)?;
        let streaming = self.place()?;
        self.agents_are_known().await?;
        let question = history::Question {
            request,
            reader,
            nodes: self.nodes.all(),
            troubles: self.nodes.troubles(),
        };
        let (outlet, end, answers) = outlet(history::ROOM);
        let stop = self.stop.clone();
        tokio::spawn(async move {
            question.ask(outlet, end, stop).await;
            drop(streaming);
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

fn check_time(field: &str, time: Option<prost_types::Timestamp>) -> Result<(), Status> {
    match time.map(SystemTime::try_from) {
        Some(Err(error)) => Err(Status::invalid_argument(format!("{field}: {error}"))),
        Some(Ok(_)) | None => Ok(()),
    }
}
