//! The relay in this process, and readers of it.

use std::fmt::Display;
use std::time::Duration;

use clap::Parser as _;
use netpol_api::v1;
use netpol_api::v1::watch_flows_response::Item;
use netpol_relay::config::Config;
use netpol_relay::run::run;
use netpol_transport::client::{Client, Options, Server, connect};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use crate::PATIENCE;

/// A running relay.
pub(crate) struct Relay {
    pub(crate) client: Client,
    /// With its socket.
    _directory: tempfile::TempDir,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Relay {
    /// In front of these agents.
    pub(crate) async fn of(agents: &[impl Display], arguments: &[&str]) -> Self {
        let agents: Vec<_> = agents.iter().map(ToString::to_string).collect();
        let agents = agents.join(",");
        let all = [&["--agents", &agents], arguments].concat();
        Self::start(&all).await
    }

    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("relay.sock");
        let line = ["netpol-relay", "--socket", socket.to_str().unwrap()];
        let config = Config::parse_from(line.iter().chain(arguments));
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(config, stop.clone()));
        let server = Server::Unix(socket);
        let client = timeout(PATIENCE, async {
            loop {
                match connect(&server, &Options::default()).await {
                    Ok(client) => return client,
                    Err(_) => sleep(Duration::from_millis(10)).await,
                }
            }
        });
        Self {
            client: client.await.unwrap(),
            _directory: directory,
            stop,
            task,
        }
    }

    pub(crate) async fn watch(&self, request: v1::WatchFlowsRequest) -> Reader {
        Reader {
            stream: self
                .client
                .clone()
                .watch_flows(request)
                .await
                .unwrap()
                .into_inner(),
        }
    }

    /// All kept flows, and what else comes with them.
    pub(crate) async fn list(&self) -> Vec<Item> {
        let mut reader = self.watch(v1::WatchFlowsRequest::default()).await;
        let mut items = Vec::new();
        while let Some(item) = reader.next().await.unwrap() {
            items.push(item);
        }
        items
    }

    /// Asks for the status until it says this.
    pub(crate) async fn status(
        &self,
        wanted: impl Fn(&v1::GetStatusResponse) -> bool,
    ) -> v1::GetStatusResponse {
        let mut last = v1::GetStatusResponse::default();
        let asking = timeout(PATIENCE, async {
            loop {
                let mut client = self.client.clone();
                last = client
                    .get_status(v1::GetStatusRequest {})
                    .await
                    .unwrap()
                    .into_inner();
                if wanted(&last) {
                    return;
                }
                sleep(Duration::from_millis(20)).await;
            }
        });
        let answered = asking.await;
        assert!(answered.is_ok(), "{last:#?}");
        last
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }

    pub(crate) fn begin_stop(&self) {
        self.stop.cancel();
    }
}

/// One reader.
pub(crate) struct Reader {
    stream: Streaming<v1::WatchFlowsResponse>,
}

impl Reader {
    pub(crate) async fn next(&mut self) -> Result<Option<Item>, Status> {
        let message = timeout(PATIENCE, self.stream.message()).await;
        let message = message.expect("nothing comes")?;
        Ok(message.map(|response| response.item.unwrap()))
    }

    /// The next flow, with whatever comes before it.
    pub(crate) async fn flow(&mut self) -> (v1::Flow, Vec<Item>) {
        let mut before = Vec::new();
        loop {
            match self.next().await.unwrap().expect("the stream ended") {
                Item::Flow(flow) => return (flow, before),
                item => before.push(item),
            }
        }
    }

    /// The next state of a node; flows before it are dropped.
    pub(crate) async fn state(&mut self) -> (String, v1::node_state::State, String) {
        loop {
            if let Item::Node(state) = self.next().await.unwrap().expect("the stream ended") {
                return (state.node.clone(), state.state(), state.message);
            }
        }
    }

    /// What comes until nothing does for so long.
    pub(crate) async fn rest(&mut self, silence: Duration) -> Vec<Item> {
        let mut items = Vec::new();
        while let Ok(message) = timeout(silence, self.stream.message()).await {
            match message.unwrap() {
                Some(response) => items.push(response.item.unwrap()),
                None => break,
            }
        }
        items
    }
}

/// The flows among items.
pub(crate) fn flows(items: Vec<Item>) -> Vec<v1::Flow> {
    items
        .into_iter()
        .filter_map(|item| match item {
            Item::Flow(flow) => Some(flow),
            Item::Lost(_) | Item::Node(_) => None,
        })
        .collect()
}

/// A reader that goes on with live flows.
pub(crate) fn follow() -> v1::WatchFlowsRequest {
    v1::WatchFlowsRequest {
        follow: true,
        ..v1::WatchFlowsRequest::default()
    }
}

/// How `--agents` spells a socket.
pub(crate) fn unix(socket: &std::path::Path) -> String {
    format!("unix://{}", socket.display())
}
