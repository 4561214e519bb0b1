//! Compares what was seen of a connection with what policies say, for whoever puts a flow together: `netpol-relay` from the
//! views of two nodes. `netpol-agent` has the same rule over its own types, and a test that both always agree.
//!
//! | observed | computed | agreement |
//! |---|---|---|
//! | blocked by a firewall of the node | denied | agree |
//! | blocked by a firewall of the node | allowed | allowed, but dropped |
//! | forwarded | allowed | agree |
//! | forwarded | denied | denied, but forwarded |
//! | blocked by anything else; unanswered; unknown | any | undetermined |
//! | any | unknown, or not said | undetermined |

use crate::v1::{self, Agreement, computed, drop, observed};

/// Evidence of a node that answered with a RST in the destination's name.
pub const NODE_REPLY_RESET: &str = "tcp-rst";
/// Evidence of a node that answered with an ICMP error in the destination's name.
pub const NODE_REPLY_UNREACHABLE: &str = "icmp-unreachable";

/// Whether what stopped the connection is of a kind that enforces policy.
#[must_use]
pub fn is_by_firewall(observed: &v1::Observed) -> bool {
    let evidence = observed.evidence.as_ref();
    match evidence.and_then(|evidence| evidence.drop.as_ref()) {
        Some(drop) => drop.class() == drop::Class::Firewall && drop.in_node_netns,
        // The drop itself was not seen. Only a firewall answers with a RST in the destination's name; an ICMP error may
        // come from any router, so it proves nothing.
        None => {
            observed.verdict() == observed::Verdict::Rejected
                && evidence.is_some_and(|evidence| evidence.node_reply == NODE_REPLY_RESET)
        }
    }
}

/// The row of the table above.
#[must_use]
pub fn agreement(observed: &v1::Observed, computed: computed::Verdict) -> Agreement {
    use computed::Verdict::{Allowed, Denied, Unknown, Unspecified};
    use observed::Verdict::{Dropped, Forwarded, Rejected};
    let blocked = matches!(observed.verdict(), Dropped | Rejected);
    match (observed.verdict(), computed) {
        (_, Unknown | Unspecified) => Agreement::Undetermined,
        (Forwarded, Allowed) => Agreement::Agree,
        (Forwarded, Denied) => Agreement::DeniedButForwarded,
        (_, Denied) if blocked && is_by_firewall(observed) => Agreement::Agree,
        (_, Allowed) if blocked && is_by_firewall(observed) => Agreement::AllowedButDropped,
        _ => Agreement::Undetermined,
    }
}
