//! What comes of connections that policies deny, and of those that they allow, with a firewall of the node and without.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/figures.rs"]
mod figures;
mod kinds;
mod missing;
#[path = "../support/scene.rs"]
mod scene;
mod stage;
