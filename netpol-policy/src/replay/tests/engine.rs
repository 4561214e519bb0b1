use std::sync::Arc;

use super::support::{cidr, cluster, edge, group, node, objects, outside, pods, policies, present};
use crate::history::{EdgeKey, History, Party, PodGroup, Port};
use crate::model::{Labels, Object, Protocol, Workload};
use crate::replay::{Asked, Engine, LabelsOf, Proposed, Why};
use crate::verdict::{Caveat, Decision};

const ALLOWED: (Decision, &[Why]) = (Decision::Allowed, &[]);
const DENIED: (Decision, &[Why]) = (Decision::Denied, &[]);

fn ask(history: &History, yaml: &str, labels: LabelsOf, key: &EdgeKey) -> (Decision, Vec<Why>) {
    let mut engine = Engine::new(history, &policies(yaml), labels);
    let answer = engine.ask(&Asked::from(key));
    let again = engine.ask(&Asked::from(key));
    assert_eq!(answer, again);
    (answer.decision(), answer.unknown)
}

#[track_caller]
fn expect(yaml: &str, key: &EdgeKey, expected: (Decision, &[Why])) {
    let (decision, unknown) = ask(&cluster(), yaml, LabelsOf::FlowTime, key);
    assert_eq!((decision, unknown.as_slice()), expected, "{key:?}");
}

fn key(source: Party, destination: Party, port: Port) -> EdgeKey {
    edge(source, destination, port).key
}

const DB_FROM_WEB: &str = r"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: prod}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 5432}]
  - from: [{podSelector: {matchLabels: {app: metrics}}}]
    ports: [{port: main}]
";

#[test]
fn pods_are_asked_by_the_labels_and_ports_that_they_had() {
    for (source, port, expected) in [
        ("prod/web", Port::One(5432), ALLOWED),
        ("prod/web", Port::One(5433), DENIED),
        ("prod/api", Port::One(5432), DENIED),
        ("ci/web", Port::One(5432), DENIED),
        ("prod/metrics", Port::One(8080), ALLOWED),
        (
            "prod/web",
            Port::Many,
            (Decision::Unknown, &[Why::ManyPorts]),
        ),
        ("prod/api", Port::Many, DENIED),
    ] {
        expect(
            DB_FROM_WEB,
            &key(pods(source), pods("prod/db"), port),
            expected,
        );
    }
}

#[test]
fn a_policy_that_selects_nobody_leaves_all_allowed() {
    let ends = key(pods("ci/web"), pods("ci/db"), Port::Many);
    expect(DB_FROM_WEB, &ends, ALLOWED);
}

#[test]
fn parties_that_are_not_known_decide_nothing_unless_all_that_they_may_be_agree() {
    let many = Why::ManyParties;
    let unknown = (Decision::Unknown, std::slice::from_ref(&many));
    let to_db = |source| key(source, pods("prod/db"), Port::One(5432));
    expect(DB_FROM_WEB, &to_db(Party::Many), unknown);
    let end = [Why::Undecided(Caveat::EndUnknown)];
    let stranger = Party::Unknown(cidr("10.244.1.9/32"));
    expect(DB_FROM_WEB, &to_db(stranger), (Decision::Unknown, &end));
    let service = Party::Service {
        namespace: "prod".into(),
        name: "db".into(),
    };
    let backend = [Why::Undecided(Caveat::BackendUnknown)];
    expect(
        DB_FROM_WEB,
        &key(pods("prod/web"), service.clone(), Port::One(5432)),
        (Decision::Unknown, &backend),
    );
    // Whoever it is, and whatever is behind it.
    let closed = r"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: prod}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
";
    expect(closed, &to_db(Party::Many), DENIED);
    expect(
        closed,
        &key(pods("prod/web"), service, Port::One(5432)),
        DENIED,
    );
}

