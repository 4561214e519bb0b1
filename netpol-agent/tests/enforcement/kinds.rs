//! Each kind of drift, with real traffic and a real firewall.

use std::thread::sleep;
use std::time::{Duration, Instant};

use netpol_testkit::cluster::WORLD_IPV4;
use netpol_testkit::traffic::{Outcome, TcpAttempt, TcpServer};
use netpol_testkit::{AgentProcess, Cluster, FlowsCommand, PodSpec, WorkDirectory, firewall};
use serde_json::{Value, json};

use crate::scene::Scene;
use crate::stage::{PATIENCE, can_run, drift, observe};

fn scene() -> Scene {
    let pod = |name: &str, last: u8| {
        let (_, app) = name.split_once('/').unwrap();
        PodSpec::new(name, [10, 244, 6, last].into())
            .ipv6(format!("fd00:244::{last}").parse().unwrap())
            .label("app", app)
    };
    let pods = [("ci/build", 10), ("data/db", 20), ("shop/cache", 30)];
    let cluster = pods
        .map(|(name, last)| pod(name, last))
        .into_iter()
        .fold(Cluster::builder("npa").world(), |cluster, pod| {
            cluster.pod(pod)
        });
    let scene = Scene {
        cluster: cluster.build().unwrap(),
        directory: WorkDirectory::unique("npa").unwrap(),
    };
    std::fs::create_dir(scene.directory.path().join("manifests")).unwrap();
    scene.tell();
    scene
}

/// Nobody may enter these pods.
fn close(scene: &Scene, pods: &[&str]) {
    let policies = pods.iter().map(|pod| {
        let (namespace, app) = pod.split_once('/').unwrap();
        format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
             metadata: {{name: closed, namespace: {namespace}}}\n\
             spec: {{podSelector: {{matchLabels: {{app: {app}}}}}, policyTypes: [Ingress]}}\n"
        )
    });
    let manifests = scene.directory.path().join("manifests");
    let draft = manifests.join(".policies.draft");
    std::fs::write(&draft, policies.collect::<String>()).unwrap();
    std::fs::rename(draft, manifests.join("policies.yaml")).unwrap();
}

/// The source of connections of the world is told as another node.
fn name_the_world(scene: &Scene) {
    let node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "node-2"},
        "status": {"addresses": [{"type": "InternalIP", "address": WORLD_IPV4}]},
    });
    let path = scene.directory.path().join("manifests/node-2.json");
    std::fs::write(path, node.to_string()).unwrap();
}

fn start(scene: &Scene, grace: &str) -> AgentProcess {
    let history = scene.directory.path().join("history");
    let history = history.to_str().unwrap();
    scene.agent(&["--grace", grace, "--history", history])
}

fn server(scene: &Scene, name: &str) -> [TcpServer; 2] {
    let pod = scene.cluster.pod(name);
    [pod.at(5432), pod.at6(5432)].map(|at| TcpServer::start(pod.netns(), at).unwrap())
}

/// The findings as kind, destination and connections, once they are these.
fn wait_for_findings(agent: &AgentProcess, expected: &[(&str, &str, u64)]) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let drift = drift(agent);
        let findings = drift["findings"].as_array().unwrap();
        let found: Vec<(&str, &str, u64)> = findings
            .iter()
            .map(|finding| {
                (
                    finding["kind"].as_str().unwrap(),
                    finding["to"].as_str().unwrap(),
                    finding["connections"].as_u64().unwrap(),
                )
            })
            .collect();
        if found == expected {
            return drift;
        }
        assert!(
            Instant::now() < deadline,
            "{found:?}\n{drift:#}\n{}",
            agent.log()
        );
        sleep(Duration::from_millis(100));
    }
}

fn exit_code_of_fail(agent: &AgentProcess) -> Option<i32> {
    let mut command = FlowsCommand::against(agent)
        .command(["drift", "--fail"])
        .unwrap();
    command.output().unwrap().status.code()
}

#[test]
fn what_is_let_through_and_what_is_dropped_is_told_apart() {
    if !can_run() {
        return;
    }
    let scene = scene();
    close(&scene, &["data/db"]);
    name_the_world(&scene);
    let _servers = ["data/db", "shop/cache"].map(|name| server(&scene, name));
    let (db, cache) = (
        scene.cluster.pod("data/db"),
        scene.cluster.pod("shop/cache"),
    );
    let build = scene.cluster.pod("ci/build").netns();
    firewall::nft(
        scene.cluster.node(),
        "table inet t { chain c { type filter hook forward priority 0; \
         ip daddr 10.244.6.30 drop; ip6 daddr fd00:244::30 drop; }; }",
    )
    .unwrap();
    let mut open = TcpAttempt::to(db.at(5432)).open(build).unwrap().unwrap();
    let _other = TcpServer::start(db.netns(), db.at6(9090)).unwrap();
    let agent = start(&scene, "0");

    assert_eq!(open.exchange(b"hello").unwrap(), Outcome::Answered);
    let attempt = |to| TcpAttempt::to(to).timeout(Duration::from_millis(500));
    for (from, to, expected) in [
        (build, db.at6(9090), Outcome::Answered),
        (scene.cluster.world(), db.at(5432), Outcome::Answered),
        (build, cache.at(5432), Outcome::TimedOut),
        (build, cache.at6(5432), Outcome::TimedOut),
    ] {
        let outcome = attempt(to).exchange_from(from, b"hello").unwrap();
        assert_eq!(outcome, expected, "{to}");
    }
    let drift = wait_for_findings(
        &agent,
        &[
            ("not-enforced", "data/db[Pod]", 1),
            ("host-network", "data/db[Pod]", 1),
            ("already-open", "data/db[Pod]", 0),
            ("dropped", "shop/cache[Pod]", 2),
        ],
    );
    let findings = &drift["findings"];
    assert_eq!(findings[1]["from"], "node node-2", "{findings:#}");
    assert_eq!(findings[2]["already_open"], 1, "{findings:#}");
    assert_eq!(
        findings[3]["drop"],
        json!({"reason": "NETFILTER_DROP", "class": "firewall"})
    );
    assert_eq!(exit_code_of_fail(&agent), Some(1));
    agent.stop().unwrap();
}

