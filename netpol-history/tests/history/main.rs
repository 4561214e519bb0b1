//! The history file, from outside.
#![allow(
    clippy::unwrap_used,
    reason = "clippy spares test functions, not their helpers"
)]

mod any;
mod damaged;
mod document;
mod example;
mod hostile;
mod packed;
mod round_trip;
