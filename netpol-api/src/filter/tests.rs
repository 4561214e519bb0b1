use proptest::prelude::*;

use super::*;
use crate::v1::{
    Computed, Denial, DirectionVerdict, Endpoint, EndpointFilter, Flow, FlowFilter, Observed,
    PolicyRef, RuleRef, ServiceAddress, TierStep, Vantage, Workload, computed, endpoint::Kind,
    observed,
};

fn pod(namespace: &str, name: &str, address: &str, port: u32) -> Endpoint {
    Endpoint {
        address: address.into(),
        port,
        kind: Kind::Pod.into(),
        namespace: namespace.into(),
        pod: name.into(),
        workload: Some(Workload {
            kind: "Deployment".into(),
            name: name.into(),
        }),
        labels: [("app".to_owned(), name.to_owned())].into(),
        ..Endpoint::default()
    }
}

/// ci/build dials prod/api through a Service and is denied on the way in.
fn blocked() -> Flow {
    let policy = PolicyRef {
        namespace: "prod".into(),
        name: "restrict-traffic".into(),
        ..PolicyRef::default()
    };
    let ingress = DirectionVerdict {
        verdict: computed::Verdict::Denied.into(),
        denied_by: vec![Denial {
            policy: Some(policy),
            ..Denial::default()
        }],
        ..DirectionVerdict::default()
    };
    let runner = PolicyRef {
        namespace: "ci".into(),
        name: "runner".into(),
        ..PolicyRef::default()
    };
    let egress = DirectionVerdict {
        verdict: computed::Verdict::Allowed.into(),
        allowed_by: vec![RuleRef {
            policy: Some(runner),
            ..RuleRef::default()
        }],
        ..DirectionVerdict::default()
    };
    Flow {
        node: "node-a".into(),
        protocol: v1::Protocol::Tcp.into(),
        source: Some(pod("ci", "build", "10.0.1.5", 40000)),
        destination: Some(pod("prod", "api", "10.0.2.7", 8080)),
        service: Some(ServiceAddress {
            namespace: "prod".into(),
            name: "api-public".into(),
            address: "10.96.0.9".into(),
            port: 80,
        }),
        vantages: vec![Vantage {
            direction: v1::Direction::Egress.into(),
            ..Vantage::default()
        }],
        observed: Some(Observed {
            verdict: observed::Verdict::Dropped.into(),
            ..Observed::default()
        }),
        computed: Some(Computed {
            verdict: computed::Verdict::Denied.into(),
            ingress: Some(ingress),
            egress: Some(egress),
            ..Computed::default()
        }),
        agreement: v1::Agreement::Agree.into(),
        ..Flow::default()
    }
}

fn included(filter: FlowFilter, flow: &Flow) -> bool {
    Filter::compile(&filter, &FlowFilter::default(), false)
        .unwrap()
        .matches(flow)
}

fn left_after(exclude: FlowFilter, flow: &Flow) -> bool {
    Filter::compile(&FlowFilter::default(), &exclude, false)
        .unwrap()
        .matches(flow)
}

fn any_end(end: EndpointFilter) -> FlowFilter {
    FlowFilter {
        any_end: Some(end),
        ..FlowFilter::default()
    }
}

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|v| v.to_string()).collect()
}

#[test]
fn nothing_set_wants_everything() {
    assert!(included(FlowFilter::default(), &Flow::default()));
    assert!(included(
        any_end(EndpointFilter::default()),
        &Flow::default()
    ));
    assert!(left_after(any_end(EndpointFilter::default()), &blocked()));
}

#[test]
fn any_end_wants_all_its_kinds_at_the_same_end() {
    let end = |namespace: &str, port: &str| {
        any_end(EndpointFilter {
            namespace: strings(&[namespace]),
            port: strings(&[port]),
            ..EndpointFilter::default()
        })
    };
    assert!(included(end("prod", "8080"), &blocked()));
    assert!(
        !included(end("ci", "8080"), &blocked()),
        "the namespace is the source's, the port is not"
    );
}

#[test]
fn exclude_takes_each_kind_on_its_own() {
    let exclude = any_end(EndpointFilter {
        namespace: strings(&["kube-system"]),
        port: strings(&["8080"]),
        ..EndpointFilter::default()
    });
    assert!(
        !left_after(exclude, &blocked()),
        "the port alone is reason enough"
    );
}

#[test]
fn from_and_to_are_not_mixed_up() {
    let ci = EndpointFilter {
        namespace: strings(&["ci"]),
        ..EndpointFilter::default()
    };
    let from = FlowFilter {
        source: Some(ci.clone()),
        ..FlowFilter::default()
    };
    let to = FlowFilter {
        destination: Some(ci),
        ..FlowFilter::default()
    };
    assert!(included(from, &blocked()));
    assert!(!included(to, &blocked()));
}

