//! Pods, interfaces, policies and agents come and go while traffic flows.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/scene.rs"]
mod scene;

use std::time::{Duration, Instant};

use netpol_testkit::requirement::require_root;
use netpol_testkit::traffic::{Bound, Outcome, TcpAttempt, TcpServer, tcp_loop};
use netpol_testkit::{AgentProcess, FlowsCommand, Namespace, PodSpec, inventory};
use scene::Scene;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);

fn scene() -> Scene {
    Scene::new([
        PodSpec::new("ci/build", [10, 244, 6, 10].into()),
        PodSpec::new("data/db", [10, 244, 6, 20].into()),
    ])
}

fn server(scene: &Scene) -> TcpServer {
    let db = scene.cluster.pod("data/db");
    TcpServer::start(db.netns(), db.at(5432)).unwrap()
}

/// Connects once from a pod to the database, from this port.
fn connect(scene: &Scene, pod: &str, port: u16) -> Outcome {
    let to = TcpAttempt::to(scene.cluster.pod("data/db").at(5432)).from_port(port);
    to.exchange_from(scene.cluster.pod(pod).netns(), b"hello")
        .unwrap()
}

/// The flow from this port, once it satisfies `wanted`.
fn flow(agent: &AgentProcess, port: u16, wanted: impl Fn(&Value) -> bool) -> Value {
    let port = port.to_string();
    let flows = FlowsCommand::against(agent);
    let found = flows
        .wait_for(&["--from-port", &port], PATIENCE, wanted)
        .unwrap();
    found.unwrap_or_else(|| {
        panic!(
            "{:#?}\n{}",
            flows.list(["--from-port", &*port]),
            agent.log()
        )
    })
}

