//! Namespaces, nodes, pods, and Services with their EndpointSlices.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::selector::labels;

const NAMESPACES: [&str; 3] = ["alpha", "beta", "default"];

/// Namespaces that pods and policies are in; the object of one may be missing.
pub(super) fn namespace() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        5 => Just(NAMESPACES[0]),
        2 => Just(NAMESPACES[1]),
        1 => Just(NAMESPACES[2]),
    ]
}

/// Where a pod's addresses come from; the last octet is the pod's number.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Addressing {
    V4,
    V6,
    Dual,
    /// With IPv6 first.
    DualV6,
    /// `podIP` without `podIPs`.
    Single,
    /// That of the pod before, which has given it up or not.
    Reused,
    /// Not yet given one.
    None,
    /// Its node's.
    Host,
    /// On the host network and without any yet.
    HostNone,
}

#[derive(Clone, Debug)]
struct Shape {
    namespace: &'static str,
    labels: Value,
    node: Option<usize>,
    addressing: Addressing,
    phase: Option<&'static str>,
    ports: Vec<Value>,
    sidecar: Vec<Value>,
}

/// Everything but policies.
pub(super) fn objects() -> BoxedStrategy<Vec<Value>> {
    let namespaces = subsequence(NAMESPACES.to_vec(), 1..=3).prop_flat_map(|names| {
        let labelled = names.into_iter().map(|name| {
            labels().prop_map(move |labels| {
                json!({"apiVersion": "v1", "kind": "Namespace",
                       "metadata": {"name": name, "labels": labels}})
            })
        });
        labelled.collect::<Vec<_>>()
    });
    (namespaces, nodes(), pods(), services())
        .prop_map(|(namespaces, nodes, pods, services)| {
            let pods = pods.iter().enumerate();
            let pods: Vec<Value> = pods
                .map(|(number, shape)| pod(number, shape, &nodes))
                .collect();
            let services = services.iter().enumerate();
            let services = services.flat_map(|(number, backends)| service(number, backends, &pods));
            let services: Vec<Value> = services.collect();
            [namespaces, nodes, pods, services].concat()
        })
        .boxed()
}

/// Two nodes, with two addresses and with one.
fn nodes() -> BoxedStrategy<Vec<Value>> {
    let first_cidrs = select(vec![
        json!({}),
        json!({"podCIDR": "10.0.0.0/29"}),
        json!({"podCIDR": "10.0.0.0/29", "podCIDRs": ["10.0.0.0/29", "fd00::/125"]}),
    ]);
    let second_cidrs = select(vec![json!({}), json!({"podCIDRs": ["10.0.0.8/29"]})]);
    ([labels(), labels()], first_cidrs, second_cidrs).prop_map(|([one, other], first, second)| {
        vec![
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n0", "labels": one},
                   "spec": first, "status": {"addresses": [
                       {"type": "InternalIP", "address": "192.168.0.1"},
                       {"type": "InternalIP", "address": "fd01::1"},
                       {"type": "Hostname", "address": "n0"}]}}),
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "labels": other},
                   "spec": second, "status": {"addresses": [
                       {"type": "InternalIP", "address": "192.168.0.2"},
                       {"type": "ExternalIP", "address": "198.51.100.2"}]}}),
        ]
    })
    .boxed()
}

fn pods() -> BoxedStrategy<Vec<Shape>> {
    let addressing = prop_oneof![
        8 => Just(Addressing::V4),
        2 => Just(Addressing::V6),
        3 => select(vec![Addressing::Dual, Addressing::DualV6]),
        1 => Just(Addressing::Single),
        2 => Just(Addressing::Reused),
        1 => Just(Addressing::None),
        2 => Just(Addressing::Host),
        1 => Just(Addressing::HostNone),
    ];
    let phase = prop_oneof![
        2 => Just(None),
        8 => Just(Some("Running")),
        1 => select(vec![Some("Pending"), Some("Unknown")]),
        2 => select(vec![Some("Succeeded"), Some("Failed")]),
    ];
    let node = select(vec![None, Some(0), Some(0), Some(1)]);
    let shape = (
        namespace(),
        labels(),
        node,
        addressing,
        phase,
        container_ports(),
        container_ports(),
    );
    let shape = shape.prop_map(
        |(namespace, labels, node, addressing, phase, ports, sidecar)| Shape {
            namespace,
            labels,
            node,
            addressing,
            phase,
            ports,
            sidecar,
        },
    );
    prop::collection::vec(shape, 4..=10).boxed()
}

