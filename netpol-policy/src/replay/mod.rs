//! What other policies would have said of the traffic that was seen.
//!
//! ```text
//!  History ─┬─ cluster, services, policies ─► world ─┐  an inventory for each state of the namespaces' labels
//!           └─ traffic ─► party ─► ends ─────────────┼─► Engine ─► Answer   a verdict, or why there is none
//!                           └─ vocabulary            │     └ fold
//!                              what policies ask for └─► evaluate, cache
//! ```
//!
//! [`replay`] asks two engines, one for the policies before a change and one for those after it, and groups what differs.
//! [`KnownPods`] says whether there is anybody to ask about.
//!
//! A history tells less of a connection than an inventory does: pods have no addresses and no generated labels, parties and
//! ports may be folded. So a remembered connection stands for several that may have been; each of them is evaluated, and only
//! what is the same for all of them is an answer.

mod answer;
mod asked;
mod compare;
mod ends;
mod engine;
mod fold;
mod known_pods;
mod now;
mod reason;
mod row;
#[cfg(test)]
mod tests;
mod touched;
mod vocabulary;
mod who;
mod why;
mod world;

pub use self::answer::Answer;
pub use self::asked::Asked;
pub use self::compare::{Options, Progress, replay};
pub use self::engine::Engine;
pub use self::known_pods::KnownPods;
pub use self::now::{LabelsOf, Proposed, relabelled};
pub use self::reason::{Decisive, Reason, reasons};
pub use self::row::{Change, Replay, Row, Said, Seen, Sum};
pub use self::who::Who;
pub use self::why::Why;
