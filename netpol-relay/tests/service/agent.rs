//! An agent without a kernel: a gRPC server on a thread of its own, so that killing it is what a killed process is.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use futures::Stream;
use netpol_api::v1::observer_server::{Observer, ObserverServer};
use netpol_api::v1::watch_flows_response::Item;
use netpol_api::v1::{self, read_history_response};
use netpol_transport::listen::{self, Door, bind_unix};
use tokio::sync::{broadcast, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

/// What a reader may fall behind.
const BACKLOG: usize = 8192;

/// A running agent. Killed when dropped.
pub(crate) struct Agent {
    pub(crate) world: World,
    kill: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// What the agent sees and how it behaves; outlives the agent.
#[derive(Clone)]
pub(crate) struct World(Arc<Shared>);

struct Shared {
    node: String,
    kept: Mutex<Vec<v1::Flow>>,
    live: broadcast::Sender<v1::Flow>,
    /// How far its clock is ahead, in milliseconds.
    ahead: AtomicU64,
    /// Requests of streams are taken and not answered.
    hangs: AtomicBool,
    streams: AtomicU64,
    /// What it remembers; `None` where it does not.
    history: Mutex<Option<Vec<Step>>>,
    /// Requests for it.
    asked: Mutex<Vec<v1::ReadHistoryRequest>>,
    /// Steps of it that found room on the way to whoever asked.
    told: AtomicU64,
}

/// What an agent does that is asked for its history.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Says this.
    Lines(String),
    /// Ends with an error.
    Break,
    /// Says nothing any more.
    Silence,
}

impl World {
    pub(crate) fn new(node: &str) -> Self {
        Self(Arc::new(Shared {
            node: node.to_owned(),
            kept: Mutex::default(),
            live: broadcast::Sender::new(BACKLOG),
            ahead: AtomicU64::new(0),
            hangs: AtomicBool::new(false),
            streams: AtomicU64::new(0),
            history: Mutex::default(),
            asked: Mutex::default(),
            told: AtomicU64::new(0),
        }))
    }

    pub(crate) fn remember(&self, steps: Vec<Step>) {
        *self.0.history.lock().unwrap() = Some(steps);
    }

    /// With what it was asked for its history.
    pub(crate) fn asked(&self) -> Vec<v1::ReadHistoryRequest> {
        self.0.asked.lock().unwrap().clone()
    }

    /// How many steps of its history found room on the way.
    pub(crate) fn told(&self) -> u64 {
        self.0.told.load(Ordering::SeqCst)
    }

    pub(crate) fn ahead(self, by: Duration) -> Self {
        let millis = by.as_millis().try_into().unwrap();
        self.0.ahead.store(millis, Ordering::SeqCst);
        self
    }

    pub(crate) fn hang(&self) {
        self.0.hangs.store(true, Ordering::SeqCst);
    }

    /// Streams being served.
    pub(crate) fn streams(&self) -> u64 {
        self.0.streams.load(Ordering::SeqCst)
    }

    /// A flow is seen.
    pub(crate) fn see(&self, flow: v1::Flow) {
        let mut kept = self.0.kept.lock().unwrap();
        kept.push(flow.clone());
        // Nobody may be listening.
        let _ = self.0.live.send(flow);
    }

    /// Serves it on a Unix socket.
    pub(crate) fn serve(&self, socket: &Path) -> Agent {
        let socket = socket.to_owned();
        self.serve_at(move || unix(&socket))
    }

    /// Serves it at a door that is opened on the agent's thread.
    pub(crate) fn serve_at<G: Send + 'static>(
        &self,
        open: impl FnOnce() -> (Door, G) + Send + 'static,
    ) -> Agent {
        let kill = CancellationToken::new();
        let (world, killed) = (self.clone(), kill.clone());
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let (door, _held) = open();
                let incoming = door.incoming();
                ready.send(()).unwrap();
                let server = listen::server().add_service(ObserverServer::new(world));
                tokio::select! {
                    served = server.serve_with_incoming(incoming) => served.unwrap(),
                    () = killed.cancelled() => {}
                }
            });
            // With it go all connections, in the middle of whatever they do.
            drop(runtime);
        });
        is_ready.recv().unwrap();
        Agent {
            world: self.clone(),
            kill,
            thread: Some(thread),
        }
    }
}

fn unix(socket: &Path) -> (Door, impl Send + 'static + use<>) {
    let (listener, file) = bind_unix(socket).unwrap();
    (Door::Unix(listener), file)
}

