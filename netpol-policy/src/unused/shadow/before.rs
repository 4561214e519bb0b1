//! Which lines are asked before another, or beside it.

use super::Shadows;
use crate::history::policy::RememberedPolicy;
use crate::history::rule::Part;

impl Shadows<'_> {
    /// Whether what one line matches makes another of no use: in NetworkPolicy any other that allows (rule 3), in the tiers one
    /// that is asked first, whatever it does (rule 27), or one of the same rule.
    pub(super) fn goes_before(&self, index: usize, other: usize) -> bool {
        let (line, after) = (self.line(index), self.line(other));
        let is_other = index != other;
        let is_asked = line.part != Part::Isolation && line.direction == after.direction;
        if !is_other || !is_asked {
            return false;
        }
        match (self.policy(line.policy), self.policy(after.policy)) {
            (RememberedPolicy::Network(_), RememberedPolicy::Network(_)) => true,
            (RememberedPolicy::Tiered(one), RememberedPolicy::Tiered(two)) => {
                // Rule 33: what such a rule matches is not known.
                if line.fails_closed {
                    false
                } else if line.policy == after.policy {
                    line.rule() <= after.rule()
                } else {
                    // Rule 28: which of two with one priority counts is not defined.
                    let are_ordered = match (one.priority, two.priority) {
                        (Some(first), Some(second)) => first < second,
                        _ => false,
                    };
                    one.tier == two.tier && are_ordered
                }
            }
            _ => false,
        }
    }
}
