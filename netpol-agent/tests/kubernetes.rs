//! The built agent against an API server: what it knows, and what it says of how well it knows it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use netpol_testkit::api_server::{Certificate, custom_resource_definition};
use netpol_testkit::requirement::require_root;
use netpol_testkit::traffic::{Outcome, TcpAttempt, TcpServer};
use netpol_testkit::{
    AgentProcess, ApiServer, Cluster, FlowsCommand, PodSpec, WorkDirectory, artifact, inventory,
};
use serde_json::{Value, json};

/// A watch that failed several times comes back within 30 s.
const PATIENCE: Duration = Duration::from_secs(60);
const POLICIES: &str = "networkpolicies.networking.k8s.io";
const UNTRUSTED: &str = "the certificate of the API server cannot be trusted: ";
const CLUSTER_POLICIES: &str = "clusternetworkpolicies.policy.networking.k8s.io";

/// A node with two pods, and an API server on its loopback that knows all of it.
struct Scene {
    cluster: Cluster,
    server: ApiServer,
    directory: WorkDirectory,
}

impl Scene {
    fn new() -> Self {
        Self::with(None)
    }

    /// With an API server that has this certificate; none for plain HTTP.
    fn with(certificate: Option<Certificate>) -> Self {
        let cluster = Cluster::builder("npk")
            .pod(PodSpec::new("ci/build", [10, 244, 7, 10].into()))
            .pod(PodSpec::new("data/db", [10, 244, 7, 20].into()))
            .build()
            .unwrap();
        let mut server = ApiServer::builder().namespace(cluster.node());
        if let Some(certificate) = certificate {
            server = server.tls(certificate);
        }
        let server = server.start().unwrap();
        for object in inventory::list(&cluster)["items"].as_array().unwrap() {
            server.apply(object.clone()).unwrap();
        }
        let directory = WorkDirectory::unique("npk").unwrap();
        Self {
            cluster,
            server,
            directory,
        }
    }

    fn agent(&self) -> AgentProcess {
        self.agent_with(|kubeconfig| self.server.kubeconfig(kubeconfig).unwrap())
    }

    /// The agent, with the kubeconfig that is written to this path.
    fn agent_with(&self, write: impl FnOnce(&Path)) -> AgentProcess {
        let kubeconfig = self.directory.path().join("kubeconfig");
        write(&kubeconfig);
        let arguments = ["--kubeconfig", kubeconfig.to_str().unwrap(), "--node"];
        let arguments = arguments.into_iter().chain([inventory::NODE_NAME]);
        AgentProcess::start(self.cluster.node(), self.directory.path(), arguments).unwrap()
    }

    /// Connects once from `ci/build` to `data/db`, from this port, and gives the flow that the agent made of it.
    fn flow(&self, agent: &AgentProcess, port: u16) -> Value {
        let db = self.cluster.pod("data/db");
        let _listening = TcpServer::start(db.netns(), db.at(5432)).unwrap();
        let to = TcpAttempt::to(db.at(5432)).from_port(port);
        let outcome = to.exchange_from(self.cluster.pod("ci/build").netns(), b"hello");
        assert_eq!(outcome.unwrap(), Outcome::Answered);
        let port = port.to_string();
        let flows = FlowsCommand::against(agent);
        let found = flows.wait_for(&["--from-port", &port], PATIENCE, |_| true);
        found.unwrap().expect("a flow")
    }
}

fn status(agent: &AgentProcess) -> Value {
    let text = FlowsCommand::against(agent)
        .text(["status", "-o", "json"])
        .unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["inventory"].take()
}

/// The inventory's part of the status, once it satisfies `wanted`.
fn wait_for(agent: &AgentProcess, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = status(agent);
        if wanted(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "{status:#}\n{}", agent.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn watch<'a>(status: &'a Value, resource: &str) -> &'a Value {
    let watches = status["watches"].as_array().unwrap().iter();
    let mut of_it = watches.filter(|watch| watch["resource"] == resource);
    of_it.next().unwrap()
}

fn every_watch(status: &Value, state: &str) -> bool {
    let watches = status["watches"].as_array().unwrap();
    let mut installed = watches.iter().filter(|watch| watch["state"] != "absent");
    installed.all(|watch| watch["state"] == state)
}

