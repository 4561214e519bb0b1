//! Why a verdict is what it is: everything that was asked about one connection, in order, and what it said.
//!
//! ```text
//!   Inventory, Connection, Verdict ─► explain ─► Walk
//!                                       ├─ side       from tier to tier, the policies of each
//!                                       ├─ rules      each peer and port: what it wants, what there is
//!                                       └─ remedy     smallest changes that would allow it, each evaluated
//! ```
//!
//! Decides nothing itself: what matches is asked of [`crate::evaluate`], what counted is read from the verdict.

mod end;
mod field;
mod remedy;
mod rules;
mod side;
mod walk;
mod words;

pub use end::{EndFacts, EndKind};
pub use field::{peers_list, ports_list, rule_field, rules_list, subjects_field};
pub use remedy::Remedy;
pub use walk::{
    Answer, EntryWalk, LabelOwner, Miss, PolicyOutcome, PolicyWalk, RuleWalk, Side, TierWalk,
    Unselecting, Walk, WantedLabel, WhyNot,
};
pub use words::{caveat, policy};
pub(crate) use words::{peer as peer_words, tiered_peer as tiered_peer_words};

use crate::connection::Connection;
use crate::inventory::Inventory;
use crate::verdict::{Direction, Verdict};

/// The walk that led to a verdict; the verdict has to be the one of this connection in this inventory.
#[must_use]
pub fn explain(inventory: &Inventory, connection: &Connection, verdict: &Verdict) -> Walk {
    let side = |direction, verdict| side::side(inventory, connection, direction, verdict);
    Walk {
        source: EndFacts::of(&connection.source, inventory),
        destination: EndFacts::of(&connection.destination, inventory),
        connection: connection.clone(),
        decision: verdict.decision(),
        egress: side(Direction::Egress, &verdict.egress),
        ingress: side(Direction::Ingress, &verdict.ingress),
        caveats: verdict.caveats.clone(),
        remedies: remedy::remedies(inventory, connection, verdict),
    }
}
