//! Objects back into manifests: what was written says the same.

use netpol_policy::history::policy::RememberedPolicy;
use netpol_policy::k8s::write::{self, Comments, Entry};
use netpol_policy::manifest;
use netpol_policy::model::{
    Action, Labels, NamespacedPods, NetworkPolicy, Node, Object, Operator, Peer, PortMatch,
    PortRule, Protocol, Requirement, Rule, Selector, TieredPeer, TieredPolicy, TieredRule,
};
use netpol_policy::verdict::{Direction, PolicyKind, PolicyRef, Tier};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::generator;
use crate::properties::cases;
use crate::support;

/// The only object of a text, read with all checks of the API server, or with those that an evaluation needs.
fn read(text: &str, is_strict: bool) -> Result<Object, TestCaseError> {
    let parse = if is_strict {
        manifest::parse_strict
    } else {
        manifest::parse
    };
    let mut read = parse(text);
    prop_assert!(read.errors.is_empty(), "{:?}\n{text}", read.errors);
    prop_assert_eq!(&*read.warnings, &[], "{}", text);
    prop_assert_eq!(read.objects.len(), 1, "{}", text);
    read.objects
        .pop()
        .ok_or_else(|| TestCaseError::fail("none"))
}

fn remembered(object: Object) -> Option<RememberedPolicy> {
    match object {
        Object::NetworkPolicy(policy) => Some(RememberedPolicy::Network(policy)),
        Object::TieredPolicy(policy) => Some(RememberedPolicy::Tiered(policy)),
        _ => None,
    }
}

/// A peer without a known field is no longer valid for an API server.
fn is_valid(policy: &RememberedPolicy) -> bool {
    let RememberedPolicy::Tiered(policy) = policy else {
        return true;
    };
    let rules = [Direction::Ingress, Direction::Egress].map(|one| policy.rules(one));
    let mut peers = rules.into_iter().flatten().flat_map(|rule| &rule.peers);
    !peers.any(|peer| matches!(peer, TieredPeer::Unsupported(_)))
}

/// As the API server stores it.
fn stored(mut policy: RememberedPolicy) -> RememberedPolicy {
    let reference = match &mut policy {
        RememberedPolicy::Network(policy) => &mut policy.reference,
        RememberedPolicy::Tiered(policy) => &mut policy.reference,
    };
    reference.uid = "2f0b-11".into();
    reference.generation = 7;
    policy
}

/// Both forms of a policy say the same as it does.
fn reads_back(policy: RememberedPolicy, comments: &Comments) -> Result<(), TestCaseError> {
    let is_strict = is_valid(&policy);
    let yaml = write::policy_yaml(&policy, comments);
    prop_assert_eq!(&read(&yaml, is_strict)?, &policy.object(), "{}", yaml);
    let policy = stored(policy);
    let json = write::policy(&policy).to_string();
    prop_assert_eq!(&read(&json, is_strict)?, &policy.object(), "{}", json);
    Ok(())
}

/// What can stand as a label's value, or a port's name, and is no text to some reader of YAML.
fn odd_value() -> impl Strategy<Value = String> {
    let odd = select(vec![
        "yes",
        "No",
        "off",
        "y",
        "true",
        "null",
        "0x1",
        "0o7",
        "1e3",
        "1.10",
        "1_000",
        "2026-01-01",
        "007",
        "",
    ]);
    prop_oneof![
        odd.prop_map(str::to_owned),
        "[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?"
    ]
}

/// Requirements in any order, with keys that come several times.
fn selector() -> impl Strategy<Value = Selector> {
    let key = select(vec!["app", "yes", "0x1", "example.com/no", "app"]).prop_map(str::to_owned);
    let values = || prop::collection::vec(odd_value(), 1..3);
    let operator = prop_oneof![
        4 => odd_value().prop_map(|value| Operator::In(vec![value])),
        1 => values().prop_map(Operator::In),
        1 => values().prop_map(Operator::NotIn),
        1 => Just(Operator::Exists),
        1 => Just(Operator::DoesNotExist),
    ];
    let requirement = (key, operator).prop_map(|(key, operator)| Requirement { key, operator });
    prop::collection::vec(requirement, 0..5).prop_map(|requirements| Selector { requirements })
}

