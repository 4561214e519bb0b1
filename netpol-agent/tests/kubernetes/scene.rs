//! A node with two pods, an API server that knows all of it, and what the agent says of how well it follows it.

use std::path::Path;
use std::time::{Duration, Instant};

use netpol_testkit::api_server::Certificate;
use netpol_testkit::traffic::{Outcome, TcpAttempt, TcpServer};
use netpol_testkit::{
    AgentProcess, ApiServer, Cluster, FlowsCommand, PodSpec, WorkDirectory, inventory,
};
use serde_json::{Value, json};

/// A watch that failed several times comes back within 30 s.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const POLICIES: &str = "networkpolicies.networking.k8s.io";
pub(crate) const CLUSTER_POLICIES: &str = "clusternetworkpolicies.policy.networking.k8s.io";

/// A node with two pods, and an API server on its loopback that knows all of it.
pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    pub(crate) server: ApiServer,
    pub(crate) directory: WorkDirectory,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(None)
    }

    /// With an API server that has this certificate; none for plain HTTP.
    pub(crate) fn with(certificate: Option<Certificate>) -> Self {
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

    pub(crate) fn agent(&self) -> AgentProcess {
        self.agent_told(&[])
    }

    /// The agent, with more arguments.
    pub(crate) fn agent_told(&self, arguments: &[&str]) -> AgentProcess {
        let write = |kubeconfig: &Path| self.server.kubeconfig(kubeconfig).unwrap();
        self.start_agent(write, arguments)
    }

    /// The agent, with the kubeconfig that is written to this path.
    pub(crate) fn agent_with(&self, write: impl FnOnce(&Path)) -> AgentProcess {
        self.start_agent(write, &[])
    }

    fn start_agent(&self, write: impl FnOnce(&Path), more: &[&str]) -> AgentProcess {
        let kubeconfig = self.directory.path().join("kubeconfig");
        write(&kubeconfig);
        let arguments = ["--kubeconfig", kubeconfig.to_str().unwrap(), "--node"];
        let arguments = arguments.into_iter().chain([inventory::NODE_NAME]);
        let arguments = arguments.chain(more.iter().copied());
        AgentProcess::start(self.cluster.node(), self.directory.path(), arguments).unwrap()
    }

    /// Connects once from `ci/build` to `data/db`, from this port, and gives the flow that the agent made of it.
    pub(crate) fn flow(&self, agent: &AgentProcess, port: u16) -> Value {
        self.connect("ci/build", port);
        flow_from(agent, port, |_| true)
    }

    /// Connects once from a pod to `data/db`, from this port.
    pub(crate) fn connect(&self, from: &str, port: u16) {
        let db = self.cluster.pod("data/db");
        let _listening = TcpServer::start(db.netns(), db.at(5432)).unwrap();
        let to = TcpAttempt::to(db.at(5432)).from_port(port);
        let outcome = to.exchange_from(self.cluster.pod(from).netns(), b"hello");
        assert_eq!(outcome.unwrap(), Outcome::Answered);
    }
}

/// The flow from this port, once it satisfies `wanted`.
pub(crate) fn flow_from(agent: &AgentProcess, port: u16, wanted: impl Fn(&Value) -> bool) -> Value {
    let port = port.to_string();
    let flows = FlowsCommand::against(agent);
    let found = flows.wait_for(&["--from-port", &port], PATIENCE, wanted);
    found.unwrap().expect("a flow")
}

pub(crate) fn status(agent: &AgentProcess) -> Value {
    let text = FlowsCommand::against(agent)
        .text(["status", "-o", "json"])
        .unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["inventory"].take()
}

/// The inventory's part of the status, once it satisfies `wanted`.
pub(crate) fn wait_for(agent: &AgentProcess, wanted: impl Fn(&Value) -> bool) -> Value {
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

pub(crate) fn watch<'a>(status: &'a Value, resource: &str) -> &'a Value {
    let watches = status["watches"].as_array().unwrap().iter();
    let mut of_it = watches.filter(|watch| watch["resource"] == resource);
    of_it.next().unwrap()
}

pub(crate) fn every_watch(status: &Value, state: &str) -> bool {
    let watches = status["watches"].as_array().unwrap();
    let mut installed = watches.iter().filter(|watch| watch["state"] != "absent");
    installed.all(|watch| watch["state"] == state)
}

pub(crate) fn policy(name: &str) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "name": name, "namespace": "data" },
        "spec": { "podSelector": {}, "ingress": [{ "from": [{ "podSelector": {} }] }] },
    })
}