#[test]
fn each_endpoint_kind_finds_its_end() {
    let destination = |change: fn(&mut EndpointFilter)| {
        let mut end = EndpointFilter::default();
        change(&mut end);
        included(
            FlowFilter {
                destination: Some(end),
                ..FlowFilter::default()
            },
            &blocked(),
        )
    };
    assert!(destination(|e| e.pod = strings(&["prod/ap*"])));
    assert!(!destination(|e| e.pod = strings(&["test/api"])));
    assert!(destination(|e| e.workload = strings(&["api[Deployment]"])));
    assert!(destination(
        |e| e.label_selector = strings(&["app in (api,web),!gone"])
    ));
    assert!(!destination(|e| e.label_selector = strings(&["!app"])));
    assert!(destination(|e| e.cidr = strings(&["10.0.2.0/24"])));
    assert!(
        destination(|e| e.cidr = strings(&["10.96.0.9"])),
        "the dialled address counts as well"
    );
    assert!(!destination(|e| e.cidr = strings(&["::/0"])));
    assert!(
        destination(|e| e.port = strings(&["1-79", "80"])),
        "the dialled port counts as well"
    );
    assert!(destination(|e| e.service = strings(&["prod/api-public"])));
    assert!(!destination(|e| e.service = strings(&["api"])));
}

#[test]
fn labels_select_pods_only() {
    let mut flow = blocked();
    flow.source = Some(Endpoint {
        address: "203.0.113.9".into(),
        kind: Kind::World.into(),
        ..Endpoint::default()
    });
    let end = EndpointFilter {
        label_selector: strings(&["!app"]),
        ..EndpointFilter::default()
    };
    assert!(!included(
        FlowFilter {
            source: Some(end),
            ..FlowFilter::default()
        },
        &flow
    ));
}

#[test]
fn a_policy_is_found_whether_it_allows_or_denies() {
    for (policy, expected) in [
        ("prod/restrict-traffic", true),
        ("restrict-*", true),
        ("ci/runner", true),
        ("prod/runner", false),
    ] {
        let filter = FlowFilter {
            policy: strings(&[policy]),
            ..FlowFilter::default()
        };
        assert_eq!(included(filter, &blocked()), expected, "{policy}");
    }
}

#[test]
fn a_cluster_scoped_policy_is_found_by_its_name_alone_also_where_it_only_passes() {
    let named = |name: &str| PolicyRef {
        kind: "ClusterNetworkPolicy".into(),
        name: name.into(),
        ..PolicyRef::default()
    };
    let passes = RuleRef {
        policy: Some(named("delegate")),
        ..RuleRef::default()
    };
    let mut flow = blocked();
    let ingress = flow.computed.as_mut().unwrap().ingress.as_mut().unwrap();
    ingress.denied_by[0].policy = Some(named("isolate"));
    ingress.path.push(TierStep {
        rules: vec![passes],
        ..TierStep::default()
    });
    for (policy, expected) in [
        ("isolate", true),
        ("iso*", true),
        ("delegate", true),
        ("*/isolate", false),
        ("prod/isolate", false),
        ("restrict-traffic", false),
    ] {
        let filter = FlowFilter {
            policy: strings(&[policy]),
            ..FlowFilter::default()
        };
        assert_eq!(included(filter, &flow), expected, "{policy}");
    }
}

#[test]
fn direction_is_the_denied_one_before_the_one_seen() {
    let direction = |d: v1::Direction| FlowFilter {
        direction: vec![d.into()],
        ..FlowFilter::default()
    };
    assert!(
        included(direction(v1::Direction::Ingress), &blocked()),
        "denied on ingress"
    );
    assert!(
        !included(direction(v1::Direction::Egress), &blocked()),
        "only seen on egress"
    );
    let mut undecided = blocked();
    undecided.computed = None;
    assert!(included(direction(v1::Direction::Egress), &undecided));
}

#[test]
fn blocked_only_wants_dropped_and_rejected() {
    let filter = Filter::compile(&FlowFilter::default(), &FlowFilter::default(), true).unwrap();
    for (verdict, expected) in [
        (observed::Verdict::Dropped, true),
        (observed::Verdict::Rejected, true),
        (observed::Verdict::Forwarded, false),
        (observed::Verdict::Unanswered, false),
        (observed::Verdict::Unknown, false),
    ] {
        let mut flow = blocked();
        flow.observed = Some(Observed {
            verdict: verdict.into(),
            ..Observed::default()
        });
        assert_eq!(filter.matches(&flow), expected, "{verdict:?}");
    }
}

