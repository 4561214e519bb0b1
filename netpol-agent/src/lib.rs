//! The node daemon as a library.
//!
//! ```text
//! kernel ── Observation ──► pipeline ──────────────────────────► log ──► grpc ──► readers
//!  aya, netlink              tracker  one connection               │      convert: domain to API
//!                            enrich   who: binding, inventory      ├────► export ──► logs of JSON
//!                            judge    observed against computed    ├────► history ──► store
//!                            awaited  who is not known yet         └────► metrics ──► http
//!                            summary  in words
//!                            enforcement  is anything enforced?
//! inventory ── Snapshot after Snapshot ──┘
//! ```
//!
//! [`run`] wires it; [`flow`] holds the types that all of it speaks; [`node_claim`] looks for other agents on the node.

mod awaited;
pub mod binding;
pub mod clock;
pub mod config;
pub mod convert;
pub mod drop_class;
pub mod enforcement;
mod enrich;
mod events;
pub mod export;
pub mod flow;
pub mod grpc;
pub mod history;
pub mod http;
pub mod inventory;
pub mod judge;
pub mod kernel;
pub mod local_node;
pub mod log;
pub mod metrics;
pub mod node_claim;
mod party;
pub mod pipeline;
pub mod run;
pub mod self_test;
pub mod status;
mod summary;
pub mod telemetry;
pub mod tracker;

#[cfg(test)]
mod testing;
