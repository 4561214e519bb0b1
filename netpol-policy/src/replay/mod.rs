//! What other policies would have said of the traffic that was seen.
//!
//! ```text
//!  History ─┬─ cluster, services, policies ─► world ─┐  an inventory for each state of the namespaces' labels
//!           └─ traffic ─► party ─► ends ─────────────┼─► Engine ─► Answer   a verdict, or why there is none
//!                           └─ vocabulary            │     └ fold
//!                              what policies ask for └─► evaluate, cache
//! ```
//!
//! A history tells less of a connection than an inventory does: pods have no addresses and no generated labels, parties and
//! ports may be folded. So a remembered connection stands for several that may have been; each of them is evaluated, and only
//! what is the same for all of them is an answer.

mod answer;
mod asked;
mod ends;
mod engine;
mod fold;
mod now;
#[cfg(test)]
mod tests;
mod vocabulary;
mod why;
mod world;

pub use self::answer::Answer;
pub use self::asked::Asked;
pub use self::engine::Engine;
pub use self::now::{LabelsOf, Proposed};
pub use self::why::Why;
