//! The agent in this process: on a thread of its own, and asked over its socket.

use std::alloc::System;
use std::borrow::Cow;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser as _;
use netpol_agent::clock::boottime;
use netpol_agent::config::Config;
use netpol_agent::drop_class::Names;
use netpol_agent::kernel::observation::Observation;
use netpol_agent::run::{Source, run};
use netpol_api::v1::observer_client::ObserverClient;
use netpol_api::v1::{GetStatusRequest, GetStatusResponse, ReadHistoryRequest};
use nix::unistd::gettid;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use crate::connections;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Connections that are on their way at once.
const AT_ONCE: u32 = 2000;
/// Flows that who remembers may fall behind: all of a run, so that none is lost.
const BACKLOG: &str = "262144";
const PATIENCE: Duration = Duration::from_secs(300);
const TICK: Duration = Duration::from_millis(5);

/// An agent, which ends with the process.
pub(crate) struct Agent {
    runtime: Runtime,
    client: ObserverClient<Channel>,
    observations: mpsc::Sender<Observation>,
    thread: i32,
    pods: u8,
    directory: tempfile::TempDir,
}

/// What it costs so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// CPU time of its thread, in nanoseconds.
    pub(crate) cpu: u64,
    /// Bytes that are allocated.
    pub(crate) live: u64,
    /// Bytes that the kernel has given, at most.
    pub(crate) peak: u64,
    /// Edges that are remembered.
    pub(crate) edges: u64,
    /// Items of whatever kind that were lost.
    pub(crate) lost: u64,
}

struct NoNames;

impl Names for NoNames {
    fn reason(&self, _: u32) -> Cow<'_, str> {
        Cow::Borrowed("NETFILTER_DROP")
    }
    fn location(&self, _: u64) -> Option<&str> {
        None
    }
}

impl Agent {
    /// Starts one that knows so many pods on each side, and remembers traffic or does not.
    pub(crate) fn start(pods: u8, is_kept: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        std::fs::create_dir(path("manifests")).unwrap();
        let cluster = connections::manifests(pods);
        std::fs::write(path("manifests/cluster.yaml"), cluster).unwrap();
        let mut line = vec!["netpol-agent".to_owned(), "--node=node-1".to_owned()];
        line.push(format!("--inventory={}", path("manifests")));
        line.push(format!("--socket={}", path("agent.sock")));
        line.push(format!("--backlog={BACKLOG}"));
        if is_kept {
            line.push(format!("--history={}", path("history")));
        }
        let config = Config::parse_from(line);
        let (observations, receiver) = mpsc::channel(1024);
        let (tell, told) = std::sync::mpsc::channel();
        thread::spawn(move || {
            tell.send(gettid().as_raw()).unwrap();
            let source = Source {
                observations: receiver,
                names: Arc::new(NoNames),
                node_netns: 1,
                capabilities: Vec::new(),
                counters: Arc::default(),
            };
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime
                .block_on(run(config, source, CancellationToken::new()))
                .unwrap();
        });
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let client = runtime.block_on(client(directory.path().join("agent.sock")));
        let agent = Self {
            runtime,
            client,
            observations,
            thread: told.recv().unwrap(),
            pods,
            directory,
        };
        let is_ready = |status: &GetStatusResponse| {
            let generation = status.inventory.as_ref().map(|one| one.generation);
            let watches = |history: &_| {
                let netpol_api::v1::HistoryStatus { since, written, .. } = history;
                since.is_some() && written.is_some()
            };
            generation > Some(0) && (!is_kept || status.history.as_ref().is_some_and(watches))
        };
        agent.wait_for(is_ready);
        for interface in connections::interfaces(pods) {
            agent.observations.blocking_send(interface).unwrap();
        }
        agent
    }

    /// Connections of these numbers, one after the other of each pair of pods, until all of them are taken in.
    pub(crate) fn connect(&self, numbers: Range<u32>) {
        let pods = u32::from(self.pods);
        let pod = |number: u32| u8::try_from(number % pods + 1).unwrap();
        for number in numbers.clone() {
            let port = 1024 + (number / pods / pods % 60_000) as u16;
            let opened = boottime().unwrap();
            for one in connections::connection(pod(number), pod(number / pods), port, opened) {
                self.observations.blocking_send(one).unwrap();
            }
            if (number + 1) % AT_ONCE == 0 || number + 1 == numbers.end {
                self.wait_for(|status| status.flows_seen == u64::from(number + 1));
            }
        }
        // All that was told is remembered by then, and written.
        thread::sleep(Duration::from_secs(15));
    }

    pub(crate) fn figures(&self) -> Figures {
        let status = self.status();
        let stats = ALLOCATOR.stats();
        let live = stats.bytes_allocated - stats.bytes_deallocated;
        let schedule = format!("/proc/self/task/{}/schedstat", self.thread);
        let schedule = std::fs::read_to_string(schedule).unwrap();
        Figures {
            cpu: schedule.split(' ').next().unwrap().parse().unwrap(),
            live: live as u64,
            peak: peak(),
            edges: status.history.map_or(0, |history| history.edges),
            lost: status.lost.iter().map(|lost| lost.count).sum(),
        }
    }

    /// Reads all that is remembered; gives the size of the store's file.
    pub(crate) fn read(&self) -> u64 {
        let mut client = self.client.clone();
        self.runtime.block_on(async {
            let request = ReadHistoryRequest::default();
            let mut lines = client.read_history(request).await.unwrap().into_inner();
            while lines.message().await.unwrap().is_some() {}
        });
        let store = self.directory.path().join("history/history.redb");
        std::fs::metadata(store).unwrap().len()
    }

    fn status(&self) -> GetStatusResponse {
        let mut client = self.client.clone();
        let asked = self
            .runtime
            .block_on(client.get_status(GetStatusRequest {}));
        asked.unwrap().into_inner()
    }

    fn wait_for(&self, is_right: impl Fn(&GetStatusResponse) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if is_right(&status) {
                return;
            }
            assert!(Instant::now() < deadline, "{status:#?}");
            thread::sleep(TICK);
        }
    }
}

/// Waits until the agent serves.
async fn client(socket: PathBuf) -> ObserverClient<Channel> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let path = socket.clone();
        let connector = tower::service_fn(move |_| {
            let path = path.clone();
            async move {
                let stream = UnixStream::connect(path).await?;
                Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(stream))
            }
        });
        let endpoint = Endpoint::from_static("http://localhost");
        if let Ok(channel) = endpoint.connect_with_connector(connector).await {
            return ObserverClient::new(channel);
        }
        assert!(Instant::now() < deadline, "nobody serves");
        tokio::time::sleep(TICK).await;
    }
}

/// The most memory that this process had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    number.unwrap() * 1024
}
