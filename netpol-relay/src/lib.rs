//! Serves the flows of all nodes as one stream.

pub mod connection;
pub mod discovery;
pub mod metrics;
pub mod nodes;
