//! How flows travel between netpol's programs.
//!
//! ```text
//! client    unix:///path or http://host:port to a connected client
//! ```

pub mod client;