#[test]
fn blocks_of_outside_addresses_are_one_answer_where_no_policy_cuts_them() {
    let yaml = r"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: prod}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.64/26]}}]
";
    let differ = Why::AddressesDiffer;
    let differ = (Decision::Unknown, std::slice::from_ref(&differ));
    for (block, expected) in [
        ("203.0.113.7/32", ALLOWED),
        ("203.0.113.0/26", ALLOWED),
        ("203.0.113.128/25", ALLOWED),
        ("203.0.113.64/28", DENIED),
        ("198.51.100.0/24", DENIED),
        ("203.0.113.0/25", differ),
        ("203.0.112.0/23", differ),
        ("2001:db8::/64", DENIED),
    ] {
        expect(
            yaml,
            &key(pods("prod/web"), outside(block), Port::One(443)),
            expected,
        );
    }
}

#[test]
fn addresses_of_pods_are_known_by_their_ranges_alone() {
    let policy = |cidr: &str| {
        format!(
            r"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: out, namespace: prod}}
spec:
  podSelector: {{}}
  policyTypes: [Egress]
  egress: [{{to: [{{ipBlock: {{cidr: {cidr}}}}}]}}]
"
        )
    };
    let cut = [Why::Undecided(Caveat::AddressUnknown)];
    for (block, expected) in [
        ("10.0.0.0/8", ALLOWED),
        ("192.0.2.0/24", DENIED),
        ("10.244.1.0/24", (Decision::Unknown, &cut[..])),
    ] {
        let ends = key(pods("prod/web"), pods("prod/db"), Port::One(1));
        expect(&policy(block), &ends, expected);
    }
}

#[test]
fn rule_20_a_node_is_the_pods_own_where_it_alone_saw_the_traffic() {
    let own = Why::OwnNode;
    let mut from_n1 = key(node("n1"), pods("prod/db"), Port::One(5432));
    expect(DB_FROM_WEB, &from_n1, ALLOWED);
    from_n1.node = "n2".into();
    expect(DB_FROM_WEB, &from_n1, DENIED);
    let nodes = ["n1".into(), "n2".into()];
    let asked = Asked {
        nodes: &nodes,
        ..Asked::from(&from_n1)
    };
    let mut engine = Engine::new(&cluster(), &policies(DB_FROM_WEB), LabelsOf::FlowTime);
    assert_eq!(engine.ask(&asked).unknown, std::slice::from_ref(&own));
    // Nor is it known where pods are that share a node's addresses.
    let host = PodGroup {
        host_network: true,
        ..group("kube-system/exporter")
    };
    let host = key(
        Party::Pods(Arc::new(host)),
        pods("prod/db"),
        Port::One(5432),
    );
    expect(DB_FROM_WEB, &host, (Decision::Unknown, &[own]));
    let free = EdgeKey {
        destination: pods("prod/api"),
        ..host
    };
    expect(DB_FROM_WEB, &free, ALLOWED);
    // A node that is not there any more.
    let gone = key(node("n9"), pods("prod/db"), Port::One(5432));
    expect(DB_FROM_WEB, &gone, DENIED);
}

#[test]
fn labels_that_are_not_remembered_leave_it_open_for_those_who_may_have_them() {
    let yaml = r"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: prod}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from:
    - podSelector: {matchLabels: {job-name: migrate}}
    - podSelector: {matchLabels: {pod-template-hash: 5d4f}}
";
    let of_kind = |kind: &str, name: &str| {
        let workload = Workload {
            kind: kind.into(),
            name: name.into(),
        };
        let group = PodGroup {
            workload,
            ..group("prod/tool")
        };
        key(
            Party::Pods(Arc::new(group)),
            pods("prod/db"),
            Port::One(5432),
        )
    };
    let hash = [Why::GeneratedLabel("pod-template-hash")];
    let job = [Why::GeneratedLabel("job-name")];
    expect(yaml, &of_kind("Job", "migrate"), ALLOWED);
    expect(yaml, &of_kind("Job", "other"), DENIED);
    expect(yaml, &of_kind("StatefulSet", "tool"), DENIED);
    expect(yaml, &of_kind("CronJob", "tool"), (Decision::Unknown, &job));
    expect(
        yaml,
        &of_kind("Deployment", "tool"),
        (Decision::Unknown, &hash),
    );
}

