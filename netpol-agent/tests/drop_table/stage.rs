//! Three pods, a policy, the agent, and what becomes of the traffic between them.

use std::fmt::Display;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use netpol_testkit::requirement::{Requirement, require, require_root};
use netpol_testkit::{
    AgentProcess, Cluster, ClusterBuilder, FlowsCommand, Namespace, Pod, PodSpec, WorkDirectory,
    firewall, inventory,
};
use serde_json::{Value, json};

use crate::case::{Case, Sent};
use crate::expected::differences;

/// Denied by the policy of every stage.
pub(crate) const DENIED: &str = "ci/build";
/// Allowed by it.
pub(crate) const ALLOWED: &str = "prod/web";
/// Whom they call.
pub(crate) const SERVER: &str = "data/db";

/// How long the agent may take to tell what the kernel did.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a flow has to stay as it is, and alone.
const QUIET: Duration = Duration::from_millis(600);

/// Drops in other network namespaces count as some pod's, so two stages at a time would see each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A cluster with an agent on its node. Dropped in order: the agent before what it watches.
pub(crate) struct Stage {
    agent: AgentProcess,
    _directory: WorkDirectory,
    pub(crate) cluster: Cluster,
    next_port: AtomicU16,
    _alone: MutexGuard<'static, ()>,
}

impl Stage {
    /// The usual pods. `None` when the test cannot run here, which has been said then.
    pub(crate) fn set_up(requirements: &[Requirement]) -> Option<Self> {
        Self::with(
            requirements,
            |cluster| pods().fold(cluster, ClusterBuilder::pod),
            [],
        )
    }

    /// Pods as `build` adds them, and `objects` in the inventory beside pods and policy.
    pub(crate) fn with(
        requirements: &[Requirement],
        build: impl FnOnce(ClusterBuilder) -> ClusterBuilder,
        objects: impl IntoIterator<Item = Value>,
    ) -> Option<Self> {
        let kernel = [
            Requirement::Command("ip"),
            Requirement::KernelFile("/sys/kernel/btf/vmlinux"),
        ];
        if !require_root() || !require(&kernel) || !require(requirements) {
            return None;
        }
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = build(Cluster::builder("npd")).build().unwrap();
        answer_every_time(cluster.node());
        let directory = WorkDirectory::unique("npd").unwrap();
        let manifests = directory.path().join("manifests");
        std::fs::create_dir(&manifests).unwrap();
        inventory::write(&cluster, &manifests).unwrap();
        let items: Vec<Value> = objects.into_iter().chain([policy()]).collect();
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
        std::fs::write(manifests.join("more.json"), list.to_string()).unwrap();
        let agent = AgentProcess::start(
            cluster.node(),
            directory.path(),
            [
                "--inventory",
                manifests.to_str().unwrap(),
                "--node",
                inventory::NODE_NAME,
                "--answer-timeout",
                "1",
                "--sweep-interval",
                "0.2",
                "--grace",
                "0",
            ],
        )
        .unwrap();
        Some(Self {
            agent,
            _directory: directory,
            cluster,
            next_port: AtomicU16::new(21_000),
            _alone: alone,
        })
    }

    pub(crate) fn node(&self) -> &Namespace {
        self.cluster.node()
    }

    pub(crate) fn pod(&self, name: &str) -> &Pod {
        self.cluster.pod(name)
    }

    /// The node's interface of a pod.
    pub(crate) fn interface(&self, pod: &str) -> &str {
        self.pod(pod).host_interface()
    }

    /// Runs one command line on the node.
    pub(crate) fn run(&self, line: &str) {
        firewall::run(self.node(), line).unwrap();
    }

    /// Loads nftables rules on the node.
    pub(crate) fn nft(&self, rules: &str) {
        firewall::nft(self.node(), rules).unwrap();
    }

    /// A source port that no other case of this stage has: by it a case's flows are found, also reversed ones.
    pub(crate) fn fresh_port(&self) -> u16 {
        self.next_port.fetch_add(1, Ordering::Relaxed)
    }

