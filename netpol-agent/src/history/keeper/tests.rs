//! With a store that fails when told to.

use std::sync::Mutex;

use netpol_policy::history::{NodeHistory, RuleUse};
use tokio::time::timeout;

use super::*;
use crate::flow::Stage;
use crate::history::changes::Changes;
use crate::history::writer::{Journal, NotWritten};
use crate::history::{Origin, Running, Settings, start_with};
use crate::inventory::Report;
use crate::log::FlowLog;
use crate::metrics::Metrics;
use crate::testing::flow;

/// What was written, as a store would hold it.
#[derive(Default)]
struct Disk {
    held: History,
    writes: usize,
    trouble: Option<&'static str>,
    is_lost: bool,
}

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Disk>>);

impl Journal for Fake {
    fn open(&mut self) -> Result<History, String> {
        let disk = self.0.lock().unwrap();
        match disk.trouble {
            Some(trouble) => Err(trouble.to_owned()),
            None => Ok(disk.held.clone()),
        }
    }

    fn write(&mut self, changes: &Changes) -> Result<(), NotWritten> {
        let mut disk = self.0.lock().unwrap();
        if let Some(trouble) = disk.trouble {
            return Err(NotWritten::Trouble(trouble.to_owned()));
        }
        if std::mem::take(&mut disk.is_lost) {
            disk.held = History::default();
            return Err(NotWritten::BegunAnew("it was gone".to_owned()));
        }
        disk.writes += 1;
        let held = &mut disk.held;
        for (key, totals) in &changes.edges {
            held.edges.retain(|edge| edge.key != *key);
            let (key, totals) = (key.clone(), totals.clone());
            held.edges
                .extend(totals.map(|totals| netpol_policy::history::Edge { key, totals }));
        }
        for (key, totals) in &changes.uses {
            held.uses.retain(|one| one.key != *key);
            let (key, totals) = (key.clone(), totals.clone());
            held.uses
                .extend(totals.map(|totals| RuleUse { key, totals }));
        }
        if held.nodes.is_empty() {
            held.nodes.push(NodeHistory {
                name: "node-a".into(),
                store: "s".into(),
                read_at: SystemTime::UNIX_EPOCH,
                intervals: Vec::new(),
                dialect: "".into(),
            });
        }
        let intervals = &mut held.nodes[0].intervals;
        for (from, interval) in &changes.intervals {
            intervals.retain(|one| one.from != *from);
            intervals.extend(interval.clone());
        }
        Ok(())
    }
}

struct Agent {
    log: FlowLog,
    status: Arc<Status>,
    running: Running,
    stop: CancellationToken,
}

impl Agent {
    fn start(disk: &Fake) -> Self {
        let log = FlowLog::new(1024, 1024);
        let status = Arc::<Status>::default();
        let snapshot = crate::inventory::Snapshot::default();
        let snapshot = snapshot.next(Vec::new(), Report::default(), SystemTime::now());
        let settings = Settings {
            directory: "/nowhere".into(),
            edges: 1000,
            retention: Duration::from_secs(86_400),
            interval: Duration::from_millis(20),
        };
        let stop = CancellationToken::new();
        let origin = Origin {
            node: "node-a",
            dialect: "specification",
            connections: 1024,
            grace: Duration::ZERO,
            log: &log,
            snapshot: &Arc::new(ArcSwap::from_pointee(snapshot)),
            metrics: &Metrics::default(),
            status: &status,
        };
        let running = start_with(&settings, &origin, Box::new(disk.clone()), stop.clone()).unwrap();
        Self {
            log,
            status,
            running,
            stop,
        }
    }

    fn connect(&self, ids: impl IntoIterator<Item = u64>) {
        for id in ids {
            let mut flow = flow(id);
            (flow.first_seen, flow.last_seen) = (SystemTime::now(), SystemTime::now());
            self.log.publish(Arc::new(flow));
        }
    }

    async fn until(&self, what: impl Fn(&History) -> bool) -> History {
        let reached = async {
            loop {
                let history = self.running.reader.read().await.unwrap();
                if what(&history) {
                    return history;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(10), reached).await.unwrap()
    }

    async fn end(self) {
        self.stop.cancel();
        timeout(Duration::from_secs(10), self.running.end())
            .await
            .unwrap();
    }
}

fn connections(history: &History) -> u64 {
    history
        .edges
        .iter()
        .map(|edge| edge.totals.connections)
        .sum()
}

impl Fake {
    fn held(&self) -> History {
        self.0.lock().unwrap().held.clone()
    }

    async fn until_written(&self, count: u64) {
        let reached = async {
            while connections(&self.held()) != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(10), reached).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_agent_wrote_the_next_goes_on_with() {
    let disk = Fake::default();
    for run in 1..=3 {
        let agent = Agent::start(&disk);
        agent.connect(1..=5);
        let history = agent
            .until(|history| connections(history) == (run - 1) * 10 + 5)
            .await;
        assert_eq!(&*history.nodes[0].name, "node-a");
        // The last of them come just before the end.
        agent.connect(6..=10);
        agent.end().await;
        assert_eq!(connections(&disk.held()), run * 10);
        let intervals = disk.held().nodes[0].intervals.clone();
        assert_eq!(intervals.len() as u64, run);
        assert!(intervals.windows(2).all(|two| two[0].until <= two[1].from));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_is_told_and_tried_again_and_memory_goes_on() {
    let disk = Fake::default();
    let agent = Agent::start(&disk);
    agent.connect(1..=2);
    disk.until_written(2).await;
    disk.0.lock().unwrap().trouble = Some("No space left on device");
    agent.connect(3..=4);
    agent.until(|history| connections(history) == 4).await;
    let failed = async {
        while agent.running.export.state().trouble.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), failed).await.unwrap();
    agent.connect(5..=6);
    agent.until(|history| connections(history) == 6).await;
    disk.0.lock().unwrap().trouble = None;
    agent.connect(7..=8);
    // What could not be written waits for the next try, or for the end.
    agent.end().await;
    assert_eq!(connections(&disk.held()), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_begun_anew_is_told_everything() {
    let disk = Fake::default();
    let agent = Agent::start(&disk);
    agent.connect(1..=3);
    disk.until_written(3).await;
    for is_last in [false, true] {
        disk.0.lock().unwrap().is_lost = true;
        if is_last {
            break;
        }
        let noticed = async {
            while disk.0.lock().unwrap().is_lost {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(10), noticed).await.unwrap();
        disk.until_written(3).await;
    }
    agent.end().await;
    assert_eq!(connections(&disk.held()), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_is_counted_and_lowers_what_the_interval_is_worth() {
    let disk = Fake::default();
    let agent = Agent::start(&disk);
    agent
        .until(|history| !history.nodes[0].intervals.is_empty())
        .await;
    agent.connect(1..=60_000);
    let history = agent
        .until(|history| {
            let intervals = &history.nodes[0].intervals;
            intervals.iter().any(|interval| !interval.losses.is_empty())
        })
        .await;
    let loss = &history.nodes[0].intervals[0].losses[0];
    assert_eq!((&*loss.stage, &*loss.reason), ("history", "history_behind"));
    let told = agent.until(|history| {
        let lost = agent.status.lost();
        let lost = lost.iter().find(|lost| lost.stage == Stage::History);
        connections(history) + lost.map_or(0, |lost| lost.count) == 60_000
    });
    told.await;
    agent.end().await;
}