const DB_FROM_TEAM: &str = r"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: prod}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{namespaceSelector: {matchLabels: {team: a}}}]
";

fn labelled(name: &str, team: &str) -> PodGroup {
    let group = group(name);
    PodGroup {
        namespace_labels: group.namespace_labels.clone().with("team", team),
        ..group
    }
}

#[test]
fn a_namespace_has_the_labels_that_it_had_then() {
    let mut engine = Engine::new(&cluster(), &policies(DB_FROM_TEAM), LabelsOf::FlowTime);
    // In turns, so that none stands in for another.
    for (team, expected) in [
        ("a", Decision::Allowed),
        ("b", Decision::Denied),
        ("a", Decision::Allowed),
        ("c", Decision::Denied),
    ] {
        let source = Party::Pods(Arc::new(labelled("ci/web", team)));
        let key = key(source, pods("prod/db"), Port::One(1));
        assert_eq!(
            engine.ask(&Asked::from(&key)).decision(),
            expected,
            "{team}"
        );
    }
    // Two ends of one namespace that was labelled in between.
    let source = Party::Pods(Arc::new(labelled("prod/web", "a")));
    let key = key(source, pods("prod/db"), Port::One(1));
    let answer = engine.ask(&Asked::from(&key));
    assert_eq!(answer.decision(), Decision::Unknown);
    assert_eq!(answer.unknown, [Why::NamespaceLabelsDiffer]);
}

#[test]
fn labels_of_now_are_those_of_the_workload_in_the_population_or_in_what_is_proposed() {
    let then = key(pods("prod/web"), pods("prod/db"), Port::One(5432));
    let relabelled = |app: &str| PodGroup {
        labels: Labels::from_iter([("app", app)]),
        ..group("prod/web")
    };
    let history = |apps: &[&str]| {
        let web = apps.iter().map(|app| present(relabelled(app)));
        History {
            population: web.chain([present(group("prod/db"))]).collect(),
            ..cluster()
        }
    };
    let nothing = LabelsOf::Now(Proposed::default());
    for (apps, expected) in [
        (&["web"][..], (Decision::Allowed, vec![])),
        (&["api"], (Decision::Denied, vec![])),
        (
            &["api", "web"],
            (Decision::Unknown, vec![Why::LabelsDiffer]),
        ),
        (&["api", "tool"], (Decision::Denied, vec![])),
        (&[], (Decision::Unknown, vec![Why::Gone])),
    ] {
        let answer = ask(&history(apps), DB_FROM_WEB, nothing.clone(), &then);
        assert_eq!(answer, expected, "{apps:?}");
    }
    let template = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: prod}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: []}
";
    let templates = objects(template).into_iter();
    let templates = templates.filter_map(|object| match object {
        Object::Template(template) => Some(Arc::new(template)),
        _ => None,
    });
    let proposed = LabelsOf::Now(Proposed {
        templates: templates.collect(),
        ..Proposed::default()
    });
    let answer = ask(&history(&["api"]), DB_FROM_WEB, proposed, &then);
    assert_eq!(answer, (Decision::Allowed, vec![]));
}

#[test]
fn protocols_that_policies_leave_undefined_stay_so() {
    let ping = EdgeKey {
        protocol: Protocol::Other(1),
        ..key(pods("prod/web"), pods("prod/db"), Port::None)
    };
    let why = [Why::Undecided(Caveat::ProtocolUndefined)];
    expect(DB_FROM_WEB, &ping, (Decision::Unknown, &why));
    let free = EdgeKey {
        destination: pods("prod/api"),
        ..ping
    };
    expect(DB_FROM_WEB, &free, ALLOWED);
}
