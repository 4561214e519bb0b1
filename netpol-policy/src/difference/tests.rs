#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::*;
use crate::history::{History, NodeHistory, PodGroup, Present, RememberedPolicy};
use crate::inventory::NAMESPACE_NAME_LABEL;
use crate::manifest;
use crate::model::{Labels, NamedPort, Object, Protocol, Workload};
use crate::verdict::Decision;

/// Seen this many seconds after the epoch, with as many pods now.
fn present(name: &str, labels: &[(&str, &str)], seen: u64, pods: u32) -> Present {
    let (namespace, name) = name.split_once('/').unwrap();
    let (kind, name) = name.split_once(':').unwrap_or(("Deployment", name));
    let group = PodGroup {
        namespace: namespace.into(),
        namespace_labels: Labels::from_iter([(NAMESPACE_NAME_LABEL, namespace)]),
        workload: Workload {
            kind: kind.into(),
            name: name.into(),
        },
        labels: labels.iter().copied().collect(),
        ports: vec![NamedPort {
            name: "http".into(),
            protocol: Protocol::Tcp,
            port: 8080,
        }],
        host_network: false,
    };
    Present {
        group: group.into(),
        pods: (pods > 0)
            .then(|| ("n1".into(), pods))
            .into_iter()
            .collect(),
        first_seen: SystemTime::UNIX_EPOCH,
        last_seen: SystemTime::UNIX_EPOCH + Duration::from_secs(seen),
    }
}

fn shop() -> History {
    History {
        population: vec![
            present("prod/web", &[("app", "web")], 9, 3),
            present("prod/db", &[("app", "db")], 9, 1),
            present("ci/Pod:shell", &[], 9, 1),
            present("ci/Job:nightly", &[("job", "yes")], 3, 0),
        ],
        ..History::default()
    }
}

/// Policies `p0`, `p1`… of namespace prod; an empty spec leaves one out.
fn policies(specs: &[&str]) -> Vec<RememberedPolicy> {
    let texts = specs
        .iter()
        .enumerate()
        .filter(|(_, spec)| !spec.is_empty());
    let objects = texts.flat_map(|(index, spec)| {
        let read = manifest::parse(&format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p{index}, namespace: prod}}, spec: {spec}}}"
        ));
        assert_eq!(read.errors, []);
        read.objects
    });
    let policies = objects.map(|object| match object {
        Object::NetworkPolicy(policy) => RememberedPolicy::Network(policy),
        other => panic!("{other:?}"),
    });
    policies.collect()
}

fn compare(history: &History, before: &[&str], after: &[&str]) -> Difference {
    let population = population(history, &[]);
    let (before, after) = (policies(before), policies(after));
    difference(&population, &before, &after, &Limits::default(), |_| ())
}

fn names(parties: &[Party]) -> String {
    let names: Vec<String> = parties.iter().map(ToString::to_string).collect();
    names.join(" + ")
}

/// `from -> to: + opened - closed ? unclear`, a change a line.
fn lines(difference: &Difference) -> Vec<String> {
    let line = |change: &Change| {
        let mut line = format!("{} -> {}:", names(&change.from), names(&change.to));
        for (sign, ports) in [
            ('+', &change.opened),
            ('-', &change.closed),
            ('?', &change.unclear),
        ] {
            if !ports.is_empty() {
                line.push_str(&format!(" {sign} {ports}"));
            }
        }
        line
    };
    difference.changes.iter().map(line).collect()
}

const DB_FROM_WEB: &str = "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}";
const DB_FROM_ALL: &str = "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {}}], ports: [{port: 5432}, {port: http}]}]}";

#[test]
fn the_same_policies_differ_in_nothing_and_cost_nothing() {
    let found = compare(&shop(), &[DB_FROM_WEB], &[DB_FROM_WEB]);
    assert_eq!(
        (lines(&found), found.compared, found.cut),
        (vec![], 0, None)
    );
}

