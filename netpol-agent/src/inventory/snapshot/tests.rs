use std::net::IpAddr;

use netpol_policy::cache::VerdictCache;
use netpol_policy::connection::{Connection, End};
use netpol_policy::manifest;
use netpol_policy::model::{Object, Protocol};
use netpol_policy::verdict::{DecidedBy, Decision};
use proptest::prelude::*;

use super::*;
use crate::flow::Computed;

const WORLD: &str = r"
apiVersion: v1
kind: Namespace
metadata: {name: prod}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: prod, labels: {app: web}}
status: {podIPs: [{ip: 10.0.0.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: prod, labels: {app: db}}
status: {podIPs: [{ip: 10.0.0.2}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: prod}
spec: {clusterIP: 10.96.0.1, ports: [{name: sql, port: 5432}]}
---
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDRs: [10.0.0.0/24]}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}
";

const ISOLATE: &str = r"
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: isolate}
spec:
  tier: Admin
  priority: 1
  subject: {pods: {podSelector: {matchLabels: {app: db}}}}
  ingress: [{action: Deny, from: [{namespaces: {}}]}]
";

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn objects(text: &str) -> Vec<Object> {
    let read = manifest::parse(text);
    assert_eq!(read.errors, []);
    read.objects
}

fn apply(text: &str) -> Vec<Change> {
    objects(text).into_iter().map(Change::Apply).collect()
}

fn remove(text: &str) -> Vec<Change> {
    let objects = objects(text);
    objects
        .iter()
        .map(|object| Change::Remove(ObjectKey::of(object)))
        .collect()
}

fn world() -> Snapshot {
    Snapshot::default().next(apply(WORLD), Report::default(), at(100))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// What is said of a connection from `prod/web` to `prod/db`.
fn web_to_db(snapshot: &Snapshot, cache: &VerdictCache, seconds: u64) -> Computed {
    let end = |address: &str| {
        let address = ip(address);
        let pod = snapshot.pod_at(address, at(seconds)).unwrap();
        End::Pod {
            pod: pod.clone(),
            address: Some(address),
        }
    };
    let connection = Connection::new(end("10.0.0.1"), end("10.0.0.2"), Protocol::Tcp, Some(5432));
    snapshot.compute(&connection, at(seconds), Duration::from_secs(10), cache)
}

#[test]
fn what_does_not_change_is_shared() {
    let first = world();
    let relabelled = "apiVersion: v1\nkind: Pod\nmetadata: {name: db, namespace: prod, labels: {app: sql}}\n\
                      status: {podIPs: [{ip: 10.0.0.2}]}\n";
    let second = first.next(apply(relabelled), Report::default(), at(200));
    let web = |snapshot: &Snapshot| snapshot.pod_named("prod", "web").unwrap().clone();
    assert!(Arc::ptr_eq(&web(&first), &web(&second)));
    let labels = |snapshot: &Snapshot| {
        let pod = snapshot.pod_at(ip("10.0.0.2"), at(150)).unwrap();
        pod.labels.get("app").map(str::to_owned)
    };
    assert_eq!(labels(&first).as_deref(), Some("db"));
    assert_eq!(labels(&second).as_deref(), Some("sql"));
    assert_eq!(second.sizes(), first.sizes());
}

#[test]
fn what_came_is_counted_and_what_went_is_not() {
    let first = world();
    let sizes = first.sizes();
    assert_eq!((sizes.pods, sizes.services, sizes.nodes), (2, 1, 1));
    assert_eq!(first.namespaces(), 1);
    let second = first.next(apply(ISOLATE), Report::default(), at(200));
    let third = second.next(apply(ISOLATE), Report::default(), at(300));
    let counted = |snapshot: &Snapshot| {
        snapshot
            .sizes()
            .policies_of(PolicyKind::ClusterNetworkPolicy)
    };
    assert_eq!([&first, &second, &third].map(counted), [0, 1, 1]);

    let nothing = third.next(
        [remove(WORLD), remove(ISOLATE), remove(ISOLATE)].concat(),
        Report::default(),
        at(400),
    );
    let sizes = nothing.sizes();
    assert_eq!((sizes.pods, sizes.services, sizes.nodes), (0, 0, 0));
    assert_eq!((counted(&nothing), nothing.namespaces()), (0, 0));
    assert!(nothing.pod_named("prod", "web").is_none());
    assert!(nothing.node_at(ip("192.0.2.1")).is_none());
    assert!(nothing.service_at(ip("10.96.0.1")).is_none());
    assert!(!nothing.is_pod_address(ip("10.0.0.1")) && !nothing.is_cluster_address(ip("10.0.0.1")));
    let web = nothing.pod_at(ip("10.0.0.1"), at(350));
    assert_eq!(web.map(|pod| &*pod.name), Some("web"), "it was there then");
}

#[test]
fn a_tiered_policy_counts_from_its_change_on_and_bears_on_its_subjects() {
    let cache = VerdictCache::new(100);
    let first = world();
    let before = web_to_db(&first, &cache, 150);
    assert_eq!(before.verdict.decision(), Decision::Allowed);
    assert_eq!(before.verdict.ingress.decided_by, DecidedBy::Default);
    assert_eq!(
        before.changed_before, None,
        "what was there first did not change"
    );

    let second = first.next(apply(ISOLATE), Report::default(), at(200));
    let soon = web_to_db(&second, &cache, 203);
    assert_eq!(soon.verdict.decision(), Decision::Denied);
    assert_eq!(soon.changed_before, Some(Duration::from_secs(3)));
    let [(policy, age)] = soon.policy_ages.as_slice() else {
        panic!("{:?}", soon.policy_ages);
    };
    assert_eq!((policy.to_string().as_str(), age.as_secs()), ("isolate", 3));
    let later = web_to_db(&second, &cache, 220);
    assert_eq!(later.verdict.decision(), Decision::Denied);
    assert_eq!(later.changed_before, None);
    assert!(
        Arc::ptr_eq(&soon.verdict, &later.verdict),
        "kept in the cache"
    );

    let third = second.next(remove(ISOLATE), Report::default(), at(300));
    let gone = web_to_db(&third, &cache, 301);
    assert_eq!(gone.verdict.decision(), Decision::Allowed);
    assert_eq!(gone.changed_before, Some(Duration::from_secs(1)));
}

#[test]
fn a_service_lacks_endpoints_only_where_its_slices_are_known() {
    let slice = |ready: bool| {
        format!(
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
             metadata: {{name: db-1, namespace: prod, labels: {{kubernetes.io/service-name: db}}}}\n\
             addressType: IPv4\nports: [{{name: sql, port: 5432}}]\n\
             endpoints: [{{addresses: [10.0.0.2], conditions: {{ready: {ready}}}}}]\n"
        )
    };
    let first = world();
    let second = first.next(apply(&slice(false)), Report::default(), at(200));
    let third = second.next(apply(&slice(true)), Report::default(), at(300));
    let lacks_at = |snapshot: &Snapshot, port| {
        let dialled = snapshot.dialled((ip("10.96.0.1"), port), Protocol::Tcp, false);
        dialled.is_some_and(|dialled| snapshot.lacks_endpoints(dialled))
    };
    let lacks = |snapshot: &Snapshot| lacks_at(snapshot, 5432);
    assert_eq!([&first, &second, &third].map(lacks), [false, true, false]);
    assert!(!lacks_at(&second, 80), "no such port");
}

#[test]
fn policies_are_read_in_the_dialect_that_was_chosen() {
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
                  metadata: {name: db, namespace: prod}\n\
                  spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/24}}]}]}\n";
    let cache = VerdictCache::new(100);
    for (dialect, expected) in [
        (Dialect::SPECIFICATION, Decision::Allowed),
        (Dialect::CILIUM, Decision::Denied),
    ] {
        let changes = [apply(WORLD), apply(policy)].concat();
        let snapshot = Snapshot::empty(dialect).next(changes, Report::default(), at(100));
        let computed = web_to_db(&snapshot, &cache, 150);
        assert_eq!(computed.verdict.decision(), expected);
    }
}