#[test]
fn an_error_names_field_and_value() {
    let error = |include: FlowFilter, exclude: FlowFilter| {
        Filter::compile(&include, &exclude, false)
            .unwrap_err()
            .to_string()
    };
    let cidr = EndpointFilter {
        cidr: strings(&["10.0.0.0/33"]),
        ..EndpointFilter::default()
    };
    assert_eq!(
        error(any_end(cidr), FlowFilter::default()),
        "filter.any_end.cidr: \"10.0.0.0/33\" is no IP address and no CIDR block"
    );
    let port = EndpointFilter {
        port: strings(&["90-80"]),
        ..EndpointFilter::default()
    };
    assert_eq!(
        error(
            FlowFilter::default(),
            FlowFilter {
                source: Some(port),
                ..FlowFilter::default()
            }
        ),
        "exclude.source.port: \"90-80\" is no port (1-65535) and no range such as 8000-8099"
    );
    assert_eq!(
        error(
            FlowFilter {
                protocol: vec![99],
                ..FlowFilter::default()
            },
            FlowFilter::default()
        ),
        "filter.protocol: \"99\" is no value of this kind"
    );
}

/// A filter with one value of one kind.
fn one_kind() -> impl Strategy<Value = FlowFilter> {
    let namespace = prop_oneof![Just("ci"), Just("prod"), Just("pr*"), Just("other")];
    let port = (1u16..=65535).prop_map(|p| p.to_string());
    let address = (0u8..=32, any::<u32>())
        .prop_map(|(bits, address)| format!("{}/{bits}", std::net::Ipv4Addr::from(address)));
    let end = prop_oneof![
        namespace.prop_map(|n| EndpointFilter {
            namespace: strings(&[n]),
            ..Default::default()
        }),
        port.prop_map(|p| EndpointFilter {
            port: vec![p],
            ..Default::default()
        }),
        address.prop_map(|a| EndpointFilter {
            cidr: vec![a],
            ..Default::default()
        }),
    ];
    let flow_kind = prop_oneof![
        (1i32..=6).prop_map(|p| FlowFilter {
            protocol: vec![p],
            ..Default::default()
        }),
        (1i32..=5).prop_map(|o| FlowFilter {
            observed: vec![o],
            ..Default::default()
        }),
        (1i32..=2).prop_map(|d| FlowFilter {
            direction: vec![d],
            ..Default::default()
        }),
    ];
    prop_oneof![
        end.clone().prop_map(any_end),
        end.clone().prop_map(|e| FlowFilter {
            source: Some(e),
            ..Default::default()
        }),
        end.prop_map(|e| FlowFilter {
            destination: Some(e),
            ..Default::default()
        }),
        flow_kind,
    ]
}

fn some_flow() -> impl Strategy<Value = Flow> {
    let port = prop_oneof![Just(53u32), Just(8080), 1u32..65536];
    (any::<u32>(), port, 1i32..=6, 1i32..=5, any::<bool>()).prop_map(
        |(address, port, protocol, verdict, swap)| {
            let mut flow = blocked();
            flow.protocol = protocol;
            flow.observed = Some(Observed {
                verdict,
                ..Observed::default()
            });
            if let Some(destination) = &mut flow.destination {
                destination.address = std::net::Ipv4Addr::from(address).to_string();
                destination.port = port;
            }
            if swap {
                std::mem::swap(&mut flow.source, &mut flow.destination);
            }
            flow
        },
    )
}

proptest! {
    #[test]
    fn an_excluded_kind_is_the_complement_of_the_included_one(filter in one_kind(), flow in some_flow()) {
        prop_assert_ne!(included(filter.clone(), &flow), left_after(filter, &flow));
    }

    #[test]
    fn a_port_range_is_its_ports(a in 1u16..200, b in 1u16..200, port in 0u32..300) {
        let (first, last) = (a.min(b), a.max(b));
        let mut flow = blocked();
        flow.service = None;
        if let Some(end) = &mut flow.destination { end.port = port; }
        let end = EndpointFilter { port: vec![format!("{first}-{last}")], ..Default::default() };
        let filter = FlowFilter { destination: Some(end), ..Default::default() };
        prop_assert_eq!(included(filter, &flow), u32::from(first) <= port && port <= u32::from(last));
    }

    #[test]
    fn hostile_values_are_refused_and_never_panic(text in "\\PC{0,30}") {
        let end = EndpointFilter {
            namespace: vec![text.clone()],
            pod: vec![text.clone()],
            workload: vec![text.clone()],
            cidr: vec![text.clone()],
            port: vec![text],
            ..EndpointFilter::default()
        };
        let _ = Filter::compile(&any_end(end), &FlowFilter::default(), false);
    }
}
