//! The built agent against an API server: what it knows, and what it says of how well it knows it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod credentials;
#[path = "../support/figures.rs"]
mod figures;
mod following;
mod identities;
mod late;
mod other_policies;
mod outages;
mod owners;
mod permissions;
mod role;
mod scene;
mod unusable;