impl Agent {
    /// `node-NUMBER` on a socket in this directory.
    pub(crate) fn start(directory: &Path, number: u32) -> (Self, PathBuf) {
        let node = format!("node-{number}");
        let socket = directory.join(format!("{node}.sock"));
        (World::new(&node).serve(&socket), socket)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

struct Counted(World);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.streams.fetch_sub(1, Ordering::SeqCst);
    }
}

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Observer for World {
    type WatchFlowsStream = Responses<v1::WatchFlowsResponse>;
    type ReadHistoryStream = Responses<v1::ReadHistoryResponse>;

    async fn watch_flows(
        &self,
        request: Request<v1::WatchFlowsRequest>,
    ) -> Result<Response<Self::WatchFlowsStream>, Status> {
        if self.0.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let request = request.into_inner();
        let since = request
            .since
            .map(|since| SystemTime::try_from(since).unwrap());
        let last = match (request.last, request.follow, since) {
            (Some(last), ..) => last.try_into().unwrap(),
            (None, true, None) => 0,
            (None, ..) => usize::MAX,
        };
        let (kept, mut live) = {
            let kept = self.0.kept.lock().unwrap();
            (kept.clone(), self.0.live.subscribe())
        };
        let mut wanted: Vec<_> = kept
            .into_iter()
            .rev()
            .filter(|flow| since.is_none_or(|since| crate::seen(flow) >= since))
            .take(last)
            .collect();
        let (outlet, inlet) = mpsc::channel(64);
        self.0.streams.fetch_add(1, Ordering::SeqCst);
        let counted = Counted(self.clone());
        tokio::spawn(async move {
            let _counted = counted;
            while let Some(flow) = wanted.pop() {
                if outlet.send(Ok(response(Item::Flow(flow)))).await.is_err() {
                    return;
                }
            }
            if !request.follow {
                return;
            }
            if last > 0 {
                let kept_over = v1::WatchFlowsResponse {
                    kept_over: true,
                    ..v1::WatchFlowsResponse::default()
                };
                if outlet.send(Ok(kept_over)).await.is_err() {
                    return;
                }
            }
            loop {
                let item = tokio::select! {
                    received = live.recv() => match received {
                        Ok(flow) => Item::Flow(flow),
                        Err(broadcast::error::RecvError::Lagged(count)) => Item::Lost(v1::Lost {
                            stage: v1::lost::Stage::Subscriber.into(),
                            reason: "slow_subscriber".to_owned(),
                            count,
                            time: Some(SystemTime::now().into()),
                            ..v1::Lost::default()
                        }),
                        Err(broadcast::error::RecvError::Closed) => return,
                    },
                    () = outlet.closed() => return,
                };
                if outlet.send(Ok(response(item))).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(inlet))))
    }

    async fn get_status(
        &self,
        _: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let ahead = Duration::from_millis(self.0.ahead.load(Ordering::SeqCst));
        Ok(Response::new(v1::GetStatusResponse {
            node: self.0.node.clone(),
            version: "1.2.3".to_owned(),
            time: Some((SystemTime::now() + ahead).into()),
            server: v1::get_status_response::Server::Agent.into(),
            ..v1::GetStatusResponse::default()
        }))
    }

    async fn read_history(
        &self,
        request: Request<v1::ReadHistoryRequest>,
    ) -> Result<Response<Self::ReadHistoryStream>, Status> {
        if self.0.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.0.asked.lock().unwrap().push(request.into_inner());
        let Some(history) = self.0.history.lock().unwrap().clone() else {
            return Err(Status::failed_precondition("this agent remembers nothing"));
        };
        let (outlet, inlet) = mpsc::channel(1);
        let world = self.clone();
        tokio::spawn(async move {
            for step in history {
                let response = match step {
                    Step::Lines(lines) => Ok(v1::ReadHistoryResponse {
                        node: world.0.node.clone(),
                        item: Some(read_history_response::Item::Lines(lines.into_bytes())),
                    }),
                    Step::Break => Err(Status::aborted("broken by the test")),
                    Step::Silence => {
                        outlet.closed().await;
                        return;
                    }
                };
                if outlet.send(response).await.is_err() {
                    return;
                }
                world.0.told.fetch_add(1, Ordering::SeqCst);
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(inlet))))
    }
}

fn response(item: Item) -> v1::WatchFlowsResponse {
    v1::WatchFlowsResponse {
        item: Some(item),
        ..v1::WatchFlowsResponse::default()
    }
}