fn policy(name: &str) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "name": name, "namespace": "data" },
        "spec": { "podSelector": {}, "ingress": [{ "from": [{ "podSelector": {} }] }] },
    })
}

#[test]
fn what_is_there_and_what_changes_is_in_force() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    scene.server.apply(policy("closed")).unwrap();
    let agent = scene.agent();
    let first = wait_for(&agent, |status| status["generation"] != 0);
    assert_eq!(first["source"], scene.server.url() + "/");
    assert_eq!(
        (&first["pods"], &first["nodes"], &first["network_policies"]),
        (&json!(2), &json!(1), &json!(1)),
        "{first:#}"
    );
    wait_for(&agent, |status| every_watch(status, "following"));
    assert_eq!(watch(&first, CLUSTER_POLICIES)["state"], "absent");
    let lists = scene.server.requests().into_keys();
    let lists: Vec<_> = lists.filter(|(verb, _)| verb == "list").collect();
    assert_eq!(lists, [], "they are streamed");

    let flow = scene.flow(&agent, 42_001);
    assert_eq!(flow["source"]["pod"], "build", "{flow:#}");
    assert_eq!(flow["computed"]["verdict"], "denied", "{flow:#}");

    let extra = PodSpec::new("ops/extra", [10, 244, 7, 30].into());
    scene.server.apply(inventory::pod(&extra)).unwrap();
    wait_for(&agent, |status| status["pods"] == 3);
    let mut open = policy("closed");
    open["spec"]["ingress"] = json!([{}]);
    scene.server.apply(open).unwrap();
    scene.server.apply(policy("other")).unwrap();
    scene.server.delete("Pod", "ops", "extra").unwrap();
    let changed = |status: &Value| status["network_policies"] == 2 && status["pods"] == 2;
    wait_for(&agent, changed);
    scene
        .server
        .delete("NetworkPolicy", "data", "other")
        .unwrap();
    wait_for(&agent, |status| status["network_policies"] == 1);
    let flow = scene.flow(&agent, 42_002);
    assert_eq!(flow["computed"]["verdict"], "allowed", "{flow:#}");
    agent.stop().unwrap();
}

#[test]
fn updates_of_what_nobody_uses_change_nothing() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    let agent = scene.agent();
    let before = wait_for(&agent, |status| status["generation"] != 0);
    let mut node = inventory::node();
    node["status"]["images"] = json!([{ "names": ["registry/app:1"], "sizeBytes": 7 }]);
    for _ in 0..5 {
        scene.server.apply(node.clone()).unwrap();
    }
    scene.server.apply(policy("last")).unwrap();
    let after = wait_for(&agent, |status| status["network_policies"] == 1);
    let generation = |status: &Value| status["generation"].as_u64().unwrap();
    assert_eq!(generation(&after), generation(&before) + 1);
    agent.stop().unwrap();
}

#[test]
fn a_server_that_is_away_costs_news_alone() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    scene.server.stop().unwrap();
    let agent = scene.agent();
    let waiting = wait_for(&agent, |status| every_watch(status, "failing"));
    assert_eq!(waiting["generation"], 0, "{waiting:#}");
    assert_eq!(watch(&waiting, "pods")["heard"], Value::Null);
    let text = FlowsCommand::against(&agent).text(["status"]).unwrap();
    assert!(text.contains("the inventory is not there yet"), "{text}");
    scene.server.restart().unwrap();
    wait_for(&agent, |status| {
        status["pods"] == 2 && every_watch(status, "following")
    });

    scene.server.stop().unwrap();
    let away = wait_for(&agent, |status| watch(status, "pods")["state"] == "failing");
    let pods = watch(&away, "pods");
    let error = pods["error"].as_str().unwrap();
    assert!(error.starts_with("connection refused"), "{error}");
    assert!(pods["heard"].is_string(), "{pods}");
    assert_eq!(away["pods"], 2);
    let flow = scene.flow(&agent, 42_003);
    assert_eq!(flow["destination"]["pod"], "db", "{flow:#}");

    // It comes back with less than there was, and without the history that says so.
    scene.server.delete("Pod", "ci", "build").unwrap();
    scene.server.apply(policy("new")).unwrap();
    scene.server.forget_history();
    scene.server.restart().unwrap();
    wait_for(&agent, |status| {
        status["pods"] == 1 && status["network_policies"] == 1 && every_watch(status, "following")
    });
    agent.stop().unwrap();
}

