//! Who may talk to whom: every workload against every other and against the outside world, on every port.
//!
//! ```text
//!   Inventory ─┬─ pods    live pods and templates into parties ──────┐
//!              ├─ blocks  what policies name of the outside world ───┼─► table ─► Matrix
//!              └─ rules   at which ports an answer can change ─► pair ─► Cell
//! ```
//!
//! Nothing is decided here: for each range of ports in which no rule changes its answer, one connection is evaluated.

mod blocks;
mod cell;
mod pair;
mod party;
mod pods;
mod ports;
mod rules;
mod scope;
mod table;
#[cfg(test)]
mod tests;
mod vocabulary;

pub(crate) use self::blocks::Blocks;
pub use self::cell::{Access, Cell, Denier};
pub(crate) use self::pair::{Candidate, cell, ends};
pub use self::party::{Block, Outside, Party, Pods};
pub(crate) use self::pods::{Group, groups};
pub use self::ports::{PORTS, PROTOCOLS, PortRange, PortSet};
pub use self::scope::{Pattern, PatternError, Scope};
pub use self::table::{Matrix, Omitted, Progress};
pub(crate) use self::vocabulary::Vocabulary;
