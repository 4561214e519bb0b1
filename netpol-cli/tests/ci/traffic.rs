//! A history of a small shop: `web` talks to `db`, and nobody else is there but `api`.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_history::Writer;
use netpol_history::file::Output;
use netpol_policy::history::{
    Agreement, Edge, EdgeKey, EdgeTotals, History, Interval, NodeHistory, Observed, Party,
    PodGroup, PolicyName, PolicyRevision, Port, Present, RememberedPolicy, SeenAt,
};
use netpol_policy::manifest;
use netpol_policy::model::{Labels, Node, Object, Protocol, Workload};
use netpol_policy::verdict::{Decision, PolicyKind};

/// The policy that is in force, and in the repository.
pub(crate) const DB: &str = "\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: db
  namespace: shop
spec:
  podSelector:
    matchLabels:
      app: db
  ingress:
    - from:
        - podSelector:
            matchLabels:
              app: web
      ports:
        - port: 5432
";

/// Writes it to a file.
pub(crate) fn export(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let output = Output::new(File::create(path).unwrap(), path);
    let mut writer = Writer::new(output, now(), "test").unwrap();
    writer.history(&history()).unwrap();
    writer.end().unwrap().finish().unwrap();
}

fn now() -> SystemTime {
    SystemTime::now()
}

fn history() -> History {
    let week = now() - Duration::from_secs(7 * 24 * 3600);
    let [web, db, api] = ["web", "db", "api"].map(group);
    let population = [&web, &db, &api].map(|group| Present {
        group: group.clone(),
        pods: [("n1".into(), 2)].into(),
        first_seen: week,
        last_seen: now(),
    });
    let read = manifest::parse(DB);
    let [Object::NetworkPolicy(policy)] = &*read.objects else {
        panic!("{read:?}");
    };
    History {
        nodes: vec![NodeHistory {
            name: "n1".into(),
            store: "s1".into(),
            read_at: now(),
            intervals: vec![Interval {
                from: week,
                until: now(),
                losses: Vec::new(),
            }],
            dialect: "specification".into(),
        }],
        edges: vec![Edge {
            key: EdgeKey {
                node: "n1".into(),
                seen_at: SeenAt::Both,
                source: Party::Pods(web),
                destination: Party::Pods(db),
                service: None,
                protocol: Protocol::Tcp,
                port: Port::One(5432),
                observed: Observed::Forwarded,
                drop: None,
                computed: Decision::Allowed,
                agreement: Agreement::Agree,
                policies: vec![PolicyName {
                    kind: PolicyKind::NetworkPolicy,
                    namespace: "shop".into(),
                    name: "db".into(),
                }],
            },
            totals: EdgeTotals {
                connections: 42,
                resumed: 0,
                packets: 420,
                bytes: 42_000,
                first_seen: week,
                last_seen: now() - Duration::from_secs(3600),
                after_change: 0,
                longest_after_change: None,
            },
        }],
        policies: vec![PolicyRevision {
            policy: RememberedPolicy::Network(policy.clone()),
            since: week,
            until: None,
        }],
        population: population.into(),
        cluster: vec![Node {
            name: "n1".into(),
            labels: Labels::default(),
            addresses: vec!["192.168.0.1".parse().unwrap()],
            kubelet_port: None,
            pod_cidrs: Vec::new(),
        }],
        ..History::default()
    }
}

fn group(app: &str) -> Arc<PodGroup> {
    Arc::new(PodGroup {
        namespace: "shop".into(),
        namespace_labels: Labels::from_iter([("kubernetes.io/metadata.name", "shop")]),
        workload: Workload {
            kind: "Deployment".into(),
            name: app.into(),
        },
        labels: Labels::from_iter([("app", app)]),
        ports: Vec::new(),
        host_network: false,
    })
}
