//! Compares what was seen with what policies say. Neither is ever derived from the other.
//!
//! | observed | computed | agreement |
//! |---|---|---|
//! | blocked by a firewall of the node | denied | agree |
//! | blocked by a firewall of the node | allowed | allowed, but dropped |
//! | forwarded | allowed | agree |
//! | forwarded | denied | denied, but forwarded |
//! | blocked by anything else; unanswered; unknown | any | undetermined |
//! | any | unknown | undetermined |

use netpol_policy::verdict::Decision;

use crate::flow::{Agreement, DropClass, NodeReply, Observed, ObservedVerdict};

/// Whether what stopped the connection is of a kind that enforces policy.
#[must_use]
pub fn is_by_firewall(observed: &Observed) -> bool {
    match &observed.drop {
        Some(drop) => drop.class == DropClass::Firewall && drop.in_node_netns,
        // The drop itself was not seen. Only a firewall answers with a RST in the destination's name; an ICMP error may
        // come from any router, so it proves nothing.
        None => {
            observed.verdict == ObservedVerdict::Rejected
                && observed.node_reply == Some(NodeReply::TcpReset)
        }
    }
}

/// The row of the table above.
#[must_use]
pub fn agreement(observed: &Observed, computed: Decision) -> Agreement {
    let blocked = observed.verdict.is_blocked();
    match (observed.verdict, computed) {
        (_, Decision::Unknown) => Agreement::Undetermined,
        (ObservedVerdict::Forwarded, Decision::Allowed) => Agreement::Agree,
        (ObservedVerdict::Forwarded, Decision::Denied) => Agreement::DeniedButForwarded,
        (_, Decision::Denied) if blocked && is_by_firewall(observed) => Agreement::Agree,
        (_, Decision::Allowed) if blocked && is_by_firewall(observed) => {
            Agreement::AllowedButDropped
        }
        _ => Agreement::Undetermined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::Converter;
    use crate::testing::{drop_of, flow};

    fn observed(verdict: ObservedVerdict, class: Option<DropClass>) -> Observed {
        Observed {
            verdict,
            drop: class.map(drop_of),
            ..flow(1).observed
        }
    }

    #[test]
    fn every_row_of_the_table() {
        use Agreement::{Agree, AllowedButDropped, DeniedButForwarded, Undetermined};
        use ObservedVerdict::{Dropped, Forwarded, Rejected, Unanswered};
        let firewall = Some(DropClass::Firewall);
        let rows = [
            (Dropped, firewall, Decision::Denied, Agree),
            (Rejected, None, Decision::Denied, Undetermined),
            (Dropped, firewall, Decision::Allowed, AllowedButDropped),
            (Dropped, firewall, Decision::Unknown, Undetermined),
            (
                Dropped,
                Some(DropClass::Routing),
                Decision::Denied,
                Undetermined,
            ),
            (
                Dropped,
                Some(DropClass::ConntrackInvalid),
                Decision::Denied,
                Undetermined,
            ),
            (
                Rejected,
                Some(DropClass::NoEndpoints),
                Decision::Allowed,
                Undetermined,
            ),
            (Forwarded, None, Decision::Allowed, Agree),
            (Forwarded, None, Decision::Denied, DeniedButForwarded),
            (Unanswered, None, Decision::Denied, Undetermined),
        ];
        for (verdict, class, computed, expected) in rows {
            let observed = observed(verdict, class);
            assert_eq!(
                agreement(&observed, computed),
                expected,
                "{verdict:?} {class:?} {computed:?}"
            );
        }
    }

    #[test]
    fn a_reset_in_the_destinations_name_is_a_firewalls_and_an_icmp_error_may_be_a_routers() {
        for (reply, expected) in [
            (NodeReply::TcpReset, Agreement::Agree),
            (NodeReply::IcmpUnreachable, Agreement::Undetermined),
        ] {
            let mut rejected = observed(ObservedVerdict::Rejected, None);
            rejected.node_reply = Some(reply);
            assert_eq!(agreement(&rejected, Decision::Denied), expected);
        }
    }

    #[test]
    fn a_pods_own_firewall_is_never_policy() {
        let mut inside = observed(ObservedVerdict::Dropped, Some(DropClass::Firewall));
        if let Some(drop) = &mut inside.drop {
            drop.in_node_netns = false;
        }
        assert_eq!(
            agreement(&inside, Decision::Denied),
            Agreement::Undetermined
        );
    }

    /// `netpol-relay` judges anew what it joins, by the contract's types.
    #[test]
    fn the_contract_has_the_same_rule() {
        use netpol_api::v1::computed::Verdict;
        let mut drops: Vec<Option<crate::flow::Drop>> = vec![None];
        for class in [
            DropClass::Firewall,
            DropClass::NoEndpoints,
            DropClass::Other,
        ] {
            for in_node_netns in [true, false] {
                let mut drop = drop_of(class);
                drop.in_node_netns = in_node_netns;
                drops.push(Some(drop));
            }
        }
        let converter = Converter {
            node: "node".into(),
            run: "run".into(),
        };
        let decisions = [
            (Decision::Allowed, Verdict::Allowed),
            (Decision::Denied, Verdict::Denied),
            (Decision::Unknown, Verdict::Unknown),
        ];
        for verdict in [
            ObservedVerdict::Forwarded,
            ObservedVerdict::Dropped,
            ObservedVerdict::Rejected,
            ObservedVerdict::Unanswered,
            ObservedVerdict::Unknown,
        ] {
            for drop in &drops {
                for reply in [
                    None,
                    Some(NodeReply::TcpReset),
                    Some(NodeReply::IcmpUnreachable),
                ] {
                    for (decision, says) in decisions {
                        let mut judged = flow(1);
                        judged.observed.verdict = verdict;
                        judged.observed.drop.clone_from(drop);
                        judged.observed.node_reply = reply;
                        judged.agreement = agreement(&judged.observed, decision);
                        let message = converter.flow(&judged);
                        let observed = message.observed.as_ref().unwrap();
                        assert_eq!(
                            netpol_api::agreement::agreement(observed, says),
                            message.agreement(),
                            "{:?} {decision:?}",
                            judged.observed
                        );
                    }
                }
            }
        }
    }
}
