//! What became of a connection, from what was seen of it.
//!
//! The first row that applies decides. A connection goes through several outcomes as more is seen; each change is a
//! new revision, so every transition between rows is possible and none needs a rule of its own.
//!
//! | # | seen | outcome |
//! |---|---|---|
//! | 1 | drops in the opener's direction, other than as in row 3, and no packet got through | dropped; rejected where a firewall dropped and the node answered |
//! | 2 | drops by a firewall of the node after packets got through, three or more since the last that did | as row 1 |
//! | 3 | nothing but an answer made by the node, or beside it that no socket of the node took the packet | refused by the node, where it is the destination; else rejected |
//! | 4 | a reply, a refusal, delivery to the pod, or the drop of a reply | forwarded |
//! | 5 | an opening packet, and the connection ended or the time to answer is over | unanswered |
//! | 6 | anything else | unknown |
//!
//! "Got through" means: a reply or a refusal of the peer, or more packets delivered to the pod than were freed behind
//! that point. So a retransmission that succeeds turns row 1 into row 4, and a policy that closes an open connection
//! turns row 4 into row 2.

use crate::flow::{DropClass, NodeReply, ObservedVerdict};

/// The facts that decide an outcome.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) opening_seen: bool,
    /// The peer spoke; answers made by the node do not count.
    pub(crate) replied: bool,
    /// RST or ICMP error from the peer's side, instead of an answer.
    pub(crate) refused: bool,
    /// Left the node towards the destination pod.
    pub(crate) delivered: bool,
    /// Delivered, and not freed inside the pod.
    pub(crate) passed: bool,
    pub(crate) node_reply: Option<NodeReply>,
    /// Packets of the opener's direction were freed.
    pub(crate) drop: Option<ForwardDrop>,
    /// Packets against the opener's direction were freed.
    pub(crate) reply_dropped: bool,
    pub(crate) destination_is_node: bool,
    pub(crate) ended: bool,
    pub(crate) timed_out: bool,
}

/// The drop of a packet that went in the opener's direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ForwardDrop {
    pub(crate) class: DropClass,
    pub(crate) in_node_netns: bool,
    /// Enough packets were dropped since the last one that got through.
    pub(crate) cuts_off: bool,
}

impl ForwardDrop {
    /// Firewalls answer in the destination's name; a router's ICMP error is no rejection.
    fn is_by_firewall(self) -> bool {
        self.in_node_netns
            && matches!(
                self.class,
                DropClass::Firewall | DropClass::NoEndpoints | DropClass::ConntrackInvalid
            )
    }
}

impl Evidence {
    fn got_through(&self) -> bool {
        self.replied || self.refused || self.passed
    }

