//! A server that plays what a test wrote down, and notes what it is asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use netpol_api::v1::{
    self, GetStatusRequest, GetStatusResponse, WatchFlowsRequest, WatchFlowsResponse,
    observer_server::Observer, watch_flows_response::Item,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// What one stream shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Play {
    items: Vec<Item>,
    /// How it ends; `None`: a list well, a watch not at all.
    end: Option<Status>,
}

impl Play {
    pub(crate) fn of(items: Vec<Item>) -> Self {
        Self { items, end: None }
    }

    pub(crate) fn ending(self, status: Status) -> Self {
        Self {
            end: Some(status),
            ..self
        }
    }
}

/// Plays one after the other; the last one again and again.
#[derive(Clone)]
pub(crate) struct Script {
    plays: Arc<Mutex<VecDeque<Play>>>,
    status: GetStatusResponse,
    asked: Arc<Mutex<Vec<WatchFlowsRequest>>>,
    /// Header `authorization` of each call.
    shown: Arc<Mutex<Vec<String>>>,
    /// The only one that is let in.
    token: Arc<Mutex<Option<String>>>,
    /// What is remembered; `None`: nothing is.
    history: Option<Vec<v1::ReadHistoryResponse>>,
    /// Since when it was asked for.
    since: Arc<Mutex<Option<prost_types::Timestamp>>>,
}

impl Script {
    pub(crate) fn new(play: Play) -> Self {
        Self {
            plays: Arc::new(Mutex::new([play].into())),
            status: GetStatusResponse {
                node: "worker-1".into(),
                ..Default::default()
            },
            asked: Arc::default(),
            shown: Arc::default(),
            token: Arc::default(),
            history: None,
            since: Arc::default(),
        }
    }

    /// Also after the last one.
    pub(crate) fn then(self, play: Play) -> Self {
        self.plays.lock().unwrap().push_back(play);
        self
    }

    pub(crate) fn with_status(self, status: GetStatusResponse) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn remembering(self, history: Vec<v1::ReadHistoryResponse>) -> Self {
        let history = Some(history);
        Self { history, ..self }
    }

    pub(crate) fn since(&self) -> Option<prost_types::Timestamp> {
        *self.since.lock().unwrap()
    }

    /// Lets in nobody else from now on.
    pub(crate) fn only(&self, token: &str) {
        *self.token.lock().unwrap() = Some(format!("Bearer {token}"));
    }

    pub(crate) fn asked(&self) -> Vec<WatchFlowsRequest> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn shown(&self) -> Vec<String> {
        self.shown.lock().unwrap().clone()
    }

    fn admit<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let shown = request.metadata().get("authorization");
        let shown = shown.map_or("", |value| value.to_str().unwrap());
        self.shown.lock().unwrap().push(shown.to_owned());
        match &*self.token.lock().unwrap() {
            Some(token) if shown.is_empty() => Err(Status::unauthenticated(format!(
                "a bearer token is needed, of {} characters",
                token.len()
            ))),
            Some(token) if token != shown => Err(Status::unauthenticated("the token is not good")),
            _ => Ok(()),
        }
    }
}

#[tonic::async_trait]
impl Observer for Script {
    type WatchFlowsStream = ReceiverStream<Result<WatchFlowsResponse, Status>>;
    type ReadHistoryStream = ReceiverStream<Result<v1::ReadHistoryResponse, Status>>;

    async fn watch_flows(
        &self,
        request: Request<WatchFlowsRequest>,
    ) -> Result<Response<Self::WatchFlowsStream>, Status> {
        self.admit(&request)?;
        let follow = request.get_ref().follow;
        self.asked.lock().unwrap().push(request.into_inner());
        let play = {
            let mut plays = self.plays.lock().unwrap();
            match plays.len() {
                1 => plays[0].clone(),
                _ => plays.pop_front().unwrap_or_default(),
            }
        };
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            for item in play.items {
                let response = WatchFlowsResponse {
                    item: Some(item),
                    ..WatchFlowsResponse::default()
                };
                if sender.send(Ok(response)).await.is_err() {
                    return;
                }
            }
            match play.end {
                // A client that has gone needs no end.
                Some(status) => drop(sender.send(Err(status)).await),
                None if follow => sender.closed().await,
                None => {}
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn get_status(
        &self,
        request: Request<GetStatusRequest>,
    ) -> Result<Response<GetStatusResponse>, Status> {
        self.admit(&request)?;
        Ok(Response::new(self.status.clone()))
    }

    async fn read_history(
        &self,
        request: Request<v1::ReadHistoryRequest>,
    ) -> Result<Response<Self::ReadHistoryStream>, Status> {
        self.admit(&request)?;
        *self.since.lock().unwrap() = request.into_inner().since;
        let history = self.history.clone();
        let history = history
            .ok_or_else(|| Status::failed_precondition("this agent remembers no traffic"))?;
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            for item in history {
                if sender.send(Ok(item)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

pub(crate) fn flow(id: &str, revision: u64, verdict: v1::observed::Verdict, packets: u64) -> Item {
    let end = |address: &str, port| {
        Some(v1::Endpoint {
            address: address.into(),
            port,
            ..Default::default()
        })
    };
    Item::Flow(v1::Flow {
        id: id.into(),
        revision,
        protocol: v1::Protocol::Tcp.into(),
        source: end("10.0.0.1", 40000),
        destination: end("10.0.0.2", 80),
        forward: Some(v1::Counters {
            packets,
            ..Default::default()
        }),
        observed: Some(v1::Observed {
            verdict: verdict.into(),
            evidence: None,
        }),
        ..Default::default()
    })
}

pub(crate) fn story() -> Vec<Item> {
    use v1::observed::Verdict::{Dropped, Forwarded, Unknown};
    vec![
        flow("a", 1, Unknown, 1),
        flow("a", 2, Forwarded, 2),
        flow("a", 3, Forwarded, 9),
        flow("b", 1, Dropped, 1),
        Item::Lost(v1::Lost {
            reason: "slow_subscriber".into(),
            count: 3,
            ..Default::default()
        }),
    ]
}
