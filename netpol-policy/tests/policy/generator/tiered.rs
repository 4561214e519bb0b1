//! AdminNetworkPolicy, BaselineAdminNetworkPolicy and ClusterNetworkPolicy.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::selector::selector;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Admin,
    BaselineAdmin,
    ClusterAdmin,
    ClusterBaseline,
}

impl Kind {
    fn is_version_2(self) -> bool {
        matches!(self, Self::ClusterAdmin | Self::ClusterBaseline)
    }

    fn object(self, number: usize, spec: Value) -> Value {
        let (version, kind) = match self {
            Self::Admin => ("v1alpha1", "AdminNetworkPolicy"),
            Self::BaselineAdmin => ("v1alpha1", "BaselineAdminNetworkPolicy"),
            Self::ClusterAdmin | Self::ClusterBaseline => ("v1alpha2", "ClusterNetworkPolicy"),
        };
        // Rule 38.
        let name = match self {
            Self::BaselineAdmin => "default".to_owned(),
            _ => format!("tp{number}"),
        };
        json!({"apiVersion": format!("policy.networking.k8s.io/{version}"), "kind": kind,
               "metadata": {"name": name}, "spec": spec})
    }
}

/// Up to four, of which one at most is the BaselineAdminNetworkPolicy.
pub(super) fn policies() -> BoxedStrategy<Vec<Value>> {
    let ordered = prop_oneof![
        spec(Kind::Admin).prop_map(|spec| (Kind::Admin, spec)),
        spec(Kind::ClusterAdmin).prop_map(|spec| (Kind::ClusterAdmin, spec)),
        spec(Kind::ClusterBaseline).prop_map(|spec| (Kind::ClusterBaseline, spec)),
    ];
    let ordered = prop::collection::vec(ordered, 0..=3);
    let singleton = prop::option::weighted(0.5, spec(Kind::BaselineAdmin));
    (ordered, singleton)
        .prop_map(|(mut all, singleton)| {
            all.extend(singleton.map(|spec| (Kind::BaselineAdmin, spec)));
            let numbered = all.into_iter().enumerate();
            numbered
                .map(|(number, (kind, spec))| kind.object(number, spec))
                .collect()
        })
        .boxed()
}

fn spec(kind: Kind) -> BoxedStrategy<Value> {
    let priority = select(vec![0, 5, 5, 1000]);
    let rules = |peers| {
        prop_oneof![
            1 => Just(None),
            9 => prop::collection::vec(rule(kind, peers), 0..=5).prop_map(|rules| Some(json!(rules))),
        ]
    };
    (priority, pods(), rules("from"), rules("to"))
        .prop_map(move |(priority, subject, ingress, egress)| {
            let mut spec = json!({"subject": subject});
            match kind {
                Kind::Admin => {}
                Kind::ClusterAdmin => spec["tier"] = "Admin".into(),
                Kind::ClusterBaseline => spec["tier"] = "Baseline".into(),
                Kind::BaselineAdmin => {}
            }
            if kind != Kind::BaselineAdmin {
                spec["priority"] = priority.into();
            }
            for (field, rules) in [("ingress", ingress), ("egress", egress)] {
                if let Some(rules) = rules {
                    spec[field] = rules;
                }
            }
            spec
        })
        .boxed()
}

/// Subjects, and peers of both directions.
fn pods() -> impl Strategy<Value = Value> {
    prop_oneof![
        selector().prop_map(|spaces| json!({"namespaces": spaces})),
        (selector(), selector()).prop_map(
            |(spaces, pods)| json!({"pods": {"namespaceSelector": spaces, "podSelector": pods}})
        ),
    ]
}

fn rule(kind: Kind, peers: &'static str) -> BoxedStrategy<Value> {
    let actions = match kind {
        Kind::Admin => vec!["Allow", "Deny", "Pass"],
        Kind::BaselineAdmin => vec!["Allow", "Deny"],
        Kind::ClusterAdmin | Kind::ClusterBaseline => vec!["Accept", "Deny", "Pass"],
    };
    let ports = if kind.is_version_2() {
        protocol().boxed()
    } else {
        port().boxed()
    };
    let ports = prop::option::of(prop::collection::vec(ports, 1..=3));
    let listed = prop::collection::vec(peer(kind, peers), 1..=3);
    (select(actions), listed, ports)
        .prop_map(move |(action, mut listed, ports)| {
            // Rule 35.
            let is_name = |peer: &Value| peer.get("domainNames").is_some();
            if action != "Allow" && action != "Accept" {
                listed.retain(|peer| !is_name(peer));
                if listed.is_empty() {
                    listed.push(json!({"namespaces": {}}));
                }
            }
            let without_names = ["nodes", "networks", "domainNames"];
            let has_no_names =
                |peer: &Value| without_names.iter().any(|one| peer.get(one).is_some());
            let is_named = |port: &Value| {
                port.get("namedPort").is_some() || port.get("destinationNamedPort").is_some()
            };
            let ports = ports
                // The API refuses named ports beside peers that have none.
                .filter(|ports| !(listed.iter().any(has_no_names) && ports.iter().any(is_named)));
            let mut rule = json!({"action": action, peers: listed});
            if let Some(ports) = ports {
                let field = if kind.is_version_2() {
                    "protocols"
                } else {
                    "ports"
                };
                rule[field] = ports.into();
            }
            rule
        })
        .boxed()
}

