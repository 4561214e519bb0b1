//! The history file, from outside.
#![allow(
    clippy::unwrap_used,
    reason = "clippy spares test functions, not their helpers"
)]

mod document;
mod hostile;
mod round_trip;
mod world;
