//! Serves the flows of all nodes as one stream.

pub mod connection;
pub mod discovery;
pub mod join;
pub mod merge;
pub mod metrics;
pub mod nodes;
pub mod pushdown;
