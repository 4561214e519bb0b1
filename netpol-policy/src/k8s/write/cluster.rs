//! Nodes and Services.

use super::tree::Tree;
use crate::model::{Labels, Node, Service, ServicePort, ServiceType, TargetPort};

pub(super) fn node(from: &Node) -> Tree {
    let mut metadata = vec![("name", Tree::text(&*from.name))];
    metadata.extend(labels("labels", &from.labels));
    let mut status = Vec::new();
    if !from.addresses.is_empty() {
        let addresses = from.addresses.iter().map(|address| {
            Tree::map([
                ("type", Tree::text("InternalIP")),
                ("address", Tree::text(address.to_string())),
            ])
        });
        status.push(("addresses", Tree::list(addresses)));
    }
    if let Some(port) = from.kubelet_port {
        let endpoint = Tree::map([("Port", Tree::number(port))]);
        let daemons = Tree::map([("kubeletEndpoint", endpoint)]);
        status.push(("daemonEndpoints", daemons));
    }
    let mut fields = object("Node", metadata);
    if !from.pod_cidrs.is_empty() {
        let blocks = from.pod_cidrs.iter().map(|one| Tree::text(one.to_string()));
        fields.push(("spec", Tree::map([("podCIDRs", Tree::list(blocks))])));
    }
    if !status.is_empty() {
        fields.push(("status", Tree::map(status)));
    }
    Tree::map(fields)
}

pub(super) fn service(from: &Service) -> Tree {
    let metadata = vec![
        ("name", Tree::text(&*from.name)),
        ("namespace", Tree::text(&*from.namespace)),
    ];
    let kind = match from.kind {
        ServiceType::ClusterIp => "ClusterIP",
        ServiceType::NodePort => "NodePort",
        ServiceType::LoadBalancer => "LoadBalancer",
        ServiceType::ExternalName => "ExternalName",
    };
    let mut spec = vec![("type", Tree::text(kind))];
    if from.is_headless {
        spec.push(("clusterIPs", Tree::list([Tree::text("None")])));
    } else if !from.cluster_addresses.is_empty() {
        let addresses = from.cluster_addresses.iter();
        let addresses = addresses.map(|one| Tree::text(one.to_string()));
        spec.push(("clusterIPs", Tree::list(addresses)));
    }
    if !from.external_addresses.is_empty() {
        let addresses = from.external_addresses.iter();
        let addresses = addresses.map(|one| Tree::text(one.to_string()));
        spec.push(("externalIPs", Tree::list(addresses)));
    }
    if let Some(selector) = &from.selector {
        spec.extend(labels("selector", selector));
    }
    if !from.ports.is_empty() {
        spec.push(("ports", Tree::list(from.ports.iter().map(service_port))));
    }
    let mut fields = object("Service", metadata);
    fields.push(("spec", Tree::map(spec)));
    Tree::map(fields)
}

fn service_port(from: &ServicePort) -> Tree {
    let mut fields = Vec::new();
    if !from.name.is_empty() {
        fields.push(("name", Tree::text(&*from.name)));
    }
    fields.push(("protocol", Tree::text(from.protocol.to_string())));
    fields.push(("port", Tree::number(from.port)));
    let target = match &from.target {
        TargetPort::Number(number) => Tree::number(*number),
        TargetPort::Name(name) => Tree::text(&**name),
    };
    fields.push(("targetPort", target));
    if let Some(port) = from.node_port {
        fields.push(("nodePort", Tree::number(port)));
    }
    Tree::map(fields)
}

/// The first fields of an object of the core group.
fn object(kind: &str, metadata: Vec<(&'static str, Tree)>) -> Vec<(&'static str, Tree)> {
    vec![
        ("apiVersion", Tree::text("v1")),
        ("kind", Tree::text(kind)),
        ("metadata", Tree::map(metadata)),
    ]
}

fn labels(field: &'static str, from: &Labels) -> Option<(&'static str, Tree)> {
    let mut labels = from.iter().peekable();
    labels.peek()?;
    let labels = labels.map(|(key, value)| (key, Tree::text(value)));
    Some((field, Tree::map(labels)))
}