fn network_policy() -> impl Strategy<Value = NetworkPolicy> {
    let peer = (prop::option::of(selector()), selector())
        .prop_map(|(namespaces, pods)| Peer::Pods { namespaces, pods });
    let port = select(vec!["0x1", "1e3", "yes", "n"]).prop_map(|name| PortRule {
        protocol: Some(Protocol::Udp),
        port: PortMatch::Name(name.to_owned()),
    });
    let rule = (
        prop::collection::vec(peer, 0..3),
        prop::collection::vec(port, 0..2),
    )
        .prop_map(|(peers, ports)| Rule { peers, ports })
        .boxed();
    let rules = || prop::collection::vec(rule.clone(), 0..3);
    let isolation = prop_oneof![
        rules().prop_map(|ingress| (Some(ingress), None)),
        rules().prop_map(|egress| (None, Some(egress))),
        (rules(), rules()).prop_map(|(ingress, egress)| (Some(ingress), Some(egress))),
    ];
    (
        selector(),
        isolation,
        select(vec!["web", "0x1", "1.10", "no"]),
    )
        .prop_map(|(subjects, (ingress, egress), name)| NetworkPolicy {
            reference: reference(PolicyKind::NetworkPolicy, "0", name),
            subjects,
            ingress,
            egress,
        })
}

/// With names of rules that hold anything.
fn tiered_policy() -> impl Strategy<Value = TieredPolicy> {
    let kind = select(vec![
        (PolicyKind::AdminNetworkPolicy, Tier::Admin),
        (PolicyKind::ClusterNetworkPolicy, Tier::Admin),
        (PolicyKind::ClusterNetworkPolicy, Tier::Baseline),
    ]);
    let pods = (selector(), selector())
        .prop_map(|(namespaces, pods)| NamespacedPods { namespaces, pods })
        .boxed();
    let names = prop::collection::vec(any::<char>(), 0..100)
        .prop_map(|chars| chars.into_iter().collect::<String>());
    let rule = (names, pods.clone()).prop_map(|(name, pods)| TieredRule {
        name,
        action: Action::Pass,
        peers: vec![TieredPeer::Pods(pods)],
        ports: Vec::new(),
    });
    (kind, pods, prop::collection::vec(rule, 0..3)).prop_map(|((kind, tier), subjects, ingress)| {
        TieredPolicy {
            reference: reference(kind, "", "0"),
            tier,
            priority: Some(10),
            subjects,
            ingress,
            egress: Vec::new(),
        }
    })
}

fn reference(kind: PolicyKind, namespace: &str, name: &str) -> PolicyRef {
    PolicyRef {
        kind,
        namespace: namespace.into(),
        name: name.into(),
        uid: "".into(),
        generation: 0,
    }
}

fn comments() -> impl Strategy<Value = Comments> {
    let entry = (0..2_usize, 0..2_usize, 0..6_usize).prop_map(|(rule, at, which)| {
        let direction = [Direction::Ingress, Direction::Egress][at];
        match which {
            0 => Entry::Policy,
            1 => Entry::Isolation(direction),
            2 => Entry::Peer {
                direction,
                rule,
                peer: at,
            },
            3 => Entry::Port {
                direction,
                rule,
                port: at,
            },
            _ => Entry::Rule { direction, rule },
        }
    });
    prop::collection::vec((entry, any::<String>()), 0..6).prop_map(|all| {
        let mut comments = Comments::default();
        for (entry, text) in all {
            comments.add(entry, &text);
        }
        comments
    })
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn every_construct_reads_back_as_it_was(case in generator::cases(), comments in comments()) {
        for value in case.policies {
            let read = manifest::parse(&value.to_string());
            for policy in read.objects.into_iter().filter_map(remembered) {
                reads_back(policy, &comments)?;
            }
        }
        for value in case.cluster {
            for object in manifest::parse(&value.to_string()).objects {
                let written = match &object {
                    Object::Node(node) => write::node(node),
                    Object::Service(service) => write::service(service),
                    _ => continue,
                };
                let written = written.to_string();
                prop_assert_eq!(&read(&written, false)?, &object, "{}", written);
            }
        }
    }

    #[test]
    fn hostile_names_and_values_read_back_as_they_were(
        policy in network_policy(),
        tiered in tiered_policy(),
        comments in comments(),
    ) {
        reads_back(RememberedPolicy::Network(policy), &comments)?;
        reads_back(RememberedPolicy::Tiered(tiered), &comments)?;
    }

    #[test]
    fn a_node_keeps_labels_that_no_server_would_take(
        labels in prop::collection::btree_map(any::<String>(), any::<String>(), 0..4),
    ) {
        let node = Node {
            name: "n1".into(),
            labels: Labels::from(labels),
            addresses: vec!["192.168.0.1".parse().unwrap()],
            kubelet_port: Some(10250),
            pod_cidrs: Vec::new(),
        };
        let text = write::node(&node).to_string();
        prop_assert_eq!(read(&text, false)?, Object::Node(node));
    }
}

