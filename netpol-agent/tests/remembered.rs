//! What the built agent remembers of traffic, and still does after it was started again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/guarded.rs"]
mod guarded;
#[path = "support/scene.rs"]
mod scene;

use std::fs::File;
use std::time::{Duration, Instant};

use netpol_policy::history::edge::{Observed, Port, SeenAt};
use netpol_policy::history::rule::Part;
use netpol_policy::history::{Edge, History, Party};
use netpol_policy::verdict::Decision;
use netpol_testkit::requirement::require_root;
use netpol_testkit::traffic::{TcpAttempt, TcpServer};
use netpol_testkit::{AgentProcess, FlowsCommand};
use scene::Scene;

const PATIENCE: Duration = Duration::from_secs(20);
const GIVES_UP: Duration = Duration::from_millis(500);

fn to(port: u16) -> TcpAttempt {
    guarded::to(port, GIVES_UP)
}

/// Waits until what the agent remembers is as wanted.
fn wait_for(scene: &Scene, agent: &AgentProcess, what: impl Fn(&History) -> bool) -> History {
    let file = scene.directory.path().join("export.jsonl");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let export = ["export", "-o", file.to_str().unwrap()];
        FlowsCommand::against(agent).text(export).unwrap();
        let mut read = netpol_history::file::read_any(File::open(&file).unwrap(), |_| {}).unwrap();
        let history = read.parts.pop().unwrap();
        if what(&history) {
            return history;
        }
        assert!(Instant::now() < deadline, "{history:#?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn edge_to(history: &History, port: u16) -> Option<&Edge> {
    let mut edges = history.edges.iter();
    edges.find(|edge| edge.key.port == Port::One(port))
}

/// Connections to a port: those whose opening was seen, and those from before the agent.
fn counts(history: &History, port: u16) -> (u64, u64) {
    edge_to(history, port).map_or((0, 0), |edge| {
        (edge.totals.connections, edge.totals.resumed)
    })
}

/// Hits of the policy's parts, and those without which another would have done.
fn hits(history: &History) -> Vec<(Part, u64, u64)> {
    let uses = history.uses.iter();
    let mut hits: Vec<_> = uses
        .map(|one| (one.key.part, one.totals.hits, one.totals.sole))
        .collect();
    hits.sort_unstable();
    hits
}

#[test]
fn traffic_rules_and_policies_are_remembered_and_go_on_after_a_restart() {
    if !require_root() {
        return;
    }
    let scene = guarded::scene(&[443, 80]);
    let directory = scene.directory.path().join("history");
    let arguments = [
        "--history",
        directory.to_str().unwrap(),
        "--history-interval",
        "1",
    ];
    let (build, db) = (scene.cluster.pod("ci/build"), scene.cluster.pod("data/db"));
    let _listening = TcpServer::start(db.netns(), db.at(80)).unwrap();

    let agent = scene.agent(&arguments);
    for _ in 0..3 {
        to(80).exchange_from(build.netns(), b"hello").unwrap();
    }
    to(5432).connect_from(build.netns()).unwrap();
    let mut lasting = to(80).open(build.netns()).unwrap().unwrap();
    lasting.exchange(b"hello").unwrap();
    let history = wait_for(&scene, &agent, |history| {
        counts(history, 80) == (4, 0) && counts(history, 5432) == (1, 0)
    });

    let passed = edge_to(&history, 80).unwrap();
    assert_eq!(passed.key.seen_at, SeenAt::Both);
    assert_eq!(passed.key.observed, Observed::Forwarded);
    assert_eq!(&*passed.key.policies[0].name, "guard");
    let names = [&passed.key.source, &passed.key.destination].map(|party| match party {
        Party::Pods(group) => format!("{}/{}", group.namespace, group.workload.name),
        other => panic!("{other:?}"),
    });
    assert_eq!(names, ["ci/build", "data/db"]);
    let stopped = edge_to(&history, 5432).unwrap();
    assert_eq!(stopped.key.computed, Decision::Denied);
    let drop = stopped.key.drop.as_ref().unwrap();
    assert_eq!(
        (&*drop.reason, &*drop.class),
        ("NETFILTER_DROP", "firewall")
    );
    let entry = Part::Entry {
        rule: 0,
        peer: None,
        port: Some(1),
    };
    assert_eq!(hits(&history), [(entry, 4, 4), (Part::Isolation, 1, 1)]);
    let since = history.policies[0].since;
    assert_eq!(history.policies.len(), 1);

    agent.stop().unwrap();
    let agent = scene.agent(&arguments);
    to(80).exchange_from(build.netns(), b"hello").unwrap();
    lasting.exchange(b"again").unwrap();
    let history = wait_for(&scene, &agent, |history| counts(history, 80) == (5, 1));
    assert_eq!(counts(&history, 5432), (1, 0));
    assert_eq!(hits(&history), [(entry, 5, 5), (Part::Isolation, 1, 1)]);
    let revisions: Vec<_> = history
        .policies
        .iter()
        .map(|one| (one.since, one.until))
        .collect();
    assert_eq!(revisions, [(since, None)]);
    let [before, now] = history.nodes[0].intervals.as_slice() else {
        panic!("{:#?}", history.nodes)
    };
    assert!(
        before.from < before.until && before.until < now.from,
        "{before:?} {now:?}"
    );
    assert!(passed.totals.last_seen <= before.until);
    assert_eq!(history.population.len(), 2);
    agent.stop().unwrap();
}
