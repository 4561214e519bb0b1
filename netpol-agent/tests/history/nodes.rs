//! Two nodes that saw the same connections, added up.

use std::path::{Path, PathBuf};

use netpol_testkit::traffic::{Outcome, TcpAttempt, TcpServer};
use netpol_testkit::{AgentProcess, NodePair};
use serde_json::json;

use crate::rules::UNUSED;
use crate::stage::{can_run, connections, entry, export, flows, flows_json, read, settled};

const POLICY: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: database-only, namespace: data}
spec:
  podSelector: {}
  ingress:
    - ports: [{port: 5432}]
";

/// Removed when dropped, agents first.
struct Pair {
    agents: [AgentProcess; 2],
    scene: NodePair,
}

fn pair() -> Pair {
    let pair = NodePair::new("npa", POLICY).unwrap();
    let arguments = |own: &Path| {
        let store = own.join("history").display().to_string();
        ["--history", &store, "--grace", "0"]
            .map(str::to_owned)
            .to_vec()
    };
    let agents = pair.agents(arguments).unwrap();
    Pair {
        agents,
        scene: pair,
    }
}

impl Pair {
    fn connect(&self, count: usize) {
        let db = self.scene.nodes()[1].pod("data/db");
        for _ in 0..count {
            let attempt = TcpAttempt::to(db.at(5432));
            let build = self.scene.nodes()[0].pod("ci/build").netns();
            assert_eq!(
                attempt.exchange_from(build, b"hello").unwrap(),
                Outcome::Answered
            );
        }
    }

    /// Exports of both, each of which has so many connections.
    fn exports(&self, name: &str, count: u64) -> [PathBuf; 2] {
        [0, 1].map(|number| {
            let file = self
                .scene
                .directory()
                .join(format!("{name}-{number}.jsonl"));
            let agent = &self.agents[number];
            let seen = settled(
                || {
                    export(agent, &file);
                    connections(&read(&file), 5432)
                },
                |seen| *seen == count,
            );
            assert_eq!(seen, count, "{}", agent.log());
            file
        })
    }
}

#[test]
fn connections_between_two_nodes_count_once_and_an_export_never_twice() {
    if !can_run() {
        return;
    }
    let pair = pair();
    let db = pair.scene.nodes()[1].pod("data/db");
    let _server = TcpServer::start(db.netns(), db.at(5432)).unwrap();
    pair.connect(3);
    let early = pair.exports("early", 3);
    pair.connect(2);
    let late = pair.exports("late", 5);

    let paths = |files: &[PathBuf]| -> Vec<String> {
        files
            .iter()
            .map(|file| file.display().to_string())
            .collect()
    };
    let compared = |files: &[PathBuf]| {
        let mut arguments = vec!["drift".to_owned(), "--history".to_owned()];
        arguments.extend(paths(files));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let drift = flows_json(&arguments);
        let nodes = drift["evidence"]["nodes"].as_array().unwrap().len();
        (drift["coverage"]["compared"].as_u64().unwrap(), nodes)
    };
    assert_eq!(compared(&late), (5, 2));
    assert_eq!(compared(&late[..1]), (5, 1));
    // Exports of one store: the later one counts.
    let all = [early.as_slice(), late.as_slice()].concat();
    assert_eq!(compared(&all), (5, 2));

    let week = pair.scene.directory().join("week.jsonl.gz");
    let mut import = vec!["import".to_owned()];
    import.extend(paths(&all));
    import.extend(["--into".to_owned(), week.display().to_string()]);
    let import: Vec<&str> = import.iter().map(String::as_str).collect();
    let (code, said) = flows(&import);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(compared(std::slice::from_ref(&week)), (5, 2));

    // A rule of ingress is counted where the pod is that it protects.
    let unused = |file: &PathBuf| {
        let file = file.display().to_string();
        let arguments = [&UNUSED[..], &["--history", &file]].concat();
        flows_json(&arguments)
    };
    let report = unused(&week);
    let rule = entry(&report, "database-only", 0);
    assert_eq!(
        (&rule["hits"], &rule["status"]),
        (&json!(5), &json!("used"))
    );
    let report = unused(&late[0]);
    assert_eq!(entry(&report, "database-only", 0)["hits"], 0, "{report:#}");
}
