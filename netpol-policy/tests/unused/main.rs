//! What traffic tells of the parts of policies, and what can be taken out of them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod changes;
mod evidence;
mod patch;
mod properties;
mod seen;
mod shadowed;
mod statuses;
mod world;
