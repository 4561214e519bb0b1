//! What the kernel boundary hands to the pipeline. Already decoded: nothing behind this point reads raw bytes.

use netpol_common::record::{DropEvent, DropKey, DropState, EventKind, FlowKey, FlowState};

/// One thing learnt from the kernel.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// A flow event from the ring buffer (`kind` is never [`EventKind::Drop`]).
    Flow {
        /// New, established or ended.
        kind: EventKind,
        /// Which connection on which interface.
        key: FlowKey,
        /// Its state at that moment.
        state: FlowState,
    },
    /// The first drop of a kind, from the ring buffer.
    Drop(DropEvent),
    /// Current counters, read from the maps in batches. Holds entries that changed since the last sweep, among them those
    /// whose event was lost (`…_REPORTED` not set): they are learnt here.
    Sweep {
        /// Changed connections.
        flows: Vec<(FlowKey, FlowState)>,
        /// Changed drops.
        drops: Vec<(DropKey, DropState)>,
    },
    /// A connection was idle too long and has left the map; these are its final counters.
    FlowExpired {
        /// Which connection on which interface.
        key: FlowKey,
        /// Final state.
        state: FlowState,
    },
    /// A pod interface is watched from now on.
    InterfaceUp(Interface),
    /// An interface is gone; its number may be used again for another pod.
    InterfaceDown {
        /// Its number.
        ifindex: u32,
    },
    /// The addresses of every interface in the node's network namespace, all of them, whenever they change.
    NodeAddresses(Vec<std::net::IpAddr>),
    /// Something was lost at or before this stage since the last such item.
    Lost {
        /// Bounded vocabulary: `ring_full`, `queue_full`, `flow_map_evicted`, `flow_map_full`, `drop_map_evicted`,
        /// `drop_map_full`, `parse_truncated`, `parse_malformed`, `record_malformed`.
        reason: &'static str,
        /// How many.
        count: u64,
    },
}

/// A host-side interface of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Number in the node's network namespace.
    pub ifindex: u32,
    /// Name as of now.
    pub name: String,
    /// Link kind: `veth`, `netkit`, or what the kernel calls it.
    pub kind: String,
    /// Addresses that host routes point at this interface (`10.1.0.5 dev veth…`), as most CNIs set them.
    pub routed: Vec<std::net::IpAddr>,
    /// `tcx` or `clsact`; `None` where attaching failed.
    pub hook: Option<&'static str>,
    /// Why attaching failed.
    pub error: Option<String>,
}