#[test]
fn openings_have_an_example_with_the_rules_behind_it() {
    let found = compare(&shop(), &[DB_FROM_WEB], &[DB_FROM_ALL]);
    assert_eq!(
        lines(&found),
        [
            "prod/db[Deployment] -> prod/db[Deployment]: + TCP 5432,8080",
            "prod/web[Deployment] -> prod/db[Deployment]: + TCP 8080",
        ]
    );
    let example = found.changes[1].opening.as_ref().unwrap();
    let connection = &example.connection;
    assert_eq!(
        (
            connection.source.to_string(),
            connection.destination.to_string()
        ),
        (
            "prod/web[Deployment]".to_owned(),
            "prod/db[Deployment]".to_owned()
        )
    );
    // The named port says more than any other.
    assert_eq!(connection.destination_port, Some(8080));
    assert_eq!(example.before.decision(), Decision::Denied);
    assert_eq!(&*example.before.ingress.denied_by[0].policy.name, "p0");
    assert_eq!(example.after.decision(), Decision::Allowed);
    assert_eq!(example.after.ingress.allowed_by[0].port, Some(1));
    assert_eq!(found.changes[1].closing, None);
    assert!(found.opens());
}

#[test]
fn a_policy_that_goes_opens_and_one_that_comes_closes_also_to_the_outside() {
    let isolated = "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}";
    let found = compare(&shop(), &[DB_FROM_WEB, ""], &["", isolated]);
    assert_eq!(
        lines(&found),
        [
            "ci/nightly[Job] + ci/shell + prod/db[Deployment] + outside -> prod/db[Deployment]: + all",
            "prod/web[Deployment] -> ci/nightly[Job] + ci/shell + prod/web[Deployment] + outside: - all",
            "prod/web[Deployment] -> prod/db[Deployment]: - TCP 5432",
        ]
    );
    let closed = compare(
        &shop(),
        &[""],
        &[
            "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {}}, {namespaceSelector: {}}]}]}",
        ],
    );
    let example = closed.changes[0].closing.as_ref().unwrap();
    assert_eq!(lines(&closed), ["outside -> prod/web[Deployment]: - all"]);
    assert_eq!(example.connection.source.to_string(), "192.0.2.1");
}

#[test]
fn parts_of_the_outside_world_are_told_apart_where_blocks_are() {
    let block = "{podSelector: {matchLabels: {app: web}}, egress: [{to: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}";
    let wider = "{podSelector: {matchLabels: {app: web}}, egress: [{to: [{ipBlock: {cidr: 192.0.0.0/16, except: [192.0.3.0/24]}}]}]}";
    let found = compare(&shop(), &[block], &[wider]);
    let outside: Vec<String> = lines(&found)
        .into_iter()
        .filter(|line| line.contains('/') && line.contains("192."))
        .collect();
    assert_eq!(
        outside,
        ["prod/web[Deployment] -> rest of 192.0.0.0/16: + all"]
    );
}

#[test]
fn an_address_that_is_not_known_leaves_unclear_what_blocks_decide() {
    let block = "{podSelector: {matchLabels: {app: web}}, egress: [{to: [{ipBlock: {cidr: 10.0.0.0/24}}]}]}";
    let none = "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}";
    let found = compare(&shop(), &[none], &[block]);
    let pods = found
        .changes
        .iter()
        .find(|change| !change.unclear.is_empty())
        .unwrap();
    assert_eq!(pods.caveats, [Caveat::AddressUnknown]);
    assert!(pods.unclear.is_all() && pods.opened.is_empty());
}

#[test]
fn policies_are_read_as_the_agents_read_them() {
    let everything = "{podSelector: {matchLabels: {app: web}}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}]}]}";
    let none = "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}";
    let mut history = shop();
    for (dialect, reaches_pods) in [("specification", true), ("cilium", false)] {
        history.nodes = vec![NodeHistory {
            name: "n1".into(),
            store: "s1".into(),
            read_at: SystemTime::UNIX_EPOCH,
            intervals: Vec::new(),
            dialect: dialect.into(),
        }];
        let found = compare(&history, &[none], &[everything]);
        let mut pods = found.changes.iter().map(|change| names(&change.to));
        assert_eq!(
            pods.any(|names| names.contains("ci/shell")),
            reaches_pods,
            "{dialect}"
        );
    }
}

