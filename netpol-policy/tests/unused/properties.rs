//! Over random policies and traffic: what is left answers all traffic as before, and what is said to be shadowed is.
//!
//! Answers are those of evaluation, over pods with addresses; neither replay nor the proofs themselves are asked.

use std::collections::HashMap;
use std::sync::Arc;

use netpol_policy::connection::{Connection, End};
use netpol_policy::evaluate::evaluate;
use netpol_policy::history::{
    Part, Party, PodGroup, Port, RememberedPolicy, RuleKey, RuleUse, Traffic, UseTotals,
    fingerprint, in_force, traffic,
};
use netpol_policy::inventory::Inventory;
use netpol_policy::model::{NamedPort, Namespace, Object, Phase, Pod, Protocol};
use netpol_policy::unused::{Options, PatchOptions, Status, patch, unused};
use netpol_policy::verdict::{Decision, DirectionVerdict, RuleRef, TierOutcome, Verdict};
use proptest::prelude::*;
use proptest::sample::select;

use super::world::{World, day, group};

/// Pods of two namespaces; some have a second label, and a port of one name has two numbers.
const PODS: [&str; 5] = ["prod/a", "prod/b", "prod/c", "ci/a", "ci/c"];
/// Outside of the cluster: in blocks that policies name, and in none.
const OUTSIDE: [&str; 3] = ["10.0.0.1/32", "10.1.0.1/32", "192.0.2.1/32"];
const PORTS: [u16; 4] = [80, 81, 82, 90];

fn known(name: &str) -> PodGroup {
    let mut group = group(name);
    if name.ends_with('a') {
        group.labels = group.labels.with("tier", "x");
    }
    if name != "prod/c" {
        let port = if name.starts_with("prod") { 80 } else { 81 };
        group.ports.push(NamedPort {
            name: "http".into(),
            protocol: Protocol::Tcp,
            port,
        });
    }
    group
}

fn selector() -> impl Strategy<Value = &'static str> {
    select(vec![
        "{}",
        "{matchLabels: {app: a}}",
        "{matchLabels: {app: b}}",
        "{matchLabels: {app: none}}",
        "{matchLabels: {tier: x}}",
        "{matchLabels: {app: a, tier: x}}",
        "{matchExpressions: [{key: app, operator: NotIn, values: [a, b]}]}",
        "{matchExpressions: [{key: app, operator: In, values: [a, c]}]}",
        "{matchExpressions: [{key: tier, operator: DoesNotExist}]}",
    ])
}

fn namespaces() -> impl Strategy<Value = &'static str> {
    select(vec![
        "{}",
        "{matchLabels: {kubernetes.io/metadata.name: prod}}",
        "{matchLabels: {kubernetes.io/metadata.name: ci}}",
    ])
}

fn peer() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => selector().prop_map(|pods| format!("{{podSelector: {pods}}}")),
        3 => (namespaces(), selector())
            .prop_map(|(spaces, pods)| format!("{{namespaceSelector: {spaces}, podSelector: {pods}}}")),
        1 => select(vec![
            "{ipBlock: {cidr: 10.0.0.0/8}}",
            "{ipBlock: {cidr: 10.0.0.0/16}}",
            "{ipBlock: {cidr: 0.0.0.0/0, except: [10.1.0.0/16]}}",
        ])
        .prop_map(str::to_owned),
    ]
}

fn port() -> impl Strategy<Value = &'static str> {
    select(vec![
        "{port: 80}",
        "{port: 81}",
        "{port: 80, endPort: 82}",
        "{port: http}",
        "{protocol: TCP}",
        "{protocol: UDP, port: 80}",
    ])
}

fn rule(list: &'static str) -> impl Strategy<Value = String> {
    let peers = proptest::collection::vec(peer(), 0..3);
    let ports = proptest::collection::vec(port(), 0..3);
    (peers, ports).prop_map(move |(peers, ports)| {
        format!(
            "{{{list}: [{}], ports: [{}]}}",
            peers.join(", "),
            ports.join(", ")
        )
    })
}

fn network_policy() -> impl Strategy<Value = String> {
    let rules = |list| proptest::collection::vec(rule(list), 0..4);
    let types = select(vec!["Ingress", "Egress", "Ingress, Egress"]);
    (selector(), rules("from"), rules("to"), types).prop_map(|(pods, ingress, egress, types)| {
        format!(
            "{{podSelector: {pods}, ingress: [{}], egress: [{}], policyTypes: [{types}]}}",
            ingress.join(", "),
            egress.join(", ")
        )
    })
}