fn status(agent: &AgentProcess) -> Value {
    let text = FlowsCommand::against(agent)
        .text(["status", "-o", "json"])
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The status, once it satisfies `wanted`.
fn wait_for_status(agent: &AgentProcess, wanted: impl Fn(&Value) -> bool) -> Value {
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

fn interfaces(status: &Value) -> Vec<String> {
    let interfaces = status["interfaces"].as_array().unwrap().iter();
    let mut names: Vec<String> = interfaces
        .map(|interface| interface["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn pods_made_in_a_burst_are_all_seen() {
    const PODS: u8 = 30;
    if !require_root() {
        return;
    }
    let mut scene = scene();
    let _server = server(&scene);
    let agent = scene.agent(&[]);
    for last in 100..100 + PODS {
        let name = format!("burst/pod-{last}");
        let spec = PodSpec::new(&name, [10, 244, 6, last].into());
        scene.cluster.add_pod(spec).unwrap();
        // At once: the agent has only just heard of the interface.
        assert_eq!(
            connect(&scene, &name, 40_000 + u16::from(last)),
            Outcome::Answered
        );
    }
    scene.tell();
    let mut inferred = 0;
    for last in 100..100 + PODS {
        let seen = flow(&agent, 40_000 + u16::from(last), |flow| {
            flow["state"] == "ended"
        });
        assert_eq!(
            seen["source"]["address"],
            format!("10.244.6.{last}"),
            "{seen:#}"
        );
        assert_eq!(seen["destination"]["port"], 5432, "{seen:#}");
        let mid_stream = seen["mid_stream"] == true;
        assert_eq!(mid_stream, seen["direction_inferred"] == true, "{seen:#}");
        inferred += u32::from(mid_stream);
    }
    println!("{PODS} pods made hot: {inferred} connections seen from the middle on");
    agent.stop().unwrap();
}

#[test]
fn reused_address_and_interface_belong_to_the_new_pod() {
    if !require_root() {
        return;
    }
    let mut scene = scene();
    let _server = server(&scene);
    let agent = scene.agent(&[]);
    assert_eq!(connect(&scene, "ci/build", 41_001), Outcome::Answered);
    let old = flow(&agent, 41_001, |flow| flow["source"]["pod"] == "build");
    let node = scene.cluster.node();
    let ifindex = node
        .interface_index(scene.cluster.pod("ci/build").host_interface())
        .unwrap();
    scene.cluster.remove_pod("ci/build");
    scene.tell();
    wait_for_status(&agent, |status| interfaces(status).len() == 1);

    let probe = probe(&scene, ifindex);
    let known = |status: &Value| {
        status["inventory"]["pods"] == 2 && interfaces(status).contains(&"vethprobe".to_owned())
    };
    wait_for_status(&agent, known);
    let to = TcpAttempt::to(scene.cluster.pod("data/db").at(5432)).from_port(41_002);
    assert_eq!(
        to.exchange_from(&probe, b"hello").unwrap(),
        Outcome::Answered
    );
    let new = flow(&agent, 41_002, |flow| flow["source"]["pod"] == "probe");
    assert_eq!(new["source"]["namespace"], "ops", "{new:#}");
    let kept = flow(&agent, 41_001, |_| true);
    assert_eq!(kept["source"]["pod"], "build", "{kept:#}");
    for same in ["/source/address", "/vantages/0/ifindex"] {
        assert_eq!(
            new.pointer(same).unwrap(),
            old.pointer(same).unwrap(),
            "{same}"
        );
    }
    agent.stop().unwrap();
}

/// `ops/probe`: a pod with the address that `ci/build` had, behind an interface with this number.
fn probe(scene: &Scene, ifindex: u32) -> Namespace {
    let pod = Namespace::unique("npa").unwrap();
    let node = scene.cluster.node();
    node.ip_batch(&format!(
        "link add vethprobe index {ifindex} type veth peer name eth0 netns {}\n\
         addr add 169.254.1.1/32 dev vethprobe\nlink set vethprobe up\n\
         route add 10.244.6.10/32 dev vethprobe\n",
        pod.name()
    ))
    .unwrap();
    pod.ip_batch(
        "addr add 10.244.6.10/32 dev eth0\nlink set eth0 up\n\
         route add 169.254.1.1 dev eth0 scope link\nroute add default via 169.254.1.1 dev eth0\n",
    )
    .unwrap();
    pod.wait_until_ready(&["eth0"]).unwrap();
    node.wait_until_ready(&["vethprobe"]).unwrap();
    let spec = PodSpec::new("ops/probe", [10, 244, 6, 10].into());
    let path = scene.directory.path().join("manifests/probe.json");
    std::fs::write(path, inventory::pod(&spec).to_string()).unwrap();
    pod
}

#[test]
fn interfaces_are_chosen_by_name_and_followed_when_renamed() {
    if !require_root() {
        return;
    }
    let scene = scene();
    let node = scene.cluster.node();
    let rename = |from: &str, to: &str| {
        node.ip(["link", "set", from, "down"]).unwrap();
        node.ip(["link", "set", from, "name", to]).unwrap();
        node.ip(["link", "set", to, "up"]).unwrap();
    };
    let [build, db] = ["ci/build", "data/db"].map(|pod| scene.cluster.pod(pod).host_interface());
    let agent = scene.agent(&["--exclude-interface", "skipped*"]);
    let both = wait_for_status(&agent, |status| interfaces(status).len() == 2);
    rename(build, "calidb0");
    wait_for_status(&agent, |status| {
        interfaces(status).contains(&"calidb0".to_owned())
    });
    rename("calidb0", "skipped0");
    let left = wait_for_status(&agent, |status| interfaces(status).len() == 1);
    assert_eq!(interfaces(&left), [db], "{both:#}");
    agent.stop().unwrap();

    let agent = scene.agent(&["--interface", "skip*,nothing"]);
    let chosen = wait_for_status(&agent, |status| !interfaces(status).is_empty());
    assert_eq!(interfaces(&chosen), ["skipped0"]);
    agent.stop().unwrap();
}

#[test]
fn stopped_in_the_midst_of_traffic_it_ends_soon_and_starts_again() {
    if !require_root() {
        return;
    }
    let scene = scene();
    let _server = server(&scene);
    let agent = scene.agent(&[]);
    let build = scene.cluster.pod("ci/build").netns();
    let to = TcpAttempt::to(scene.cluster.pod("data/db").at(5432));
    let (counts, took) = std::thread::scope(|scope| {
        let bound = Bound {
            count: 2000,
            time: Duration::from_secs(3),
        };
        let traffic = scope.spawn(move || tcp_loop(build, to, b"hello", bound).unwrap());
        std::thread::sleep(Duration::from_millis(300));
        let begun = Instant::now();
        agent.stop().unwrap();
        let took = begun.elapsed();
        (traffic.join().unwrap(), took)
    });
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(counts.failed, 0, "{counts:?}");
    let agent = scene.agent(&[]);
    assert_eq!(connect(&scene, "ci/build", 42_001), Outcome::Answered);
    flow(&agent, 42_001, |flow| {
        flow["observed"]["verdict"] == "forwarded"
    });
    agent.stop().unwrap();
}

#[test]
fn second_agent_on_the_same_socket_is_told_so() {
    if !require_root() {
        return;
    }
    let scene = scene();
    let agent = scene.agent(&[]);
    let mut second =
        std::process::Command::new(netpol_testkit::artifact::binary("netpol-agent").unwrap());
    let directory = scene.directory.path();
    second
        .arg("--inventory")
        .arg(directory.join("manifests"))
        .env("RUST_BACKTRACE", "0");
    second.arg("--socket").arg(directory.join("agent.sock"));
    let error = scene
        .cluster
        .node()
        .exec(&mut second)
        .unwrap_err()
        .to_string();
    assert!(error.contains("another process serves on"), "{error}");
    assert!(
        error.contains("agent.sock; stop it, or choose another --socket"),
        "{error}"
    );
    assert_eq!(interfaces(&status(&agent)).len(), 2, "the first goes on");
    agent.stop().unwrap();
}