#[test]
fn streams_that_are_cut_lose_nothing() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    let agent = scene.agent();
    wait_for(&agent, |status| every_watch(status, "following"));
    for number in 1..=5 {
        scene.server.cut_streams();
        scene.server.apply(policy(&format!("p{number}"))).unwrap();
        if number == 3 {
            scene.server.forget_history();
        }
    }
    wait_for(&agent, |status| {
        status["network_policies"] == 5 && every_watch(status, "following")
    });
    scene.server.send_garbage(POLICIES);
    wait_for(&agent, |status| {
        watch(status, POLICIES)["state"] == "failing"
    });
    // A sign of life is enough.
    scene.server.send_bookmarks();
    scene.server.apply(policy("p6")).unwrap();
    wait_for(&agent, |status| {
        status["network_policies"] == 6 && every_watch(status, "following")
    });
    agent.stop().unwrap();
}

#[test]
fn an_object_that_cannot_be_used_is_named_and_hides_no_other() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    let mut broken = policy("broken");
    broken["spec"]["ingress"][0]["from"][0]["podSelector"] = json!(["app"]);
    scene.server.apply(broken).unwrap();
    scene.server.apply(policy("good")).unwrap();
    let agent = scene.agent();
    let status = wait_for(&agent, |status| status["generation"] != 0);
    assert_eq!(status["network_policies"], 1, "{status:#}");
    let error = &status["errors"][0];
    assert_eq!(error["object"], "NetworkPolicy data/broken");
    assert_eq!(error["field"], "spec.ingress[0].from[0].podSelector");
    assert_eq!(error["file"], "");

    // What goes bad later stays as it was.
    let mut bad = policy("good");
    bad["spec"]["ingress"][0]["from"][0] = json!({ "ipBlock": { "cidr": "10.0.0.0/99" } });
    scene.server.apply(bad).unwrap();
    let status = wait_for(&agent, |status| status["errors"][1].is_object());
    let error = &status["errors"][1];
    assert_eq!(error["object"], "NetworkPolicy data/good");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.ends_with("the version before stays in force"),
        "{error}"
    );
    assert_eq!(status["network_policies"], 1, "{status:#}");

    scene.server.apply(policy("good")).unwrap();
    scene
        .server
        .delete("NetworkPolicy", "data", "broken")
        .unwrap();
    wait_for(&agent, |status| status["errors"] == json!([]));
    agent.stop().unwrap();
}

#[test]
fn a_missing_permission_costs_that_resource_alone() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    scene.server.deny("watch", POLICIES);
    scene.server.deny("watch", CLUSTER_POLICIES);
    scene.server.apply(policy("unseen")).unwrap();
    let agent = scene.agent();
    let status = wait_for(&agent, |status| status["generation"] != 0);
    assert_eq!(
        (&status["pods"], &status["network_policies"]),
        (&json!(2), &json!(0))
    );
    let refused = watch(&status, POLICIES);
    assert_eq!(refused["state"], "failing");
    let error = refused["error"].as_str().unwrap();
    assert!(
        error.contains(&format!("needs watch on {POLICIES}")),
        "{error}"
    );
    assert_eq!(watch(&status, "pods")["state"], "following");
    assert_eq!(watch(&status, CLUSTER_POLICIES)["state"], "absent");
    let flow = scene.flow(&agent, 42_004);
    assert_eq!(flow["source"]["pod"], "build", "{flow:#}");
    assert_eq!(flow["computed"]["verdict"], "unknown", "{flow:#}");
    assert_eq!(flow["computed"]["caveats"], json!(["policies-unread"]));
    scene.server.allow("watch", POLICIES);
    wait_for(&agent, |status| {
        status["network_policies"] == 1 && watch(status, POLICIES)["state"] == "following"
    });
    let flow = scene.flow(&agent, 42_005);
    assert_eq!(flow["computed"]["verdict"], "denied", "{flow:#}");
    agent.stop().unwrap();
}

