//! What the program itself takes with a hundred nodes.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, SystemTime};

use netpol_api::v1;
use netpol_transport::client::{Options, Server, connect};
use tokio::time::{sleep, timeout};

use crate::agent::{Agent, World};
use crate::relay::{follow, unix};
use crate::{PATIENCE, flow};

const NODES: u32 = 100;
const EACH: u64 = 200;
const MIB: u64 = 1 << 20;

/// The relay as a process. Killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    fn start(agents: &[String], socket: &Path) -> Self {
        let process = Command::new(env!("CARGO_BIN_EXE_netpol-relay"))
            .args(["--agents", &agents.join(",")])
            .arg("--socket")
            .arg(socket)
            .env("RUST_LOG", "warn")
            .spawn();
        Self(process.unwrap())
    }

    /// A line of its `status`, in bytes.
    fn memory(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kibibytes = line.unwrap().trim_matches([':', ' ', '\t', 'k', 'B']);
        kibibytes.parse::<u64>().unwrap() * 1024
    }
}

/// As large as flows between pods are: about 1.2 kB.
fn large(node: &str, number: u64, time: SystemTime) -> v1::Flow {
    let mut flow = flow(node, number, time);
    for end in [&mut flow.source, &mut flow.destination]
        .into_iter()
        .flatten()
    {
        end.kind = v1::endpoint::Kind::Pod.into();
        end.namespace = "some-namespace".to_owned();
        end.pod = "some-deployment-7d9c5b8f6d-x2x4z".to_owned();
        for label in 0..6 {
            let key = format!("app.kubernetes.io/label-{label}");
            end.labels.insert(key, "some-value-of-a-label".to_owned());
        }
    }
    flow
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_of_the_program_is_bounded_whatever_readers_do() {
    let directory = tempfile::tempdir().unwrap();
    let begin = SystemTime::now() - Duration::from_secs(600);
    let mut agents: Vec<Agent> = Vec::new();
    let mut addresses = Vec::new();
    for number in 0..NODES {
        let name = format!("node-{number}");
        let world = World::new(&name);
        for each in 0..EACH {
            world.see(large(&name, each, begin + Duration::from_millis(each)));
        }
        let socket = directory.path().join(format!("{name}.sock"));
        agents.push(world.serve(&socket));
        addresses.push(unix(&socket));
    }
    let socket = directory.path().join("relay.sock");
    let process = Process::start(&addresses, &socket);
    let server = Server::Unix(socket);
    let connecting = timeout(PATIENCE, async {
        loop {
            match connect(&server, &Options::default()).await {
                Ok(client) => return client,
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    });
    let mut client = connecting.await.unwrap();
    let mut stream = client.watch_flows(v1::WatchFlowsRequest::default()).await;
    let idle = process.memory("VmRSS");
    let stream = stream.as_mut().unwrap().get_mut();
    let mut came = 0;
    while stream.message().await.unwrap().is_some() {
        came += 1;
    }
    assert_eq!(came, u64::from(NODES) * EACH);
    let listed = process.memory("VmHWM");

    let mut stuck = Vec::new();
    for _ in 0..2 {
        stuck.push(client.watch_flows(follow()).await.unwrap());
    }
    crate::readers::wait_for_streams(&agents, 2).await;
    for each in EACH..2 * EACH {
        for (number, agent) in agents.iter().enumerate() {
            let name = format!("node-{number}");
            agent.world.see(large(&name, each, SystemTime::now()));
        }
        sleep(Duration::from_millis(2)).await;
    }
    sleep(Duration::from_secs(3)).await;
    let highest = process.memory("VmHWM");
    eprintln!(
        "{NODES} nodes: {} MiB; after a list of {came} flows {} MiB; with 2 readers that read nothing {} MiB",
        idle / MIB,
        listed / MIB,
        highest / MIB
    );
    assert!(listed < 160 * MIB, "{listed}");
    assert!(highest < 320 * MIB, "{highest}");
}
