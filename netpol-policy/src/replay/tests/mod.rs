//! The engine on histories that a person can follow.

mod engine;
mod replay;
mod support;
mod traps;
