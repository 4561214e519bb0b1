//! Connections a second through the whole pipeline: merged, enriched, judged, written to the flow log. And what the next
//! snapshot costs where one pod of many changed.
//!
//! `cargo bench -p netpol-agent --bench pipeline`

#[path = "support/connections.rs"]
mod connections;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use arc_swap::ArcSwap;
use divan::Bencher;
use divan::counter::ItemsCount;
use netpol_agent::clock::Clock;
use netpol_agent::drop_class::Names;
use netpol_agent::inventory::{Change, Report, Snapshot};
use netpol_agent::kernel::observation::Observation;
use netpol_agent::local_node::LocalNode;
use netpol_agent::log::FlowLog;
use netpol_agent::metrics::Metrics;
use netpol_agent::pipeline::{Outputs, Pipeline, PipelineConfig};
use netpol_agent::status::Status;
use netpol_agent::tracker::{Tracker, TrackerConfig};
use netpol_policy::manifest;
use netpol_policy::model::{Object, Pod};

/// Connections an iteration.
const CONNECTIONS: u16 = 10_000;
/// Pods on each side, and as many policies.
const PODS: u8 = 100;

fn main() {
    divan::main();
}

struct NoNames;

impl Names for NoNames {
    fn reason(&self, _: u32) -> Cow<'_, str> {
        Cow::Borrowed("NETFILTER_DROP")
    }
    fn location(&self, _: u64) -> Option<&str> {
        None
    }
}

/// Every pod, and for each a policy that admits the pod of the same number.
fn snapshot() -> Snapshot {
    let read = manifest::parse(&connections::manifests(PODS));
    assert_eq!(read.errors, []);
    of_objects(read.objects)
}

fn of_objects(objects: Vec<Object>) -> Snapshot {
    let changes = objects.into_iter().map(Change::Apply).collect();
    Snapshot::default().next(changes, Report::default(), UNIX_EPOCH)
}

/// A pod of a large cluster: fifty in a namespace, ten of an application.
fn pod(number: u32) -> Pod {
    let text = "kind: Pod\napiVersion: v1\nmetadata: {name: web, namespace: shop}\n";
    let Some(Object::Pod(pod)) = manifest::parse(text).objects.pop() else {
        unreachable!("the manifest of a pod is one");
    };
    let address = std::net::Ipv4Addr::from(0x0a00_0000 + number);
    let app = format!("app-{}", number / 10 % 5);
    Pod {
        namespace: format!("team-{}", number / 50).into(),
        name: format!("web-{number}").into(),
        labels: [("app".to_owned(), app)].into_iter().collect(),
        addresses: vec![address.into()],
        ..pod
    }
}

/// That many pods, and a policy for ten of them each.
fn cluster(pods: u32) -> Snapshot {
    let policies: String = (0..pods / 10)
        .map(|number| {
            format!(
                "---\nkind: NetworkPolicy\napiVersion: networking.k8s.io/v1\n\
                 metadata: {{name: app-{}, namespace: team-{}}}\n\
                 spec: {{podSelector: {{matchLabels: {{app: app-{}}}}}, ingress: [{{from: [{{podSelector: {{}}}}]}}]}}\n",
                number % 5,
                number / 5,
                number % 5
            )
        })
        .collect();
    let read = manifest::parse(&policies);
    assert_eq!(read.errors, []);
    let pods = (0..pods).map(|number| Object::Pod(pod(number)));
    of_objects(read.objects.into_iter().chain(pods).collect())
}

#[divan::bench(args = [100, 10_000, 50_000])]
fn a_pod_changes(bencher: Bencher<'_, '_>, pods: u32) {
    let snapshot = cluster(pods);
    let mut changed = pod(pods / 2);
    changed.labels = [("app", "app-0"), ("canary", "true")].into_iter().collect();
    bencher.bench_local(|| {
        let change = Change::Apply(Object::Pod(changed.clone()));
        snapshot.next(vec![change], Report::default(), UNIX_EPOCH)
    });
}

fn pipeline(snapshot: &Arc<ArcSwap<Snapshot>>) -> Pipeline {
    let mut pipeline = new_pipeline(snapshot);
    for interface in connections::interfaces(PODS) {
        pipeline.observe(interface, 0);
    }
    pipeline
}

fn new_pipeline(snapshot: &Arc<ArcSwap<Snapshot>>) -> Pipeline {
    let tracker = TrackerConfig {
        connections: usize::from(CONNECTIONS) * 2,
        answer_timeout: Duration::from_secs(2),
        node_netns: 1,
    };
    Pipeline::new(
        PipelineConfig {
            answer_timeout: Duration::from_secs(2),
            grace: Duration::ZERO,
            address_wait: Duration::ZERO,
        },
        LocalNode::new("node-1"),
        Tracker::new(tracker, Arc::new(NoNames)),
        snapshot.clone(),
        Outputs {
            log: Arc::new(FlowLog::new(4096, 1024)),
            status: Arc::new(Status::default()),
            enforcement: Arc::default(),
            metrics: Metrics::default(),
        },
        Clock::from_sample(0, UNIX_EPOCH),
    )
}

fn observations() -> Vec<Observation> {
    let pairs = (0..CONNECTIONS).map(|number| (number, number.to_be_bytes()));
    pairs
        .flat_map(|(number, [high, low])| {
            connections::connection(low % PODS + 1, high % PODS + 1, 20_000 + number, 1)
        })
        .collect()
}

#[divan::bench]
fn observed(bencher: Bencher<'_, '_>) {
    let snapshot = Arc::new(ArcSwap::from_pointee(snapshot()));
    let observations = observations();
    bencher
        .counter(ItemsCount::new(usize::from(CONNECTIONS)))
        .with_inputs(|| (pipeline(&snapshot), observations.clone()))
        .bench_local_values(|(mut pipeline, observations)| {
            for observation in observations {
                pipeline.observe(observation, 3);
            }
            pipeline.tick(3);
            pipeline
        });
}
