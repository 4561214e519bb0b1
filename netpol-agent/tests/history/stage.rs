//! Pods on a node, an agent that remembers, and what `flows` makes of it.

#[path = "../support/scene.rs"]
mod scene;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use netpol_policy::history::{History, Port, add_up};
use netpol_testkit::requirement::{Requirement, require};
use netpol_testkit::traffic::{Outcome, TcpAttempt, TcpServer};
use netpol_testkit::{AgentProcess, FlowsCommand, PodSpec, artifact};
pub(crate) use scene::Scene;
use serde_json::Value;

/// How long the agent may take to remember and tell. Who exists is counted every 10 s.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// False where the caller cannot run.
pub(crate) fn can_run() -> bool {
    let programs = ["ip", "nft", "mount"].map(Requirement::Command);
    require(&[&[Requirement::Root], programs.as_slice()].concat())
}

/// `ci/build` and `ops/probe`, who call; `data/db` and `data/cache`, who are called, at 5432 and 9090.
pub(crate) struct Stage {
    pub(crate) scene: Scene,
    _servers: Vec<TcpServer>,
}

impl Stage {
    pub(crate) fn new(policies: &str) -> Self {
        let pod = |name: &str, last: u8| {
            let app = name.rsplit('/').next().unwrap();
            PodSpec::new(name, [10, 244, 12, last].into()).label("app", app)
        };
        let scene = Scene::new([
            pod("ci/build", 10),
            pod("ops/probe", 11),
            pod("data/db", 20),
            pod("data/cache", 30),
        ]);
        let servers = ["data/db", "data/cache"].iter().flat_map(|name| {
            let pod = scene.cluster.pod(name);
            [5432, 9090].map(|port| TcpServer::start(pod.netns(), pod.at(port)).unwrap())
        });
        let servers = servers.collect();
        let stage = Self {
            scene,
            _servers: servers,
        };
        stage.tell(policies);
        stage
    }

    /// Puts these policies into force, in the place of those before.
    pub(crate) fn tell(&self, policies: &str) {
        let manifests = self.path("manifests");
        let draft = manifests.join(".policies.draft");
        std::fs::write(&draft, policies).unwrap();
        std::fs::rename(draft, manifests.join("policies.yaml")).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scene.directory.path().join(name)
    }

    /// Where the agent's store is.
    pub(crate) fn store(&self) -> PathBuf {
        self.path("history")
    }

    /// An agent that writes every second, and for which no change is too young to count.
    pub(crate) fn agent(&self, arguments: &[&str]) -> AgentProcess {
        let store = self.store();
        let needed = needed(&store);
        self.scene.agent(&[&needed, arguments].concat())
    }

    /// The same with this in its environment.
    pub(crate) fn agent_with(
        &self,
        arguments: &[&str],
        environment: &[(&str, &Path)],
    ) -> AgentProcess {
        let store = self.store();
        let mut command = self.scene.command(&needed(&store));
        command.args(arguments).envs(environment.iter().copied());
        self.scene.start(command)
    }

    /// One connection, which carries something.
    pub(crate) fn connect(&self, from: &str, to: &str, port: u16) -> Outcome {
        let attempt = TcpAttempt::to(self.scene.cluster.pod(to).at(port));
        let netns = self.scene.cluster.pod(from).netns();
        let attempt = attempt.timeout(Duration::from_millis(500));
        attempt.exchange_from(netns, b"hello").unwrap()
    }

    /// So many of them, which are answered.
    pub(crate) fn talk(&self, from: &str, to: &str, port: u16, count: usize) {
        for _ in 0..count {
            assert_eq!(self.connect(from, to, port), Outcome::Answered);
        }
    }

    /// All that the agent remembers.
    pub(crate) fn remembered(&self, agent: &AgentProcess) -> History {
        let file = self.path("export.jsonl");
        export(agent, &file);
        read(&file)
    }

    /// Waits until so many connections to a port are remembered; how many there are then.
    pub(crate) fn wait_for_connections(&self, agent: &AgentProcess, port: u16, count: u64) -> u64 {
        let connections = || connections(&self.remembered(agent), port);
        settled(connections, |seen| *seen >= count)
    }
}

fn needed(store: &Path) -> [&str; 6] {
    let store = store.to_str().unwrap();
    let [interval, grace] = ["--history-interval", "--grace"];
    ["--history", store, interval, "1", grace, "0"]
}

/// Looks again and again until it is right or [`PATIENCE`] is over: what was seen last.
pub(crate) fn settled<T>(mut look: impl FnMut() -> T, is_right: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = look();
        if is_right(&seen) || Instant::now() > deadline {
            return seen;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// `flows export` of one agent.
pub(crate) fn export(agent: &AgentProcess, file: &Path) {
    let arguments = ["export", "-o", file.to_str().unwrap()];
    FlowsCommand::against(agent).text(arguments).unwrap();
}

pub(crate) fn read(file: &Path) -> History {
    let file = File::open(file).unwrap();
    let contents = netpol_history::file::read_any(file, |_| {}).unwrap();
    add_up(contents.parts)
}

/// Connections to a port, from wherever they were seen.
pub(crate) fn connections(history: &History, port: u16) -> u64 {
    let edges = history.edges.iter();
    edges
        .filter(|edge| edge.key.port == Port::One(port))
        .map(|edge| edge.totals.connections)
        .sum()
}

/// `flows ARGUMENTS -o json` of an agent.
pub(crate) fn ask(agent: &AgentProcess, arguments: &[&str]) -> Value {
    let all = arguments.iter().copied().chain(["-o", "json"]);
    let text = FlowsCommand::against(agent).text(all).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// `flows ARGUMENTS`, which asks no server: its exit code, and what it wrote.
pub(crate) fn flows(arguments: &[&str]) -> (Option<i32>, String) {
    let program = artifact::binary("flows").unwrap();
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let trouble = String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text + &trouble)
}

/// The same, of JSON.
pub(crate) fn flows_json(arguments: &[&str]) -> Value {
    let program = artifact::binary("flows").unwrap();
    let output = Command::new(program)
        .args(arguments)
        .args(["-o", "json"])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// What `flows unused` says of a rule of a policy's ingress.
pub(crate) fn entry<'a>(report: &'a Value, policy: &str, rule: u64) -> &'a Value {
    let mut policies = report["policies"].as_array().unwrap().iter();
    let policy = policies.find(|one| one["name"] == policy).unwrap();
    let mut entries = policy["entries"].as_array().unwrap().iter();
    entries.find(|one| one["rule"] == rule).unwrap()
}