fn policy(text: &str) -> RememberedPolicy {
    let mut objects = support::objects(text).into_iter();
    objects.find_map(remembered).unwrap()
}

#[test]
fn yaml_looks_as_a_person_would_write_it() {
    let policy = policy(
        r#"{"metadata": {"uid": "u", "generation": 3, "namespace": "prod", "name": "db"},
        "kind": "NetworkPolicy", "apiVersion": "networking.k8s.io/v1", "spec": {
        "egress": [], "policyTypes": ["Egress", "Ingress"],
        "podSelector": {"matchExpressions": [{"key": "track", "operator": "NotIn", "values": ["yes"]}],
          "matchLabels": {"app": "db"}},
        "ingress": [
          {"from": [{"podSelector": {"matchLabels": {"app": "web"}}},
                    {"namespaceSelector": {}, "podSelector": {}},
                    {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}],
           "ports": [{"port": 5432}, {"port": "metrics"}, {"port": 8000, "endPort": 8100, "protocol": "UDP"}]},
          {}]}}"#,
    );
    let mut comments = Comments::default();
    let direction = Direction::Ingress;
    comments.add(Entry::Policy, "seen for 7 days on 3 of 3 nodes");
    comments.add(Entry::Rule { direction, rule: 0 }, "12 connections");
    comments.add(Entry::Rule { direction, rule: 0 }, "last 2 h ago");
    comments.add(
        Entry::Peer {
            direction,
            rule: 0,
            peer: 2,
        },
        "nobody",
    );
    comments.add(
        Entry::Port {
            direction,
            rule: 0,
            port: 1,
        },
        "idle",
    );
    comments.add(Entry::Isolation(Direction::Egress), "nothing may go out");
    assert_eq!(
        write::policy_yaml(&policy, &comments),
        r#"# seen for 7 days on 3 of 3 nodes
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: db
  namespace: prod
spec:
  podSelector:
    matchLabels:
      app: db
    matchExpressions:
      - key: track
        operator: NotIn
        values:
          - "yes"
  policyTypes:
    - Ingress
    # nothing may go out
    - Egress
  ingress:
    # 12 connections
    # last 2 h ago
    - from:
        - podSelector:
            matchLabels:
              app: web
        - namespaceSelector: {}
        # nobody
        - ipBlock:
            cidr: 10.0.0.0/8
            except:
              - 10.1.0.0/16
      ports:
        - protocol: TCP
          port: 5432
        # idle
        - protocol: TCP
          port: metrics
        - protocol: UDP
          port: 8000
          endPort: 8100
    - {}
"#
    );
}

#[test]
fn json_keeps_what_the_api_server_sets_and_yaml_does_not() {
    let policy = policy(
        "{kind: ClusterNetworkPolicy, apiVersion: policy.networking.k8s.io/v1alpha2,
          metadata: {name: a, uid: u-1, generation: 4},
          spec: {tier: Baseline, priority: 7, subject: {namespaces: {}}}}",
    );
    let json: Value = write::policy(&policy);
    assert_eq!(json["metadata"]["uid"], "u-1");
    assert_eq!(json["metadata"]["generation"], 4);
    assert_eq!(
        write::policy_yaml(&policy, &Comments::default()),
        "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata:\n  name: a\n\
         spec:\n  tier: Baseline\n  priority: 7\n  subject:\n    namespaces: {}\n"
    );
}
