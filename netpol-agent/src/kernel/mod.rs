//! The kernel boundary: everything that knows aya, bpf(2) and netlink stands below this module.
//!
//! ```text
//! ring buffer ─► reader ──┐
//! FLOWS, DROPS ─► sweeper ─┼─► Observation ─► pipeline
//! netlink ─► interfaces ──┘
//! ```

pub mod observation;
