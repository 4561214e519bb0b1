//! The status of a server for those who may not have all of it: figures, and no object, file or address.

use netpol_api::v1;

use super::question::Question;

/// What is left out stands in the warnings: who reads it knows whom to ask.
#[must_use]
pub(super) fn restricted(status: v1::GetStatusResponse) -> v1::GetStatusResponse {
    let mut status = figures(status);
    status.warnings = vec![format!(
        "names are left out: showing them needs the verb {} on {} in all namespaces",
        Question::STATUS_VERB,
        Question::STATUS_NAME,
    )];
    status
}

fn figures(status: v1::GetStatusResponse) -> v1::GetStatusResponse {
    let v1::GetStatusResponse {
        node,
        version,
        started,
        kernel,
        capabilities,
        interfaces,
        inventory,
        flows_kept,
        flows_capacity,
        flows_seen,
        flows_blocked,
        flows_per_second,
        lost,
        subscribers,
        time,
        server,
        nodes,
        exports,
        warnings: _,
        history,
    } = status;
    v1::GetStatusResponse {
        node,
        version,
        started,
        kernel,
        capabilities,
        interfaces: interfaces.into_iter().map(interface).collect(),
        inventory: inventory.map(self::inventory),
        flows_kept,
        flows_capacity,
        flows_seen,
        flows_blocked,
        flows_per_second,
        lost,
        subscribers,
        time,
        server,
        nodes: nodes.into_iter().map(self::node).collect(),
        exports: exports.into_iter().map(export).collect(),
        warnings: Vec::new(),
        history,
    }
}

/// Without its name: some network plugins make it from those of namespace and pod.
fn interface(interface: v1::Interface) -> v1::Interface {
    let v1::Interface {
        name: _,
        ifindex: _,
        kind,
        hook,
        pod: _,
        error: _,
    } = interface;
    v1::Interface {
        kind,
        hook,
        ..v1::Interface::default()
    }
}

fn inventory(inventory: v1::InventoryStatus) -> v1::InventoryStatus {
    let v1::InventoryStatus {
        source: _,
        generation,
        pods,
        namespaces,
        services,
        nodes,
        network_policies,
        changed,
        errors: _,
        warnings: _,
        policies,
        not_evaluated,
        dialect,
        watches,
    } = inventory;
    v1::InventoryStatus {
        source: String::new(),
        generation,
        pods,
        namespaces,
        services,
        nodes,
        network_policies,
        changed,
        errors: Vec::new(),
        warnings: Vec::new(),
        policies,
        not_evaluated,
        dialect,
        watches: watches.into_iter().map(watch).collect(),
    }
}

fn watch(watch: v1::Watch) -> v1::Watch {
    let v1::Watch {
        resource,
        state,
        heard,
        error: _,
    } = watch;
    v1::Watch {
        resource,
        state,
        heard,
        error: String::new(),
    }
}

fn node(node: v1::NodeStatus) -> v1::NodeStatus {
    let v1::NodeStatus {
        state,
        address: _,
        clock_ahead,
        status,
        warnings: _,
    } = node;
    let state = state.map(|state| {
        let v1::NodeState {
            node,
            state,
            message: _,
            time,
        } = state;
        v1::NodeState {
            node,
            state,
            message: String::new(),
            time,
        }
    });
    v1::NodeStatus {
        state,
        address: String::new(),
        clock_ahead,
        status: status.map(figures),
        warnings: Vec::new(),
    }
}

fn export(export: v1::Export) -> v1::Export {
    let v1::Export {
        name,
        target: _,
        written,
        error: _,
        failing_since,
    } = export;
    v1::Export {
        name,
        target: String::new(),
        written,
        error: String::new(),
        failing_since,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::marked::{message, tells};

    /// What names no object: the server itself, nodes, kernel and kinds.
    const PUBLIC: [&str; 16] = [
        "GetStatusResponse.node",
        "GetStatusResponse.version",
        "GetStatusResponse.kernel",
        "Capability.name",
        "Capability.detail",
        "Capability.cost",
        "Interface.kind",
        "Interface.hook",
        "InventoryStatus.dialect",
        "PolicyCount.api_version",
        "PolicyCount.kind",
        "Watch.resource",
        "NodeState.node",
        "Lost.reason",
        "Lost.node",
        "Export.name",
    ];

    #[test]
    fn no_object_file_or_address_is_in_any_field() {
        let whole: v1::GetStatusResponse = message("GetStatusResponse", "secret", &PUBLIC);
        assert!(tells(&whole, "secret"));
        let seen = restricted(whole.clone());
        assert!(!tells(&seen, "secret"), "{seen:#?}");
        assert_eq!(seen.flows_seen, whole.flows_seen);
        assert_eq!(seen.interfaces.len(), whole.interfaces.len());
        assert_eq!(seen.nodes[0].status.as_ref().unwrap().kernel, "plain");
        assert_eq!(
            seen.warnings,
            [
                "names are left out: showing them needs the verb get on status.observer.netpol in all namespaces"
            ]
        );
    }
}
