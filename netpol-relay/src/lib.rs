//! Serves the flows of all nodes as one stream.
//!
//! ```text
//! api_server ─► discovery ─► connection ─► nodes ◄──── what is told of each node: service, http
//!               which agents   one to each   │
//!               there are      of them       ▼
//!                              service: a reader's request
//!                                pushdown  what agents can be asked for it
//!                                merge     their streams in order of time
//!                                join      one flow of what two nodes saw
//!                                filter, and out
//! ```
//!
//! [`run`] wires it. [`merge`], [`join`] and [`pushdown`] are pure: no I/O, and no clock of their own.

pub mod api_server;
pub mod config;
pub mod connection;
pub mod discovery;
pub mod http;
pub mod join;
pub mod merge;
pub mod metrics;
pub mod nodes;
pub mod pushdown;
pub mod run;
pub mod service;
pub mod telemetry;