/// Rule 33: what a later version of the API may hold, and a field of the other direction.
fn unknown_peers(peers: &str) -> Vec<Value> {
    let mut unknown = vec![json!({}), json!({"serviceAccounts": {}})];
    if peers == "from" {
        unknown.push(json!({"nodes": {}}));
    }
    unknown
}

/// Whether some rule of a policy has one.
pub(crate) fn has_unknown_peer(policy: &Value) -> bool {
    [("ingress", "from"), ("egress", "to")]
        .iter()
        .any(|(rules, peers)| {
            let unknown = unknown_peers(peers);
            let rules = policy["spec"][rules].as_array().into_iter().flatten();
            let mut listed = rules.flat_map(|rule| rule[peers].as_array().into_iter().flatten());
            listed.any(|peer| unknown.contains(peer))
        })
}

fn peer(kind: Kind, peers: &'static str) -> BoxedStrategy<Value> {
    let unknown = unknown_peers(peers);
    let known = prop_oneof![
        14 => pods(),
        1 => select(unknown),
    ];
    if peers == "from" {
        return known.boxed();
    }
    // A set: the API refuses one twice.
    let networks = subsequence(
        vec![
            "0.0.0.0/0",
            "10.0.0.0/29",
            "10.0.0.4/30",
            "192.168.0.0/24",
            "203.0.113.9/31",
            "::/0",
            "fd00::/126",
            "2001:db8::/32",
        ],
        1..=2,
    );
    let networks = networks.prop_map(|networks| json!({"networks": networks}));
    let nodes = selector().prop_map(|nodes| json!({"nodes": nodes}));
    let names = select(vec![
        json!({"domainNames": ["example.com"]}),
        json!({"domainNames": ["*.example.com"]}),
        json!({"domainNames": ["www.Example.com.", "*.b.example.com", "example.org"]}),
    ]);
    if kind == Kind::BaselineAdmin {
        return prop_oneof![10 => known, 4 => networks, 2 => nodes].boxed();
    }
    prop_oneof![10 => known, 4 => networks, 2 => nodes, 3 => names].boxed()
}

/// An entry of `ports`, v1alpha1.
fn port() -> impl Strategy<Value = Value> {
    let protocol = select(vec![None, None, Some("TCP"), Some("UDP"), Some("SCTP")]);
    let port = select(vec![
        json!({"portNumber": {"port": 80}}),
        json!({"portNumber": {"port": 53}}),
        json!({"portRange": {"start": 1, "end": 1024}}),
        json!({"portRange": {"start": 53, "end": 80}}),
        json!({"portRange": {"start": 8080, "end": 8081}}),
        json!({"namedPort": "web"}),
        json!({"namedPort": "dns"}),
        json!({"namedPort": "gone"}),
    ]);
    (protocol, port).prop_map(|(protocol, mut port)| {
        for field in ["portNumber", "portRange"] {
            if let (Some(port), Some(protocol)) = (port.get_mut(field), protocol) {
                port["protocol"] = protocol.into();
            }
        }
        port
    })
}

/// An entry of `protocols`, v1alpha2.
fn protocol() -> impl Strategy<Value = Value> {
    let port = select(vec![
        json!({"number": 80}),
        json!({"number": 53}),
        json!({"range": {"start": 1, "end": 1024}}),
        json!({"range": {"start": 53, "end": 80}}),
        json!({"range": {"start": 8080, "end": 8081}}),
    ]);
    prop_oneof![
        5 => (select(vec!["tcp", "tcp", "udp", "sctp"]), port)
            .prop_map(|(protocol, port)| json!({protocol: {"destinationPort": port}})),
        2 => select(vec!["web", "dns", "sig", "gone"])
            .prop_map(|name| json!({"destinationNamedPort": name})),
    ]
}
