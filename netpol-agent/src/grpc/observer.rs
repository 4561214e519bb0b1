//! The Observer service.

use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use futures::Stream;
use netpol_api::filter::Filter;
use netpol_api::v1;
use netpol_policy::verdict::PolicyKind;
use netpol_transport::access::Access;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::history::Histories;
use super::stream::{Feed, Wanted};
use super::tcp::TcpDoor;
use crate::convert::{Converter, timestamp};
use crate::enforcement::Enforcement;
use crate::export::Export;
use crate::inventory::{POLICY_KINDS, Problem, Resource, Snapshot, Watch, WatchStage, Watches};
use crate::kernel::capability::Capability;
use crate::log::{FlowLog, Selection};
use crate::metrics::Metrics;
use crate::node_claim::NodeClaim;

/// Items that wait for the transport of one stream; whatever is beyond waits in the broadcast.
const OUTLET: usize = 64;

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What the service reads.
pub struct Observer {
    /// Kept and live flows.
    pub log: Arc<FlowLog>,
    /// The daemon's own state.
    pub status: Arc<crate::status::Status>,
    /// Whether policies are enforced at all.
    pub enforcement: Arc<Enforcement>,
    /// The inventory in force.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// How well the API server is followed, where the inventory comes from one.
    pub watches: Arc<Watches>,
    /// Turns domain types into messages.
    pub converter: Arc<Converter>,
    /// Logs and Events.
    pub exports: Vec<Arc<Export>>,
    /// What is remembered of traffic over time.
    pub history: Histories,
    /// Figures.
    pub metrics: Metrics,
    /// Who may read what.
    pub access: Access,
    /// The TCP door.
    pub tcp: TcpDoor,
    /// Whether this is the one agent of its node.
    pub claim: NodeClaim,
    /// Facts that do not change while the daemon runs.
    pub facts: Facts,
    /// Ends every stream.
    pub stop: CancellationToken,
}

/// Facts that do not change while the daemon runs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When the daemon started.
    pub started: SystemTime,
    /// Kernel release.
    pub kernel: String,
    /// What this kernel can and cannot do.
    pub capabilities: Vec<Capability>,
    /// Where the inventory comes from.
    pub inventory_source: String,
    /// How policies are read where implementations differ.
    pub dialect: String,
}

/// Counts a stream for as long as it lives.
struct Subscribed(Metrics);

impl Subscribed {
    fn new(metrics: &Metrics) -> Self {
        metrics.subscribers.inc();
        Self(metrics.clone())
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        self.0.subscribers.dec();
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
        let wanted = wanted(&request)?;
        reader.may_watch(&request).await?;
        let selection = if request.blocked_only {
            Selection::Blocked
        } else {
            Selection::All
        };
        let (history, live) = self.log.subscribe(selection);
        let (outlet, inlet) = mpsc::channel(OUTLET);
        let feed = Feed {
            wanted,
            reader,
            converter: self.converter.clone(),
            metrics: self.metrics.clone(),
            status: self.status.clone(),
            outlet,
        };
        let subscribed = Subscribed::new(&self.metrics);
        let stop = self.stop.clone();
        tokio::spawn(async move {
            feed.run(history, live, stop).await;
            drop(subscribed);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(inlet))))
    }

    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let reader = self.access.reader(&request).await?;
        Ok(Response::new(reader.status(self.status()).await?))
    }

    async fn read_history(
        &self,
        request: Request<v1::ReadHistoryRequest>,
    ) -> Result<Response<Self::ReadHistoryStream>, Status> {
        let reader = self.access.reader(&request).await?;
        reader.may_read_history().await?;
        let since = time("since", request.into_inner().since)?;
        let (node, stop) = (&self.converter.node, self.stop.clone());
        let answers = self.history.read(node, reader, since, stop).await?;
        Ok(Response::new(Box::pin(answers)))
    }
}

impl Observer {
    fn status(&self) -> v1::GetStatusResponse {
        let figures = self.log.figures();
        let subscribers = u32::try_from(self.metrics.subscribers.get()).unwrap_or(0);
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        v1::GetStatusResponse {
            node: self.converter.node.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: Some(timestamp(self.facts.started)),
            kernel: self.facts.kernel.clone(),
            capabilities: self.facts.capabilities.iter().map(capability).collect(),
            interfaces: self
                .status
                .interfaces()
                .into_iter()
                .map(interface)
                .collect(),
            inventory: Some(self.inventory()),
            flows_kept: count(figures.kept),
            flows_capacity: count(figures.capacity),
            flows_seen: figures.seen,
            flows_blocked: figures.blocked,
            flows_per_second: self.status.flows_per_second(),
            lost: self
                .status
                .lost()
                .iter()
                .map(|lost| self.converter.lost(lost))
                .collect(),
            subscribers,
            time: Some(timestamp(SystemTime::now())),
            server: v1::get_status_response::Server::Agent.into(),
            nodes: Vec::new(),
            exports: self.exports.iter().map(|one| export(one)).collect(),
            warnings: self.warnings(),
            history: self.history.status(),
        }
    }