/// Named and unnamed ports of a container. In one container a name is unique; in two it may stand for different protocols
/// and numbers.
fn container_ports() -> impl Strategy<Value = Vec<Value>> {
    let all = vec![
        json!({"name": "web", "containerPort": 80}),
        json!({"name": "web", "containerPort": 8080}),
        json!({"name": "dns", "containerPort": 53, "protocol": "UDP"}),
        json!({"name": "dns", "containerPort": 53, "protocol": "TCP"}),
        json!({"name": "web", "containerPort": 8081, "protocol": "UDP"}),
        json!({"name": "sig", "containerPort": 8080, "protocol": "SCTP"}),
        json!({"containerPort": 443}),
    ];
    let shuffled = subsequence(all, 0..=4).prop_shuffle();
    shuffled.prop_map(|mut ports| {
        let mut names = BTreeSet::new();
        ports.retain(|port| {
            port["name"]
                .as_str()
                .is_none_or(|name| names.insert(name.to_owned()))
        });
        ports
    })
}

fn pod(number: usize, shape: &Shape, nodes: &[Value]) -> Value {
    let (v4, v6) = (format!("10.0.0.{number}"), format!("fd00::{number}"));
    let host = match shape.node {
        Some(node) => nodes[node]["status"]["addresses"][0]["address"].clone(),
        None => Value::Null,
    };
    let mut status = match shape.addressing {
        Addressing::V4 => json!({"podIP": v4, "podIPs": [{"ip": v4}]}),
        Addressing::V6 => json!({"podIPs": [{"ip": v6}]}),
        Addressing::Dual => json!({"podIPs": [{"ip": v4}, {"ip": v6}]}),
        Addressing::DualV6 => json!({"podIPs": [{"ip": v6}, {"ip": v4}]}),
        Addressing::Single => json!({"podIP": v4}),
        Addressing::Reused => {
            json!({"podIPs": [{"ip": format!("10.0.0.{}", number.saturating_sub(1))}]})
        }
        Addressing::Host if host.is_string() => json!({"podIPs": [{"ip": host}]}),
        Addressing::None | Addressing::Host | Addressing::HostNone => json!({}),
    };
    if let Some(phase) = shape.phase {
        status["phase"] = phase.into();
    }
    let mut spec = json!({"containers": [{"name": "main", "image": "a", "ports": shape.ports}]});
    if !shape.sidecar.is_empty() {
        // The first goes on running and keeps its ports; the second does not (rule 14).
        spec["initContainers"] = json!([
            {"name": "sidecar", "image": "a", "restartPolicy": "Always", "ports": shape.sidecar},
            {"name": "once", "image": "a", "ports": [{"name": "gone", "containerPort": 80}]},
        ]);
    }
    if let Some(node) = shape.node {
        spec["nodeName"] = nodes[node]["metadata"]["name"].clone();
    }
    if matches!(shape.addressing, Addressing::Host | Addressing::HostNone) {
        spec["hostNetwork"] = true.into();
    }
    json!({"apiVersion": "v1", "kind": "Pod",
           "metadata": {"name": format!("p{number}"), "namespace": shape.namespace, "labels": shape.labels},
           "spec": spec, "status": status})
}

/// Which pods are behind each Service.
fn services() -> impl Strategy<Value = Vec<Vec<prop::sample::Index>>> {
    let backends = prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    prop::collection::vec(backends, 0..2)
}

fn service(number: usize, backends: &[prop::sample::Index], pods: &[Value]) -> Vec<Value> {
    let name = format!("s{number}");
    let endpoints: Vec<Value> = backends
        .iter()
        .map(|backend| backend.get(pods))
        .filter_map(|pod| pod["status"]["podIPs"][0]["ip"].as_str())
        .filter(|address| address.contains('.'))
        .map(|address| json!({"addresses": [address], "conditions": {"ready": true}}))
        .collect();
    vec![
        json!({"apiVersion": "v1", "kind": "Service",
               "metadata": {"name": name, "namespace": "alpha"},
               "spec": {"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"],
                        "ports": [{"port": 80, "targetPort": 8080}]}}),
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
               "metadata": {"name": name, "namespace": "alpha",
                            "labels": {"kubernetes.io/service-name": name}},
               "addressType": "IPv4", "endpoints": endpoints,
               "ports": [{"name": "", "port": 8080, "protocol": "TCP"}]}),
    ]
}
