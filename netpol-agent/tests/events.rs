//! Kubernetes Events as the built agent posts them, for connections that a rule of the node drops.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use netpol_testkit::firewall::nft;
use netpol_testkit::requirement::require_root;
use netpol_testkit::traffic::TcpAttempt;
use netpol_testkit::{
    AgentProcess, ApiServer, Cluster, FlowsCommand, PodSpec, WorkDirectory, artifact, inventory,
};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const EVENTS: &str = "events.events.k8s.io";
/// Long before TCP sends a SYN again: a connection is one packet.
const GIVES_UP: Duration = Duration::from_millis(200);

/// Pods on a node that lets nothing through to `data/db`, and an API server that knows of a policy which says so for one
/// of its ports.
struct Scene {
    cluster: Cluster,
    server: ApiServer,
    directory: WorkDirectory,
}

impl Scene {
    fn new() -> Self {
        let cluster = Cluster::builder("npe")
            .pod(PodSpec::new("ci/build", [10, 244, 8, 10].into()))
            .pod(PodSpec::new("data/db", [10, 244, 8, 20].into()))
            .build()
            .unwrap();
        let server = ApiServer::builder()
            .namespace(cluster.node())
            .start()
            .unwrap();
        for object in inventory::list(&cluster)["items"].as_array().unwrap() {
            server.apply(object.clone()).unwrap();
        }
        let policy = json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": { "name": "guard", "namespace": "data" },
            "spec": { "podSelector": {}, "policyTypes": ["Ingress"],
                      "ingress": [{ "ports": [{ "port": 80 }] }] },
        });
        server.apply(policy).unwrap();
        let rules = "table inet guard {\nchain forward {\ntype filter hook forward priority 0;\n\
                     ip daddr 10.244.8.20 drop\n}\n}\n";
        nft(cluster.node(), rules).unwrap();
        Self {
            cluster,
            server,
            directory: WorkDirectory::unique("npe").unwrap(),
        }
    }

    /// The agent, once it knows everything.
    fn agent(&self, arguments: &[&str]) -> AgentProcess {
        let kubeconfig = self.directory.path().join("kubeconfig");
        self.server.kubeconfig(&kubeconfig).unwrap();
        let needed = ["--kubeconfig", kubeconfig.to_str().unwrap(), "--events"];
        let needed = needed.iter().chain(&["--node", inventory::NODE_NAME]);
        let arguments = needed.chain(arguments).copied();
        let agent =
            AgentProcess::start(self.cluster.node(), self.directory.path(), arguments).unwrap();
        wait_for("the inventory", || {
            status(&agent)["inventory"]["generation"] != 0
        });
        agent
    }

    /// Connects from `ci/build` to `data/db` in vain.
    fn connect(&self, port: u16) {
        let to = SocketAddr::from((self.cluster.pod("data/db").spec().ipv4, port));
        let netns = self.cluster.pod("ci/build").netns();
        TcpAttempt::to(to)
            .timeout(GIVES_UP)
            .connect_from(netns)
            .unwrap();
    }

    fn events(&self) -> Vec<Value> {
        self.server.objects(EVENTS)
    }

    fn requests(&self, verb: &str) -> u64 {
        let asked = (verb.to_owned(), EVENTS.to_owned());
        let requests = self.server.requests();
        requests.get(&asked).copied().unwrap_or_default()
    }
}

fn status(agent: &AgentProcess) -> Value {
    let text = FlowsCommand::against(agent).text(["status", "-o", "json"]);
    serde_json::from_str(&text.unwrap()).unwrap()
}

fn export(agent: &AgentProcess) -> Value {
    status(agent)["exports"][0].take()
}

fn lost(agent: &AgentProcess, reason: &str) -> u64 {
    let status = status(agent);
    let lost = status["lost"].as_array().unwrap().iter();
    let of_reason = lost.filter(|lost| lost["reason"] == reason);
    of_reason.map(|lost| lost["count"].as_u64().unwrap()).sum()
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_pod_gets_one_event_for_many_connections_that_policy_stopped() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    let agent = scene.agent(&["--events-window", "4"]);
    // Policy allows this one: whatever dropped it was something else.
    scene.connect(80);
    scene.connect(5432);
    wait_for("an Event", || !scene.events().is_empty());
    let [event] = scene.events().try_into().unwrap();
    let metadata = &event["metadata"];
    assert_eq!(metadata["namespace"], "data");
    assert!(metadata["name"].as_str().unwrap().starts_with("db."));
    assert_eq!(event["type"], "Warning");
    assert_eq!(event["reason"], "NetworkPolicyBlocked");
    assert_eq!(event["regarding"]["name"], "db");
    assert_eq!(event["regarding"]["uid"], "uid-data-db");
    assert_eq!(event["related"]["name"], "build");
    assert_eq!(event["reportingInstance"], inventory::NODE_NAME);
    let note = event["note"].as_str().unwrap();
    let expected = "Ingress from ci/build (10.244.8.10), TCP 5432, was dropped: data/guard: ";
    assert!(note.starts_with(expected), "{note}");

    for _ in 0..6 {
        scene.connect(5432);
    }
    wait_for("the count", || scene.events()[0]["series"]["count"] == 7);
    scene.connect(5433);
    wait_for("another port's Event", || scene.events().len() == 2);
    assert_eq!(scene.requests("create"), 2);
    assert!(scene.requests("patch") <= 3, "{}", scene.requests("patch"));
    assert!(export(&agent)["written"].as_u64().unwrap() >= 3);
    agent.stop().unwrap();
}

#[test]
fn a_missing_permission_is_named_once_and_costs_nothing_else() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    scene.server.deny("create", EVENTS);
    let agent = scene.agent(&[]);
    for port in 5001..=5004 {
        scene.connect(port);
    }
    wait_for("a refusal", || lost(&agent, "events_forbidden") == 1);
    let error = "needs create on events.events.k8s.io (403 Forbidden)";
    assert_eq!(export(&agent)["error"], error);
    assert_eq!(agent.log().matches(error).count(), 1, "{}", agent.log());
    // It is not asked again and again, and flows are served as before.
    assert_eq!(scene.requests("create"), 1);
    assert_eq!(status(&agent)["flows_blocked"], 4);
    agent.stop().unwrap();
}

#[test]
fn an_api_server_that_is_away_is_waited_for_by_nobody() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    let agent = scene.agent(&[]);
    scene.server.stop().unwrap();
    scene.connect(5001);
    wait_for("a failure", || lost(&agent, "events_unreachable") >= 1);
    let error = export(&agent)["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("connection refused"), "{error}");
    let flows = FlowsCommand::against(&agent).list(["--to-port", "5001"]);
    assert_eq!(flows.unwrap().len(), 1);
    scene.server.restart().unwrap();
    scene.connect(5002);
    wait_for("an Event", || !scene.events().is_empty());
    wait_for("an export that works", || export(&agent)["error"] == "");
    agent.stop().unwrap();
}

#[test]
fn events_without_an_api_server_are_refused() {
    let agent = artifact::binary("netpol-agent").unwrap();
    let output = Command::new(agent)
        .args(["--events", "--inventory", "/nonexistent"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.contains("--events posts to the API server, and --inventory DIR does without one"),
        "{told}"
    );
}
