//! A connection to each agent, made again for as long as the agent is expected.
//!
//! ```text
//! Discovered ─► supervise ─┬─► keep 10.0.0.1 ── dial ─ ask status, every 10 s ─┐
//!                          ├─► keep 10.0.0.2 ── refused ─ pause ─ dial ─ ...   ├─► Nodes
//!                          └─► ...                                             ┘
//! ```

mod ask;
mod dial;
mod trouble;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

pub(crate) use ask::ask;
pub use dial::{Client, Dialer};
pub(crate) use trouble::of_status;

use crate::discovery::{AgentAddress, Discovered};
use crate::metrics::Metrics;
use crate::nodes::{Answer, Clock, Link, Nodes};

/// How often each agent is asked how it is.
const ASK_EVERY: Duration = Duration::from_secs(10);
/// How long its answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// An agent that leaves so many questions without an answer is connected to anew.
const UNANSWERED: u32 = 3;
/// The longest pause before a connection is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Pauses between attempts: 250 ms, twice as long each time, each longer by chance so that a restarted agent's relays, or a
/// relay's agents, do not all come at once.
pub(crate) fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(LONGEST_PAUSE)
        .with_jitter()
        .without_max_times()
        .build()
}

/// Keeps connections to all agents that are found.
pub struct Connections {
    /// Where what becomes of them is told.
    pub nodes: Arc<Nodes>,
    /// How they are made.
    pub dialer: Dialer,
    /// Figures.
    pub metrics: Metrics,
}

impl Connections {
    /// Follows discovery until told to stop.
    pub async fn supervise(self, mut found: watch::Receiver<Discovered>, stop: CancellationToken) {
        let connections = Arc::new(self);
        // Ends with this function, and all of them with it.
        let mut tasks = JoinSet::new();
        let mut kept: BTreeMap<AgentAddress, AbortHandle> = BTreeMap::new();
        loop {
            let discovered = found.borrow_and_update().clone();
            let nodes = &connections.nodes;
            let new = nodes.expect(&discovered, SystemTime::now());
            kept.retain(|address, task| {
                let expected = nodes.is_expected(address);
                if !expected {
                    info!(%address, "agent is gone");
                    task.abort();
                }
                expected
            });
            for address in new {
                let task = tasks.spawn(keep(connections.clone(), address.clone()));
                kept.insert(address, task);
            }
            tokio::select! {
                changed = found.changed() => {
                    if changed.is_err() {
                        // Nothing more will be found: a list is said once.
                        stop.cancelled().await;
                        return;
                    }
                }
                () = stop.cancelled() => return,
            }
            while tasks.try_join_next().is_some() {}
        }
    }
}

/// Keeps one connection.
async fn keep(connections: Arc<Connections>, address: AgentAddress) {
    let mut pause = pauses();
    loop {
        match connections.dialer.connect(&address).await {
            Ok(client) => {
                if connections.converse(&address, client).await {
                    pause = pauses();
                }
            }
            Err(trouble) => connections.down(&address, trouble),
        }
        connections.metrics.reconnections.inc();
        sleep(pause.next().unwrap_or(LONGEST_PAUSE)).await;
    }
}

impl Connections {
    /// Asks the agent how it is until it does not answer any more. Whether it ever did.
    async fn converse(&self, address: &AgentAddress, client: Client) -> bool {
        let mut answered = false;
        let mut unanswered = 0;
        let doubts = self.nodes.doubts(address);
        loop {
            match ask(client.clone(), PATIENCE).await {
                Ok(answer) => {
                    unanswered = 0;
                    self.up(address, &client, answer, !answered);
                    answered = true;
                }
                Err(trouble) if answered && trouble.is_silence && unanswered + 1 < UNANSWERED => {
                    unanswered += 1;
                    self.late(address, &client, trouble.message);
                }
                Err(trouble) => {
                    self.down(address, trouble.message);
                    return answered;
                }
            }
            // Elapsed or woken: the question is the same.
            let _ = timeout(ASK_EVERY, doubts.notified()).await;
        }
    }

    fn up(&self, address: &AgentAddress, client: &Client, answer: Answer, is_new: bool) {
        let clock = answer.clock.and_then(Clock::warning);
        let node = answer.status.node.clone();
        self.nodes.update(address, |agent| {
            if is_new || matches!(agent.link, Link::Late(..)) {
                agent.since = SystemTime::now();
                info!(node, %address, "following");
            }
            let warned = agent
                .answer
                .take()
                .and_then(|answer| answer.clock?.warning());
            if let (Some(clock), None) = (clock, warned) {
                warn!(node, %address, "{clock}");
            }
            agent.link = Link::Up(client.clone());
            agent.answer = Some(answer);
        });
    }

    fn late(&self, address: &AgentAddress, client: &Client, why: String) {
        warn!(%address, "late: {why}");
        self.nodes.update(address, |agent| {
            if !matches!(agent.link, Link::Late(..)) {
                agent.since = SystemTime::now();
            }
            agent.link = Link::Late(client.clone(), why);
        });
    }

    fn down(&self, address: &AgentAddress, why: String) {
        self.nodes.update(address, |agent| {
            match &agent.link {
                // Said before: attempts are made every few seconds.
                Link::Down(before) if *before == why => return,
                Link::Untried | Link::Down(_) => {}
                Link::Up(_) | Link::Late(..) => agent.since = SystemTime::now(),
            }
            warn!(%address, "cannot follow: {why}");
            agent.link = Link::Down(why);
        });
    }
}
