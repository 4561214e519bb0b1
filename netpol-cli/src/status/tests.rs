use netpol_api::v1::{
    Capability, Export, HistoryStatus, Interface, InventoryError, Lost, PolicyCount, Watch,
    lost::Stage,
};

use netpol_api::v1::{InventoryStatus, watch::State};

use super::{page::age, *};

fn policies(api_version: &str, kind: &str, count: u32) -> PolicyCount {
    PolicyCount {
        api_version: api_version.into(),
        kind: kind.into(),
        count,
    }
}

#[test]
fn a_degraded_agent_says_what_is_missing_and_what_it_costs() {
    let capability = |name: &str, available, detail: &str, cost: &str| Capability {
        name: name.into(),
        available,
        detail: detail.into(),
        cost: cost.into(),
    };
    let status = GetStatusResponse {
        node: "worker-1".into(),
        version: "0.1.0".into(),
        started: Some(prost_types::Timestamp {
            seconds: 1_000,
            nanos: 0,
        }),
        kernel: "6.18.0".into(),
        capabilities: vec![
            capability("hook", true, "tcx, first in chain", ""),
            capability("drop reasons", false, "no BTF", "drops are not seen"),
        ],
        interfaces: vec![
            Interface {
                name: "veth1".into(),
                kind: "veth".into(),
                hook: "tcx".into(),
                pod: "prod/api".into(),
                ..Interface::default()
            },
            Interface {
                name: "veth22".into(),
                kind: "veth".into(),
                error: "no such device".into(),
                ..Interface::default()
            },
        ],
        inventory: Some(InventoryStatus {
            source: "/etc/netpol".into(),
            generation: 3,
            pods: 5,
            nodes: 1,
            policies: vec![
                policies("", "NetworkPolicy", 3),
                policies("", "ClusterNetworkPolicy", 1),
            ],
            not_evaluated: vec![
                policies("cilium.io/v2", "CiliumNetworkPolicy", 3),
                policies("projectcalico.org/v3", "GlobalNetworkPolicy", 1),
            ],
            dialect: "cilium".into(),
            warnings: vec![InventoryError {
                file: "db.yaml".into(),
                document: 1,
                object: "Pod prod/db".into(),
                message: "also stands in z.yaml, which counts".into(),
                ..InventoryError::default()
            }],
            errors: vec![InventoryError {
                file: "db.yaml".into(),
                document: 2,
                object: "NetworkPolicy prod/db".into(),
                field: "spec.ingress[0]".into(),
                message: "not a\x1b[2J list".into(),
            }],
            ..InventoryStatus::default()
        }),
        flows_kept: 4,
        flows_capacity: 100,
        flows_seen: 9,
        flows_blocked: 2,
        flows_per_second: 1.25,
        lost: vec![Lost {
            stage: Stage::Kernel.into(),
            reason: "ring_full".into(),
            count: 12,
            ..Lost::default()
        }],
        subscribers: 1,
        exports: vec![
            Export {
                name: "blocked-log".into(),
                target: "stdout".into(),
                written: 7,
                ..Export::default()
            },
            Export {
                name: "events".into(),
                target: "https://10.0.0.1".into(),
                written: 0,
                error: "needs create on events.events.k8s.io (403 Forbidden)".into(),
                failing_since: Some(prost_types::Timestamp {
                    seconds: 4_660,
                    nanos: 0,
                }),
            },
        ],
        history: Some(HistoryStatus {
            edges: 120,
            edges_capacity: 50_000,
            rule_uses: 7,
            since: Some(prost_types::Timestamp {
                seconds: 1_120,
                nanos: 0,
            }),
            written: Some(prost_types::Timestamp {
                seconds: 4_717,
                nanos: 0,
            }),
        }),
        ..GetStatusResponse::default()
    };
    let now = Timestamp::from_second(1_000 + 3_720).unwrap();
    assert_eq!(
        anstream::adapter::strip_str(&Subject::Agent(&status).text(now)).to_string(),
        "\
node       worker-1
agent      0.1.0, up 1h 2m
kernel     6.18.0
flows      9 seen, 2 blocked, 1.2 a second; 4 of 100 kept; 1 watching
history    of the last 1h 0m: 120 of at most 50000 kinds of connections, 7 parts of policies used; written 3s ago

Capabilities
  ✓  hook          tcx, first in chain
  ✗  drop reasons  no BTF: drops are not seen

Interfaces
  veth1 (veth)   prod/api       tcx
  veth22 (veth)  pod not known  ✗ no such device

Inventory
  source   /etc/netpol (generation 3)
  objects  5 pods, 0 namespaces, 0 services, 1 node
  policies 3 NetworkPolicies, 1 ClusterNetworkPolicy
  dialect  cilium
  ! 3 CiliumNetworkPolicies of cilium.io/v2 are not evaluated: they may change what is allowed
  ! 1 GlobalNetworkPolicy of projectcalico.org/v3 is not evaluated: it may change what is allowed
  ✗ db.yaml document 2: NetworkPolicy prod/db: spec.ingress[0]: not a\u{fffd}[2J list
  ! db.yaml document 1: Pod prod/db: also stands in z.yaml, which counts

Telling
  blocked-log  stdout            7 written
  events       https://10.0.0.1  ✗ needs create on events.events.k8s.io (403 Forbidden), for 1m 0s; 0 written

Losses
  12  kernel  ring full
"
    );
}

#[test]
fn what_is_heard_of_the_api_server_is_told() {
    let watch = |resource: &str, state: State, heard: Option<i64>, error: &str| Watch {
        resource: resource.into(),
        state: state.into(),
        heard: heard.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 }),
        error: error.into(),
    };
    let inventory = InventoryStatus {
        errors: vec![InventoryError {
            object: "Pod prod/db".into(),
            message: "odd".into(),
            ..InventoryError::default()
        }],
        watches: vec![
            watch("pods", State::Following, Some(90), ""),
            watch("nodes", State::Failing, Some(40), "connection refused"),
            watch("services", State::Listing, None, ""),
            watch("others.example.org", State::Absent, Some(95), ""),
        ],
        ..InventoryStatus::default()
    };
    let mut page = Page::default();
    inventory::section(&mut page, &inventory, Timestamp::from_second(100).unwrap());
    let text = anstream::adapter::strip_str(&page.text).to_string();
    assert!(text.contains("\n  ✗ Pod prod/db: odd\n"), "{text}");
    let (_, section) = text.split_once("\nAPI server\n").unwrap();
    assert_eq!(
        section,
        "  ✗ the inventory is not there yet: flows have no names and no verdicts
  pods                heard of 10s ago    following
  nodes               heard of 1m 0s ago  ✗ connection refused
  services            never heard of      listing
  others.example.org  heard of 5s ago     not installed
"
    );
}

#[test]
fn an_agent_that_counts_network_policies_alone_is_understood() {
    let inventory = InventoryStatus {
        network_policies: 2,
        ..InventoryStatus::default()
    };
    assert_eq!(inventory::policies(&inventory), "2 NetworkPolicies");
}

#[test]
fn ages_are_told_in_two_units() {
    for (seconds, text) in [
        (5, "5s"),
        (65, "1m 5s"),
        (3_720, "1h 2m"),
        (180_000, "2d 2h"),
    ] {
        assert_eq!(age(jiff::SignedDuration::from_secs(seconds)), text);
    }
}