#[test]
fn a_token_that_expired_is_told() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    let agent = scene.agent();
    wait_for(&agent, |status| every_watch(status, "following"));
    scene.server.expire_token();
    scene.server.cut_streams();
    let status = wait_for(&agent, |status| watch(status, "pods")["state"] == "failing");
    let error = watch(&status, "pods")["error"].as_str().unwrap();
    assert!(
        error.contains("401") && error.contains("expired"),
        "{error}"
    );
    assert_eq!(status["pods"], 2);
    scene.server.renew_token();
    wait_for(&agent, |status| every_watch(status, "following"));
    agent.stop().unwrap();
}

#[test]
fn a_certificate_is_checked_and_may_be_shown() {
    if !require_root() {
        return;
    }
    let scene = Scene::with(Some(Certificate::Valid));
    let server = &scene.server;
    let agent = scene.agent_with(|path| server.kubeconfig_with_client_certificate(path).unwrap());
    wait_for(&agent, |status| {
        status["pods"] == 2 && every_watch(status, "following")
    });
    agent.stop().unwrap();

    let agent = scene.agent_with(|path| server.kubeconfig_with_other_authority(path).unwrap());
    let status = wait_for(&agent, |status| every_watch(status, "failing"));
    let error = watch(&status, "pods")["error"].as_str().unwrap();
    assert!(error.starts_with(UNTRUSTED), "{error}");
    agent.stop().unwrap();
}

#[test]
fn a_certificate_that_is_not_good_is_told() {
    if !require_root() {
        return;
    }
    for (certificate, why) in [
        (Certificate::Expired, "expired"),
        (Certificate::OtherHost, "not valid for name"),
    ] {
        let scene = Scene::with(Some(certificate));
        let agent = scene.agent();
        let status = wait_for(&agent, |status| every_watch(status, "failing"));
        let error = watch(&status, "pods")["error"].as_str().unwrap();
        assert!(
            error.starts_with(UNTRUSTED) && error.contains(why),
            "{error}"
        );
        agent.stop().unwrap();
    }
}

#[test]
fn policies_whose_definition_comes_later_are_found() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    let agent = scene.agent();
    wait_for(&agent, |status| {
        watch(status, CLUSTER_POLICIES)["state"] == "absent"
    });
    let definition = custom_resource_definition(
        "policy.networking.k8s.io",
        "v1alpha2",
        "clusternetworkpolicies",
        "ClusterNetworkPolicy",
        "Cluster",
    );
    scene.server.apply(definition).unwrap();
    let policy = json!({
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": { "name": "no-builds" },
        "spec": {
            "tier": "Admin",
            "priority": 10,
            "subject": { "namespaces": {} },
            "ingress": [{ "action": "Deny", "from": [{ "namespaces": {} }] }],
        },
    });
    scene.server.apply(policy).unwrap();
    let status = wait_for(&agent, |status| {
        let policies = status["policies"].as_array().unwrap().iter();
        policies
            .into_iter()
            .any(|one| one["kind"] == "ClusterNetworkPolicy")
    });
    assert_eq!(watch(&status, CLUSTER_POLICIES)["state"], "following");
    agent.stop().unwrap();
}

#[test]
fn credentials_that_cannot_be_used_are_told_at_once() {
    let refusal = |arguments: &[&str]| {
        let agent = artifact::binary("netpol-agent").unwrap();
        let mut command = Command::new(agent);
        command
            .args(arguments)
            .env_remove("KUBERNETES_SERVICE_HOST");
        let output = command.output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    if !require_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("agent.sock");
    let socket = socket.to_str().unwrap();
    let nothing = refusal(&["--socket", socket]);
    assert!(
        nothing.contains(
            "give --inventory DIR, or --kubeconfig FILE, or run in a pod with a service account"
        ),
        "{nothing}"
    );
    let missing = refusal(&["--socket", socket, "--kubeconfig", "/nonexistent/config"]);
    assert!(
        missing.contains("cannot use the kubeconfig /nonexistent/config"),
        "{missing}"
    );
}