    /// Plays all cases at the same time and checks that each is told as it has to be, once, and stays so. Returns
    /// how many packets they sent.
    pub(crate) fn play(&self, cases: &[Case]) -> u64 {
        let sent: Vec<Sent> = std::thread::scope(|scope| {
            let running: Vec<_> = cases
                .iter()
                .map(|case| scope.spawn(|| case.play(self)))
                .collect();
            running
                .into_iter()
                .map(|thread| {
                    thread
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        });
        self.check(cases, &sent, PATIENCE);
        std::thread::sleep(QUIET);
        self.check(cases, &sent, Duration::ZERO);
        sent.iter().map(|sent| sent.packets).sum()
    }

    /// Waits for the one flow with this port at either end and for fields with these values, which have to stay so.
    pub(crate) fn expect(&self, port: u16, fields: &[(&str, Value)]) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let problems = |flows: &[Value]| match flows {
            [flow] => differences(flow, fields),
            _ => vec![format!("{} flows instead of one", flows.len())],
        };
        while !problems(&self.flows_with(port)).is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(100));
        }
        std::thread::sleep(QUIET);
        let mut flows = self.flows_with(port);
        let found = problems(&flows);
        if !found.is_empty() {
            panic!(
                "{}\n{}",
                describe(&format!("port {port}"), &found, &flows),
                self.agent.log()
            );
        }
        flows.remove(0)
    }

    fn check(&self, cases: &[Case], sent: &[Sent], patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut wrong: Vec<usize> = (0..cases.len()).collect();
        loop {
            let mut problems = String::new();
            wrong.retain(|&index| {
                let flows = self.flows_with(sent[index].port);
                let found = cases[index].compare(self, &sent[index], &flows);
                if !found.is_empty() {
                    problems.push_str(&describe(&cases[index], &found, &flows));
                }
                !found.is_empty()
            });
            if wrong.is_empty() {
                return;
            }
            if Instant::now() >= deadline {
                panic!(
                    "{} cases are told wrongly:\n{problems}\n{}",
                    wrong.len(),
                    self.agent.log()
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Every kept flow that has this port at either end.
    pub(crate) fn flows_with(&self, port: u16) -> Vec<Value> {
        let port = port.to_string();
        FlowsCommand::against(&self.agent)
            .list(["--port", &port])
            .unwrap()
    }
}

fn describe(case: &impl Display, problems: &[String], flows: &[Value]) -> String {
    let flows: Vec<String> = flows.iter().map(|flow| format!("{flow:#}")).collect();
    format!(
        "\n== {case}\n{}\n{}\n",
        problems.join("\n"),
        flows.join("\n")
    )
}

fn pods() -> impl Iterator<Item = PodSpec> {
    [(DENIED, 10), (SERVER, 20), (ALLOWED, 30)]
        .into_iter()
        .map(|(name, last)| pod(name, last))
}

/// A pod with the addresses 10.78.1.LAST and fd78::LAST.
pub(crate) fn pod(name: &str, last: u8) -> PodSpec {
    PodSpec::new(name, [10, 78, 1, last].into())
        .ipv6([0xfd78, 0, 0, 0, 0, 0, 0, u16::from(last)].into())
        .label("app", name.split('/').next_back().unwrap())
}

fn policy() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "name": "restrict-db", "namespace": "data" },
        "spec": {
            "podSelector": { "matchLabels": { "app": "db" } },
            "policyTypes": ["Ingress"],
            "ingress": [{ "from": [{ "namespaceSelector": {
                "matchLabels": { "kubernetes.io/metadata.name": "prod" },
            } }] }],
        },
    })
}

/// ICMP errors are rate-limited by default: many cases at a time would go without theirs.
fn answer_every_time(node: &Namespace) {
    node.sysctl("ipv4/icmp_ratelimit", "0").unwrap();
    node.sysctl("ipv6/icmp/ratelimit", "0").unwrap();
}
