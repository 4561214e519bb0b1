//! The status as JSON: field names of the `.proto` file, times in RFC 3339.

use netpol_api::{
    json::{Lost, NodeState, Time},
    v1,
    word::Word,
};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Status {
    server: &'static str,
    time: Option<Time>,
    node: String,
    version: String,
    started: Option<Time>,
    kernel: String,
    capabilities: Vec<Capability>,
    interfaces: Vec<Interface>,
    inventory: Option<Inventory>,
    flows_kept: u64,
    flows_capacity: u64,
    flows_seen: u64,
    flows_blocked: u64,
    flows_per_second: f64,
    lost: Vec<Lost>,
    subscribers: u32,
    exports: Vec<Export>,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<History>,
    warnings: Vec<String>,
    /// Of a relay alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nodes: Vec<Node>,
}

/// A node as a relay sees it.
#[derive(Serialize)]
pub(super) struct Node {
    #[serde(flatten)]
    state: NodeState,
    address: String,
    /// Negative: behind.
    clock_ahead_seconds: Option<f64>,
    warnings: Vec<String>,
    status: Option<Status>,
}

#[derive(Serialize)]
struct Export {
    name: String,
    target: String,
    written: u64,
    error: String,
    failing_since: Option<Time>,
}

#[derive(Serialize)]
struct History {
    edges: u64,
    edges_capacity: u64,
    rule_uses: u64,
    since: Option<Time>,
    written: Option<Time>,
}

#[derive(Serialize)]
struct Capability {
    name: String,
    available: bool,
    detail: String,
    cost: String,
}

#[derive(Serialize)]
struct Interface {
    name: String,
    ifindex: u32,
    kind: String,
    hook: String,
    pod: String,
    error: String,
}

#[derive(Serialize)]
struct Inventory {
    source: String,
    generation: u64,
    pods: u32,
    namespaces: u32,
    services: u32,
    nodes: u32,
    network_policies: u32,
    changed: Option<Time>,
    errors: Vec<InventoryError>,
    warnings: Vec<InventoryError>,
    policies: Vec<PolicyCount>,
    not_evaluated: Vec<PolicyCount>,
    dialect: String,
    watches: Vec<Watch>,
}

#[derive(Serialize)]
struct Watch {
    resource: String,
    state: &'static str,
    heard: Option<Time>,
    error: String,
}

#[derive(Serialize)]
struct PolicyCount {
    #[serde(skip_serializing_if = "String::is_empty")]
    api_version: String,
    kind: String,
    count: u32,
}

#[derive(Serialize)]
struct InventoryError {
    file: String,
    document: u32,
    object: String,
    field: String,
    message: String,
}

impl From<&v1::GetStatusResponse> for Status {
    fn from(status: &v1::GetStatusResponse) -> Self {
        Self {
            server: status.server().word(),
            time: status.time.as_ref().and_then(Time::of),
            node: status.node.clone(),
            version: status.version.clone(),
            started: status.started.as_ref().and_then(Time::of),
            kernel: status.kernel.clone(),
            capabilities: status.capabilities.iter().map(Into::into).collect(),
            interfaces: status.interfaces.iter().map(Into::into).collect(),
            inventory: status.inventory.as_ref().map(Into::into),
            flows_kept: status.flows_kept,
            flows_capacity: status.flows_capacity,
            flows_seen: status.flows_seen,
            flows_blocked: status.flows_blocked,
            flows_per_second: status.flows_per_second,
            lost: status.lost.iter().map(Into::into).collect(),
            subscribers: status.subscribers,
            exports: status.exports.iter().map(Into::into).collect(),
            history: status.history.as_ref().map(Into::into),
            warnings: status.warnings.clone(),
            nodes: status.nodes.iter().map(Into::into).collect(),
        }
    }
}

impl From<&v1::NodeStatus> for Node {
    fn from(node: &v1::NodeStatus) -> Self {
        let state = node.state.as_ref();
        Self {
            state: state.map(Into::into).unwrap_or_default(),
            address: node.address.clone(),
            clock_ahead_seconds: node.clock_ahead.as_ref().map(super::relay::seconds),
            warnings: node.warnings.clone(),
            status: node.status.as_ref().map(Into::into),
        }
    }
}

impl From<&v1::Export> for Export {
    fn from(export: &v1::Export) -> Self {
        Self {
            name: export.name.clone(),
            target: export.target.clone(),
            written: export.written,
            error: export.error.clone(),
            failing_since: export.failing_since.as_ref().and_then(Time::of),
        }
    }
}

impl From<&v1::HistoryStatus> for History {
    fn from(history: &v1::HistoryStatus) -> Self {
        Self {
            edges: history.edges,
            edges_capacity: history.edges_capacity,
            rule_uses: history.rule_uses,
            since: history.since.as_ref().and_then(Time::of),
            written: history.written.as_ref().and_then(Time::of),
        }
    }
}

impl From<&v1::Capability> for Capability {
    fn from(capability: &v1::Capability) -> Self {
        Self {
            name: capability.name.clone(),
            available: capability.available,
            detail: capability.detail.clone(),
            cost: capability.cost.clone(),
        }
    }
}

impl From<&v1::Interface> for Interface {
    fn from(interface: &v1::Interface) -> Self {
        Self {
            name: interface.name.clone(),
            ifindex: interface.ifindex,
            kind: interface.kind.clone(),
            hook: interface.hook.clone(),
            pod: interface.pod.clone(),
            error: interface.error.clone(),
        }
    }
}

impl From<&v1::InventoryStatus> for Inventory {
    fn from(inventory: &v1::InventoryStatus) -> Self {
        let error = |error: &v1::InventoryError| InventoryError {
            file: error.file.clone(),
            document: error.document,
            object: error.object.clone(),
            field: error.field.clone(),
            message: error.message.clone(),
        };
        let policies = |policies: &v1::PolicyCount| PolicyCount {
            api_version: policies.api_version.clone(),
            kind: policies.kind.clone(),
            count: policies.count,
        };
        Self {
            source: inventory.source.clone(),
            generation: inventory.generation,
            pods: inventory.pods,
            namespaces: inventory.namespaces,
            services: inventory.services,
            nodes: inventory.nodes,
            network_policies: inventory.network_policies,
            changed: inventory.changed.as_ref().and_then(Time::of),
            errors: inventory.errors.iter().map(error).collect(),
            warnings: inventory.warnings.iter().map(error).collect(),
            policies: inventory.policies.iter().map(policies).collect(),
            not_evaluated: inventory.not_evaluated.iter().map(policies).collect(),
            dialect: inventory.dialect.clone(),
            watches: inventory.watches.iter().map(Into::into).collect(),
        }
    }
}

impl From<&v1::Watch> for Watch {
    fn from(watch: &v1::Watch) -> Self {
        Self {
            resource: watch.resource.clone(),
            state: watch.state().word(),
            heard: watch.heard.as_ref().and_then(Time::of),
            error: watch.error.clone(),
        }
    }
}
