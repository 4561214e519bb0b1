//! Which parts of policies traffic has shown to be of use, and which parts nothing was seen to need.
//!
//! ```text
//!  policies ─► lines     every rule, peer and port by itself ─┬─► shadow  what others of them match in any case
//!  everybody ─► pods     whom they select ────────────────────┤     │
//!  nodes ─► watch        how well a use would have been seen ─┼─► judge ─► finding of each line ─► Report
//!  uses                  what they matched ───────────────────┤               └─ limit ─► Confidence
//!  edges ─► seen         what they may have matched ──────────┘
//! ```
//!
//! Nobody is told that something is unused where too little was watched to know: that is [`Status::InsufficientEvidence`].

mod everybody;
mod finding;
mod judge;
mod limit;
mod lines;
mod options;
mod patch;
mod pods;
mod report;
mod seen;
mod shadow;
mod watch;
mod words;

pub use limit::{Beginning, Confidence, Limit};
pub use options::{MIN_WINDOW, Options};
pub use patch::{
    Changed, Cut, Keeping, Kept, Patch, PatchOptions, PatchProgress, PatchedPolicy, Removed,
    Replayed, patch,
};
pub use report::{Entry, EntryName, PolicyReport, Report, Status, Subjects, Window, path};
pub(crate) use shadow::implies;
pub use watch::{NodeWatch, Watch};
pub(crate) use watch::{Nodes, is_damaged};
pub use words::span;

use crate::history::History;
use crate::history::RememberedPolicy;

/// How far [`unused`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Policies that are judged.
    pub done: usize,
    /// All that are to be.
    pub total: usize,
}

/// Judges every part of these policies by what is remembered. The policies are those in force, or others: what was never in
/// force is judged by its words and by who exists alone.
pub fn unused(
    history: &History,
    policies: &[RememberedPolicy],
    options: &Options,
    mut report: impl FnMut(Progress),
) -> Report {
    let lines = lines::of(policies);
    let everybody = everybody::everybody(history);
    let pods = pods::Pods::of(&everybody);
    let shadows = shadow::Shadows::of(policies, &lines, &pods);
    let judge = judge::Judge::new(history, &pods, &shadows, options);
    let total = policies.len();
    let mut judged = Vec::with_capacity(total);
    for index in 0..total {
        judged.push(judge.policy(index));
        let done = index + 1;
        report(Progress { done, total });
    }
    Report {
        policies: judged,
        missing: history.missing.clone(),
        is_damaged: judge.is_damaged,
    }
}
