//! `flows unused` by the real binary: a golden file a format, what can be taken out, and its exit codes.
//!
//! `UPDATE_GOLDEN=1 cargo test -p netpol-cli --test unused` writes what is printed now; read the difference.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod documentation;
mod exit;
mod golden;
mod month;
mod run;
