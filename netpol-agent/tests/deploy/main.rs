//! `deploy` asks of a cluster what agent and relay need and no more.
//!
//! ```text
//! manifests  kustomize overlays, rendered             schema       every field is one of its kind
//! settings   a container's variables as flags         agent, relay ports, probes, privileges
//! access     RBAC against what is really asked for    network      our own policies, by our own engine
//! chart      the Helm chart renders the same objects  apply        kubectl takes all of them
//! ```
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod agent;
mod apply;
mod certificates;
mod chart;
mod kustomizations;
mod manifests;
mod network;
mod relay;
mod schema;
mod settings;