fn tiered_policy() -> impl Strategy<Value = String> {
    let peer = prop_oneof![
        namespaces().prop_map(|spaces| format!("{{namespaces: {spaces}}}")),
        (namespaces(), selector()).prop_map(|(spaces, pods)| format!(
            "{{pods: {{namespaceSelector: {spaces}, podSelector: {pods}}}}}"
        )),
    ];
    let action = select(vec!["Accept", "Deny", "Pass"]);
    let ports = select(vec![
        "",
        ", protocols: [{tcp: {destinationPort: {number: 80}}}]",
    ]);
    let rule = (action, proptest::collection::vec(peer, 1..3), ports).prop_map(
        |(action, peers, ports)| {
            format!("{{action: {action}, from: [{}]{ports}}}", peers.join(", "))
        },
    );
    let rules = proptest::collection::vec(rule, 1..4);
    let tier = select(vec!["Admin", "Baseline"]);
    (tier, 1..4_u16, namespaces(), rules).prop_map(|(tier, priority, spaces, rules)| {
        format!(
            "spec: {{tier: {tier}, priority: {priority}, subject: {{namespaces: {spaces}}}, ingress: [{}]}}",
            rules.join(", ")
        )
    })
}

/// Policies of both kinds, as manifests.
fn policies() -> impl Strategy<Value = String> {
    let network = proptest::collection::vec(network_policy(), 1..4);
    let tiered = proptest::collection::vec(tiered_policy(), 0..3);
    (network, tiered).prop_map(|(network, tiered)| {
        let network = network.iter().enumerate();
        let mut documents = vec![
            network
                .map(|(index, spec)| format!("p{index}: {spec}"))
                .collect::<Vec<_>>()
                .join("\n"),
        ];
        documents.extend(tiered.iter().enumerate().map(|(index, spec)| {
            format!(
                "kind: ClusterNetworkPolicy\napiVersion: policy.networking.k8s.io/v1alpha2\nmetadata: {{name: t{index}}}\n{spec}"
            )
        }));
        documents.join("\n---\n")
    })
}

/// The cluster as evaluation knows it, under some policies.
struct Cluster {
    inventory: Inventory,
    pods: HashMap<String, Arc<Pod>>,
}

impl Cluster {
    fn new(policies: &[RememberedPolicy]) -> Self {
        let pods: HashMap<String, Arc<Pod>> = PODS
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let group = known(name);
                let pod = Pod {
                    uid: (*name).into(),
                    namespace: group.namespace.clone(),
                    name: group.workload.name.clone(),
                    labels: group.labels.clone(),
                    phase: Phase::Running,
                    // In no block that policies name: what blocks say of pods is another matter (rule 17).
                    addresses: vec![format!("172.16.0.{index}").parse().unwrap()],
                    node: None,
                    host_network: false,
                    ports: group.ports.clone(),
                    controller: None,
                    workload: Some(group.workload.clone()),
                    started: None,
                };
                ((*name).to_owned(), Arc::new(pod))
            })
            .collect();
        let namespaces = ["prod", "ci"].map(|name| {
            Object::Namespace(Namespace {
                name: name.into(),
                labels: Default::default(),
            })
        });
        let objects = namespaces
            .into_iter()
            .chain(pods.values().map(|pod| Object::Pod((**pod).clone())))
            .chain(policies.iter().map(RememberedPolicy::object));
        let inventory = Inventory::new(objects);
        Self { inventory, pods }
    }

    fn end(&self, name: &str) -> End {
        match self.pods.get(name) {
            Some(pod) => End::Pod {
                address: pod.addresses.first().copied(),
                pod: pod.clone(),
            },
            None => End::Address(name.split('/').next().unwrap().parse().unwrap()),
        }
    }

    fn ask(&self, from: &str, to: &str, protocol: Protocol, port: u16) -> Verdict {
        let connection = Connection::new(self.end(from), self.end(to), protocol, Some(port));
        evaluate(&self.inventory, &connection)
    }
}

/// Every rule that had a part in a direction's answer.
fn parts(side: &DirectionVerdict) -> Vec<RuleRef> {
    let passed = side.path.iter().flat_map(|step| match &step.outcome {
        TierOutcome::Passed(rules) => rules.clone(),
        _ => Vec::new(),
    });
    let denied = side
        .denied_by
        .iter()
        .flat_map(|denial| denial.rules.clone());
    let mut parts: Vec<RuleRef> = side.allowed_by.iter().cloned().chain(denied).collect();
    parts.extend(passed);
    parts
}

fn part(rule: &RuleRef) -> Part {
    let number = |index: usize| u32::try_from(index).unwrap();
    Part::Entry {
        rule: number(rule.rule),
        peer: rule.peer.map(number),
        port: rule.port.map(number),
    }
}

