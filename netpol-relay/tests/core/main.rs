//! The relay's core as the relay uses it: many nodes' streams in, one stream out, time given in.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bounds;
mod drive;
mod garbage;
mod joining;
mod kept;
mod live;
mod outcome;
mod properties;
mod pushdown;
mod verdicts;
mod world;
mod worlds;
