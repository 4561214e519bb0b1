//! Kubernetes network policy as a pure library: no clock, no I/O, no cluster, no protobuf.
//!
//! ```text
//!   text ─► manifest ─► k8s ─► model::Object ─► inventory::Inventory ──┐          (changes in place,
//!           split,      convert,                                       │           copies are snapshots)
//!           decode      validate                                       ├─► evaluate ─► verdict
//!   "prod/web", "10.0.0.7", "http" ─► request ─► connection::Connection┘    cache
//! ```
//!
//! What follows from verdicts: [`explain`] tells how one came about and what would change it, [`matrix`] asks about every
//! two workloads, [`difference`] what two sets of policies permit differently, [`lint`] finds policies that cannot mean what
//! they say. [`history`] is what was seen over time: [`drift`], [`replay`], [`suggest`], [`tighten`] and [`unused`] start from
//! it.
//!
//! The same [`k8s`] conversion serves objects from files and objects from an API server; [`k8s::write`] goes the other way.
//! Rule numbers in comments and tests are those of docs/policy-semantics.md.
#![forbid(unsafe_code)]

pub mod cache;
pub mod connection;
pub mod dialect;
pub mod difference;
pub mod drift;
pub mod evaluate;
pub mod explain;
pub mod history;
pub mod inventory;
pub mod k8s;
pub mod lint;
pub mod manifest;
pub mod matrix;
pub mod model;
pub mod replay;
pub mod request;
pub mod suggest;
pub mod tighten;
pub mod unused;
pub mod verdict;