    /// The peer, or the node where it is the peer, refused.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused || (self.is_refused_by_node() && !self.replied)
    }

    /// The node is the peer, and answered as one that has no socket for the packet: a refusal, though the kernel counts
    /// the packet as dropped.
    fn is_refused_by_node(&self) -> bool {
        let took_it = |drop: ForwardDrop| drop.in_node_netns && drop.class == DropClass::NoSocket;
        self.destination_is_node && self.node_reply.is_some() && self.drop.is_none_or(took_it)
    }

    /// The outcome by the table above.
    pub(crate) fn outcome(&self) -> ObservedVerdict {
        if let Some(drop) = self.drop.filter(|_| !self.is_refused_by_node()) {
            let cut_off = drop.is_by_firewall() && drop.cuts_off;
            if !self.got_through() || cut_off {
                return if drop.is_by_firewall() && self.node_reply.is_some() {
                    ObservedVerdict::Rejected
                } else {
                    ObservedVerdict::Dropped
                };
            }
        } else if self.node_reply.is_some() && !self.got_through() && !self.reply_dropped {
            return if self.destination_is_node {
                ObservedVerdict::Forwarded
            } else {
                ObservedVerdict::Rejected
            };
        }
        if self.got_through() || self.delivered || self.reply_dropped {
            ObservedVerdict::Forwarded
        } else if self.opening_seen && (self.ended || self.timed_out) {
            ObservedVerdict::Unanswered
        } else {
            ObservedVerdict::Unknown
        }
    }

    /// Whether the outcome can stand without waiting for more.
    pub(crate) fn is_settled(&self) -> bool {
        let rejected = self.drop.is_some() && self.node_reply.is_some();
        rejected || self.replied || self.refused || (self.ended && self.node_reply.is_none())
    }

    /// Whether something is known that a matching record, still on its way, may complete.
    pub(crate) fn is_partial(&self) -> bool {
        self.drop.is_some() || self.node_reply.is_some() || self.reply_dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIREWALL: ForwardDrop = ForwardDrop {
        class: DropClass::Firewall,
        in_node_netns: true,
        cuts_off: false,
    };

    fn opened() -> Evidence {
        Evidence {
            opening_seen: true,
            ..Evidence::default()
        }
    }

    #[test]
    fn row_1_drops_and_nothing_through() {
        let dropped = Evidence {
            drop: Some(FIREWALL),
            ..opened()
        };
        assert_eq!(dropped.outcome(), ObservedVerdict::Dropped);
        let rejected = Evidence {
            node_reply: Some(NodeReply::TcpReset),
            ..dropped
        };
        assert_eq!(rejected.outcome(), ObservedVerdict::Rejected);
        let no_route = Evidence {
            drop: Some(ForwardDrop {
                class: DropClass::Routing,
                ..FIREWALL
            }),
            node_reply: Some(NodeReply::IcmpUnreachable),
            ..opened()
        };
        assert_eq!(no_route.outcome(), ObservedVerdict::Dropped);
        let behind_our_hook = Evidence {
            delivered: true,
            passed: false,
            ..dropped
        };
        assert_eq!(behind_our_hook.outcome(), ObservedVerdict::Dropped);
    }

    #[test]
    fn row_1_a_pods_own_firewall_never_rejects_in_the_nodes_name() {
        let inside = Evidence {
            drop: Some(ForwardDrop {
                in_node_netns: false,
                ..FIREWALL
            }),
            delivered: true,
            ..opened()
        };
        assert_eq!(inside.outcome(), ObservedVerdict::Dropped);
        let refused = Evidence {
            refused: true,
            replied: true,
            ..inside
        };
        assert_eq!(refused.outcome(), ObservedVerdict::Forwarded);
    }

    #[test]
    fn row_2_an_open_connection_is_cut_off() {
        let one_lost = Evidence {
            drop: Some(FIREWALL),
            replied: true,
            ..opened()
        };
        assert_eq!(one_lost.outcome(), ObservedVerdict::Forwarded);
        let cut = ForwardDrop {
            cuts_off: true,
            ..FIREWALL
        };
        assert_eq!(
            Evidence {
                drop: Some(cut),
                ..one_lost
            }
            .outcome(),
            ObservedVerdict::Dropped
        );
        let queue = ForwardDrop {
            class: DropClass::Resources,
            ..cut
        };
        assert_eq!(
            Evidence {
                drop: Some(queue),
                ..one_lost
            }
            .outcome(),
            ObservedVerdict::Forwarded
        );
    }

    #[test]
    fn row_3_an_answer_made_by_the_node() {
        let answered = Evidence {
            node_reply: Some(NodeReply::TcpReset),
            ended: true,
            ..opened()
        };
        assert_eq!(answered.outcome(), ObservedVerdict::Rejected);
        assert!(!answered.is_refused());
        let its_own = Evidence {
            destination_is_node: true,
            ..answered
        };
        assert_eq!(its_own.outcome(), ObservedVerdict::Forwarded);
        assert!(its_own.is_refused());
        for (class, outcome) in [
            (DropClass::NoSocket, ObservedVerdict::Forwarded),
            (DropClass::Firewall, ObservedVerdict::Rejected),
        ] {
            let freed = Evidence {
                drop: Some(ForwardDrop { class, ..FIREWALL }),
                ..its_own
            };
            assert_eq!(freed.outcome(), outcome, "{class:?}");
            assert_eq!(freed.is_refused(), class == DropClass::NoSocket);
        }
    }

    #[test]
    fn row_4_whatever_got_through_is_forwarded() {
        for evidence in [
            Evidence {
                replied: true,
                ..opened()
            },
            Evidence {
                refused: true,
                ..opened()
            },
            Evidence {
                delivered: true,
                passed: true,
                ..opened()
            },
            Evidence {
                reply_dropped: true,
                ..opened()
            },
        ] {
            assert_eq!(
                evidence.outcome(),
                ObservedVerdict::Forwarded,
                "{evidence:?}"
            );
        }
    }

    #[test]
    fn rows_5_and_6_nothing_came_back() {
        assert_eq!(opened().outcome(), ObservedVerdict::Unknown);
        let late = Evidence {
            timed_out: true,
            ..opened()
        };
        assert_eq!(late.outcome(), ObservedVerdict::Unanswered);
        let mid_stream = Evidence {
            opening_seen: false,
            ..late
        };
        assert_eq!(mid_stream.outcome(), ObservedVerdict::Unknown);
    }
}
