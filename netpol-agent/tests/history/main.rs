//! What is said of policies by the traffic that the built agent remembers, with real traffic, kills and full disks.
//!
//! ```text
//!   stage: pods, policies, agent with a store, `flows`
//!     ├─ rules      used, idle, shadowed, dangling: told by `flows unused`
//!     ├─ proposals  `flows replay` of a change; `flows suggest`, then enforced
//!     ├─ killed     SIGKILL while it writes
//!     ├─ disk       full, read-only
//!     ├─ store      of an older version, of a later one, damaged
//!     ├─ clock      set forwards and backwards
//!     ├─ losses     an overfilled ring lowers the confidence
//!     └─ nodes      two of them, added up
//! ```
#![allow(
    clippy::unwrap_used,
    reason = "what a test cannot go on without, it fails for"
)]

mod clock;
mod disk;
mod killed;
mod losses;
mod nodes;
mod proposals;
mod rules;
mod stage;
mod store;