const ADDRESSES: [&str; 2] = ["10.0.0.1", "10.0.0.2"];

/// Manifests of one of four objects, in versions that differ.
fn some_object() -> impl Strategy<Value = Object> {
    let pod = (0..2u8, 0..2usize, any::<bool>()).prop_map(|(name, address, runs)| {
        let phase = if runs { "Running" } else { "Succeeded" };
        let address = ADDRESSES[address];
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: pod-{name}, namespace: prod, uid: u{name}}}\n\
             status: {{phase: {phase}, podIPs: [{{ip: {address}}}]}}\n"
        )
    });
    let tiered = (0..3u8)
        .prop_map(|priority| ISOLATE.replace("priority: 1", &format!("priority: {priority}")));
    let node = (0..2usize).prop_map(|address| {
        let address = ADDRESSES[address];
        format!(
            "apiVersion: v1\nkind: Node\nmetadata: {{name: node-1}}\n\
             status: {{addresses: [{{type: InternalIP, address: {address}}}]}}\n"
        )
    });
    let text = prop_oneof![4 => pod, 1 => tiered, 1 => node];
    text.prop_map(|text| objects(&text).remove(0))
}

proptest! {
    #[test]
    fn a_snapshot_that_was_changed_is_one_made_anew(
        rounds in prop::collection::vec(prop::collection::vec((some_object(), any::<bool>()), 0..4), 0..8),
    ) {
        let mut snapshot = Snapshot::default().next(Vec::new(), Report::default(), at(100));
        let mut objects: BTreeMap<ObjectKey, Object> = BTreeMap::new();
        for round in rounds {
            let changes = round.into_iter().map(|(object, is_there)| {
                let key = ObjectKey::of(&object);
                if is_there {
                    objects.insert(key, object.clone());
                    Change::Apply(object)
                } else {
                    objects.remove(&key);
                    Change::Remove(key)
                }
            });
            snapshot = snapshot.next(changes.collect(), Report::default(), at(200));
            let changes = objects.values().cloned().map(Change::Apply).collect();
            let anew = Snapshot::default().next(changes, Report::default(), at(200));
            prop_assert_eq!(snapshot.sizes().pods, anew.sizes().pods);
            prop_assert_eq!(snapshot.sizes().nodes, anew.sizes().nodes);
            let kind = PolicyKind::ClusterNetworkPolicy;
            prop_assert_eq!(snapshot.sizes().policies_of(kind), anew.sizes().policies_of(kind));
            for address in ADDRESSES.map(ip) {
                prop_assert_eq!(snapshot.is_pod_address(address), anew.is_pod_address(address));
                prop_assert_eq!(snapshot.node_at(address), anew.node_at(address));
            }
        }
    }
}