#[test]
fn a_change_explains_what_comes_soon_after_it_and_just_before_it_is_heard_of() {
    if !can_run() {
        return;
    }
    let scene = scene();
    let _servers = ["data/db", "shop/cache"].map(|name| server(&scene, name));
    let agent = start(&scene, "10");
    // Nothing enforces the policy yet.
    close(&scene, &["data/db"]);
    let is_denied = |port| {
        let flow = observe(&scene, &agent, "data/db", port, Outcome::Answered);
        flow["computed"]["verdict"] == "denied"
    };
    assert!((42_000..42_100).any(is_denied), "{}", agent.log());
    // That one may have begun just before the change, and been judged after it.
    assert!(is_denied(42_100), "{}", agent.log());
    // Of the second change the firewall hears first.
    firewall::nft(
        scene.cluster.node(),
        "table inet t { chain c { type filter hook forward priority 0; \
         ip daddr { 10.244.6.20, 10.244.6.30 } drop; }; }",
    )
    .unwrap();
    let flow = observe(&scene, &agent, "data/db", 43_000, Outcome::TimedOut);
    assert_eq!(flow["agreement"], "agree", "{flow:#}");
    let flow = observe(&scene, &agent, "shop/cache", 43_001, Outcome::TimedOut);
    assert_eq!(flow["agreement"], "allowed_but_dropped", "{flow:#}");
    let early = wait_for_findings(
        &agent,
        &[
            ("late-enforcement", "data/db[Pod]", 2),
            ("dropped", "shop/cache[Pod]", 1),
        ],
    );
    let after = early["findings"][0]["longest_after_change_seconds"].as_f64();
    assert!(after.is_some_and(|after| after < 10.0), "{early:#}");
    assert_eq!(exit_code_of_fail(&agent), Some(1));
    close(&scene, &["data/db", "shop/cache"]);
    let late = wait_for_findings(
        &agent,
        &[
            ("late-enforcement", "data/db[Pod]", 2),
            ("late-admission", "shop/cache[Pod]", 1),
        ],
    );
    assert_eq!(late["policies"][0]["stopped"], 1, "{late:#}");
    assert_eq!(late["policies"][0]["never_enforced"], false, "{late:#}");
    assert_eq!(exit_code_of_fail(&agent), Some(0));
    agent.stop().unwrap();
}

#[test]
fn an_open_connection_that_a_later_policy_cuts_off_is_no_drift() {
    if !can_run() {
        return;
    }
    let scene = scene();
    let _servers = server(&scene, "data/db");
    // Without conntrack, what an open connection sends looks like packets of none.
    let dropping = |what: &str| {
        let rules = format!(
            "add table inet t; flush table inet t; table inet t {{ chain c {{ \
             type filter hook forward priority 0; ct state invalid drop; {what} }}; }}"
        );
        firewall::nft(scene.cluster.node(), &rules).unwrap();
    };
    dropping("");
    let agent = start(&scene, "0");
    let build = scene.cluster.pod("ci/build").netns();
    let attempt = TcpAttempt::to(scene.cluster.pod("data/db").at(5432));
    let attempt = attempt.from_port(44_000).timeout(Duration::from_secs(4));
    let mut open = attempt.open(build).unwrap().unwrap();
    assert_eq!(open.exchange(b"hello").unwrap(), Outcome::Answered);
    close(&scene, &["data/db"]);
    let is_denied = |port| {
        let flow = observe(&scene, &agent, "data/db", port, Outcome::Answered);
        flow["computed"]["verdict"] == "denied"
    };
    assert!((44_001..44_100).any(is_denied), "{}", agent.log());
    dropping("ip daddr 10.244.6.20 drop;");
    assert_eq!(open.exchange(b"hello").unwrap(), Outcome::TimedOut);
    let flow = FlowsCommand::against(&agent)
        .wait_for(&["--from-port", "44000"], PATIENCE, |flow| {
            flow["observed"]["verdict"] == "dropped"
        })
        .unwrap();
    let flow = flow.unwrap_or_else(|| panic!("{}", agent.log()));
    assert_eq!(flow["agreement"], "allowed_but_dropped", "{flow:#}");
    let drift = wait_for_findings(&agent, &[("not-enforced", "data/db[Pod]", 1)]);
    assert_eq!(drift["coverage"]["doubtful"], 1, "{drift:#}");
    agent.stop().unwrap();
}
