//! `flows replay` by the real binary: a golden file a format, its exit codes, and what hostile names do to each format.
//!
//! `UPDATE_GOLDEN=1 cargo test -p netpol-cli --test replay` writes what is printed now; read the difference.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod exit;
mod golden;
mod hostile;
mod run;
mod sarif;
mod shop;
mod traps;