/// Counts uses as an agent does, of what evaluation says.
fn count(world: &mut World, cluster: &Cluster, seen: &[(usize, usize, usize)]) {
    let policies = in_force(&world.0);
    for (from, to, port) in seen {
        let verdict = cluster.ask(end_name(*from), PODS[*to], Protocol::Tcp, PORTS[*port]);
        for side in [&verdict.egress, &verdict.ingress] {
            let parts = parts(side);
            for rule in &parts {
                let policy = policies.iter().find(|one| *one.reference() == rule.policy);
                let policy = policy.unwrap();
                world.0.uses.push(RuleUse {
                    key: RuleKey {
                        node: "n1".into(),
                        policy: policy.name(),
                        fingerprint: fingerprint(policy),
                        direction: rule.direction,
                        part: self::part(rule),
                    },
                    totals: UseTotals {
                        hits: 1,
                        sole: u64::from(parts.len() == 1),
                        resumed: 0,
                        forwarded: 1,
                        bytes: 1,
                        first_seen: day(1),
                        last_seen: day(2),
                    },
                });
            }
        }
    }
}

fn end_name(index: usize) -> &'static str {
    PODS.iter().chain(&OUTSIDE).nth(index).unwrap()
}

fn world(policies: &str, seen: &[(usize, usize, usize)]) -> World {
    let mut world = World::new("").policies(policies, 0);
    world.0.population.clear();
    for name in PODS {
        world = world.group(known(name), &[("n1", 1)], 0, 30);
    }
    for (from, to, port) in seen {
        world = world.traffic(end_name(*from), PODS[*to], PORTS[*port], 1);
    }
    world
}

fn name(party: &Party) -> String {
    match party {
        Party::Pods(group) => format!("{}/{}", group.namespace, group.workload.name),
        Party::Outside(block) => block.to_string(),
        other => panic!("{other:?}"),
    }
}

fn decisions(cluster: &Cluster, traffic: &Traffic) -> [Decision; 2] {
    let Port::One(port) = traffic.port else {
        panic!("{traffic:?}");
    };
    let (from, to) = (name(&traffic.source), name(&traffic.destination));
    let verdict = cluster.ask(&from, &to, traffic.protocol, port);
    [verdict.egress.decision, verdict.ingress.decision]
}

fn seen() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    let one = (0..PODS.len() + OUTSIDE.len(), 0..PODS.len(), 0..PORTS.len());
    proptest::collection::vec(one, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// With the uses that were counted, and also where all counts were lost and only the traffic is known.
    #[test]
    fn what_is_left_answers_all_traffic_as_before(
        text in policies(),
        seen in seen(),
        are_counted in any::<bool>(),
    ) {
        let mut world = world(&text, &seen);
        let before = in_force(&world.0);
        let cluster = Cluster::new(&before);
        if are_counted {
            count(&mut world, &cluster, &seen);
        }
        let report = unused(&world.0, &before, &Options::default(), |_| {});
        let patch = patch(&world.0, &before, &report, |_| true, &PatchOptions::default(), |_| {});
        let mut after = before;
        for policy in &patch.policies {
            let place = after.iter().position(|one| *one == policy.before).unwrap();
            match &policy.after {
                Some(new) => after[place] = new.clone(),
                None => {
                    after.remove(place);
                }
            }
        }
        let left = Cluster::new(&after);
        for one in traffic(&world.0) {
            prop_assert_eq!(decisions(&cluster, &one), decisions(&left, &one), "{:?}\n{}", patch, text);
        }
        // Nothing is opened either: every pair, every port.
        for from in PODS.iter().chain(&OUTSIDE) {
            for to in PODS {
                for port in PORTS {
                    let old = cluster.ask(from, to, Protocol::Tcp, port).decision();
                    let new = left.ask(from, to, Protocol::Tcp, port).decision();
                    let has_tiers = text.contains("ClusterNetworkPolicy");
                    prop_assert!(
                        old != Decision::Denied || new == Decision::Denied || has_tiers,
                        "{} to {} {} is opened by {:?}\n{}", from, to, port, patch, text
                    );
                }
            }
        }
    }

    /// Whatever is shadowed has company wherever it has a part in an answer.
    #[test]
    fn what_is_shadowed_never_decides_alone(text in policies()) {
        let world = world(&text, &[]);
        let policies = in_force(&world.0);
        let cluster = Cluster::new(&policies);
        let mut alone: HashMap<(String, Part), String> = HashMap::new();
        for from in PODS.iter().chain(&OUTSIDE) {
            for to in PODS.iter().chain(&OUTSIDE) {
                for protocol in [Protocol::Tcp, Protocol::Udp] {
                    for port in PORTS {
                        let verdict = cluster.ask(from, to, protocol, port);
                        for side in [&verdict.egress, &verdict.ingress] {
                            if let [only] = parts(side).as_slice() {
                                let key = format!("{} {:?}", only.policy, only.direction);
                                let example = format!("{from} to {to} {protocol} {port}");
                                alone.insert((key, part(only)), example);
                            }
                        }
                    }
                }
            }
        }
        for policy in &world.judged().policies {
            for entry in policy.entries.iter().filter(|one| one.status == Status::Shadowed) {
                let key = format!("{} {:?}", policy.policy, entry.direction);
                let example = alone.get(&(key, entry.part));
                prop_assert_eq!(example, None, "{:?}\n{}", entry, text);
            }
        }
    }
}