    fn warnings(&self) -> Vec<String> {
        let troubles = [self.claim.conflict(), self.enforcement.warning()];
        let troubles = troubles.into_iter().flatten();
        troubles
            .chain(self.tcp.warnings())
            .chain(self.history.warnings())
            .collect()
    }

    fn inventory(&self) -> v1::InventoryStatus {
        let snapshot = self.snapshot.load();
        let (sizes, report) = (snapshot.sizes(), snapshot.report());
        v1::InventoryStatus {
            source: self.facts.inventory_source.clone(),
            generation: snapshot.generation(),
            pods: sizes.pods,
            namespaces: u32::try_from(snapshot.namespaces()).unwrap_or(u32::MAX),
            services: sizes.services,
            nodes: sizes.nodes,
            network_policies: sizes.policies_of(PolicyKind::NetworkPolicy),
            changed: (snapshot.generation() > 0).then(|| timestamp(snapshot.changed())),
            errors: report.errors.iter().map(problem).collect(),
            warnings: report.warnings.iter().map(problem).collect(),
            policies: POLICY_KINDS
                .into_iter()
                .map(|kind| (kind, sizes.policies_of(kind)))
                .filter(|(_, count)| *count > 0)
                .map(|(kind, count)| v1::PolicyCount {
                    api_version: String::new(),
                    kind: kind.as_str().to_owned(),
                    count,
                })
                .collect(),
            not_evaluated: report
                .not_evaluated
                .iter()
                .map(|(kind, count)| v1::PolicyCount {
                    api_version: kind.api_version.clone(),
                    kind: kind.kind.clone(),
                    count: *count,
                })
                .collect(),
            dialect: self.facts.dialect.clone(),
            watches: self.watches.all().into_iter().map(watch).collect(),
        }
    }
}

fn watch((resource, watch): (Resource, Watch)) -> v1::Watch {
    use v1::watch::State;
    let state = match (watch.stage, &watch.trouble) {
        (WatchStage::Absent, _) => State::Absent,
        (_, Some(_)) => State::Failing,
        (WatchStage::Listing, None) => State::Listing,
        (WatchStage::Following, None) => State::Following,
    };
    v1::Watch {
        resource: resource.name(),
        state: state.into(),
        heard: watch.heard.map(timestamp),
        error: watch.trouble.unwrap_or_default(),
    }
}

fn export(export: &Export) -> v1::Export {
    let state = export.state();
    let (error, since) = state.trouble.unzip();
    v1::Export {
        name: export.name().to_owned(),
        target: export.target().to_owned(),
        written: state.written,
        error: error.unwrap_or_default(),
        failing_since: since.map(timestamp),
    }
}

fn problem(problem: &Problem) -> v1::InventoryError {
    v1::InventoryError {
        file: problem
            .file
            .as_ref()
            .map_or_else(String::new, |file| file.display().to_string()),
        document: problem.document,
        object: problem.object.clone(),
        field: problem.field.clone(),
        message: problem.message.clone(),
    }
}

fn wanted(request: &v1::WatchFlowsRequest) -> Result<Wanted, Status> {
    let filter =
        Filter::of_request(request).map_err(|error| Status::invalid_argument(error.to_string()))?;
    Ok(Wanted {
        filter,
        last: request
            .last
            .map(|last| usize::try_from(last).unwrap_or(usize::MAX)),
        since: time("since", request.since)?,
        until: time("until", request.until)?,
        follow: request.follow,
    })
}

fn time(field: &str, time: Option<prost_types::Timestamp>) -> Result<Option<SystemTime>, Status> {
    time.map(SystemTime::try_from)
        .transpose()
        .map_err(|error| Status::invalid_argument(format!("{field}: {error}")))
}

fn capability(capability: &Capability) -> v1::Capability {
    v1::Capability {
        name: capability.name.to_owned(),
        available: capability.available,
        detail: capability.detail.clone(),
        cost: capability.cost.to_owned(),
    }
}

fn interface(watched: crate::status::WatchedInterface) -> v1::Interface {
    let interface = watched.interface;
    v1::Interface {
        name: interface.name,
        ifindex: interface.ifindex,
        kind: interface.kind,
        hook: interface.hook.unwrap_or_default().to_owned(),
        pod: watched.pod.unwrap_or_default(),
        error: interface.error.unwrap_or_default(),
    }
}
