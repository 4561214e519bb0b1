//! What the kernel side and user space share, without `std` and without allocation.
//!
//! ```text
//! packet ── bytes ──► Packet        the parser; the same code runs in the kernel and under the fuzzer
//! flow ──── Packet ─► FlowState     a connection's life on one interface
//! record                            what crosses the boundary: keys, values, events, counters
//! layout                            what the kernel side must be told of the running kernel at load
//! ```

#![cfg_attr(not(test), no_std)]

pub mod flow;
pub mod layout;
pub mod packet;
pub mod record;
