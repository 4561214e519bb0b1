//! Who may read which flows, asked of an API server: the agent in this process, behind TLS.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api_server;
mod changes;
mod reading;
mod refusals;
mod scene;
