//! The built agent against an API server: what it knows, and what it says of how well it knows it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod credentials;
mod following;
mod outages;
mod permissions;
mod scene;
mod unusable;