#[test]
fn a_limit_is_told_and_progress_reaches_it() {
    let population = population(&shop(), &[]);
    let (before, after) = (policies(&[]), policies(&[DB_FROM_WEB]));
    let mut last = None;
    let found = difference(&population, &before, &after, &Limits { pairs: 2 }, |one| {
        last = Some(one);
    });
    // Everybody to the database: three kinds of pods and two parts of the outside world.
    assert_eq!(found.cut, Some(Cut { pairs: 5, limit: 2 }));
    assert_eq!(found.compared, 2);
    assert_eq!(last, Some(Progress { done: 2, total: 2 }));
    assert_eq!(
        found.cut.unwrap().to_string(),
        "compared 2 of 5 pairs: that is the limit"
    );
}

#[test]
fn only_those_who_exist_count_and_of_a_job_that_ended_its_last_pods() {
    let mut history = shop();
    history.population.extend([
        present("prod/web", &[("app", "old")], 8, 0),
        present("ci/Job:nightly", &[("job", "older")], 2, 0),
        present("prod/web", &[("app", "web"), ("track", "canary")], 9, 1),
    ]);
    let mut found = BTreeMap::new();
    for pod in population(&history, &[]).pods() {
        let labels: Vec<String> = pod
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        found.insert(format!("{}/{}", pod.namespace, pod.name), labels.join(","));
    }
    let expected = [
        ("ci/nightly[Job]", "job=yes"),
        ("ci/shell", ""),
        ("prod/db[Deployment]", "app=db"),
        ("prod/web[Deployment]", "app=web"),
        ("prod/web[Deployment 2]", "app=web,track=canary"),
    ];
    assert_eq!(
        found,
        expected
            .map(|(name, labels)| (name.to_owned(), labels.to_owned()))
            .into()
    );
}

#[test]
fn a_proposed_deployment_takes_the_place_of_the_remembered_one() {
    let read = manifest::parse(
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: prod}, spec: {selector: {matchLabels: {app: shop}}, \
          template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: c}]}}}}",
    );
    assert_eq!(read.errors, []);
    let population = population(&shop(), &read.objects);
    assert!(population.pods().all(|pod| &*pod.name != "web[Deployment]"));
    let (before, after) = (policies(&[DB_FROM_WEB]), policies(&[DB_FROM_ALL]));
    let found = difference(&population, &before, &after, &Limits::default(), |_| ());
    assert_eq!(
        lines(&found),
        ["prod/db[Deployment] + prod/web[Deployment] -> prod/db[Deployment]: + TCP 5432,8080"]
    );
}

#[test]
fn a_change_of_one_policy_asks_about_those_that_it_selects_alone() {
    let mut history = History::default();
    let mut specs = Vec::new();
    for workload in 0..300 {
        let app = format!("w{workload}");
        let name = format!("prod/{app}");
        history
            .population
            .push(present(&name, &[("app", &app)], 9, 1));
        specs.push(format!(
            "{{podSelector: {{matchLabels: {{app: {app}}}}}, ingress: [{{ports: [{{port: 80}}]}}]}}"
        ));
    }
    let before: Vec<&str> = specs.iter().map(String::as_str).collect();
    let changed = before[7].replace("80", "81");
    let mut after = before.clone();
    after[7] = &changed;
    let found = compare(&history, &before, &after);
    // Every workload and both families of the outside world to the one that is selected.
    assert_eq!((found.parties, found.compared), (302, 302));
    assert_eq!(found.changes.len(), 1);
    assert_eq!(found.changes[0].from.len(), 301);
    assert_eq!(names(&found.changes[0].to), "prod/w7[Deployment]");
}
