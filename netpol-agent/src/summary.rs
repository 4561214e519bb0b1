//! The sentence for people: why a connection was blocked, or why that is not known.

use std::time::Duration;

use netpol_policy::verdict::{Decision, Denial, DenyReason, Direction, Verdict};

use crate::flow::{Agreement, Drop, DropClass, Endpoint, Observed, ObservedVerdict};

/// What a sentence is made of.
pub(crate) struct Subject<'a> {
    pub(crate) source: &'a Endpoint,
    pub(crate) destination: &'a Endpoint,
    /// Protocol and port, such as `TCP 5432`.
    pub(crate) port: &'a str,
    pub(crate) observed: &'a Observed,
    pub(crate) verdict: &'a Verdict,
    pub(crate) agreement: Agreement,
    pub(crate) answer_timeout: Duration,
}

impl Subject<'_> {
    /// The sentence, without a full stop; empty where everything went as policies say.
    pub(crate) fn sentence(&self) -> String {
        match self.agreement {
            Agreement::Agree if self.observed.verdict.is_blocked() => return self.denial(),
            Agreement::DeniedButForwarded => {
                return format!("denied by {}, yet forwarded", self.deniers());
            }
            Agreement::AllowedButDropped => {
                return match &self.observed.drop {
                    Some(drop) => format!(
                        "allowed by policy, dropped by something else: {} (node firewall?)",
                        place(drop)
                    ),
                    None => "allowed by policy, rejected by something else on this node".to_owned(),
                };
            }
            Agreement::Agree | Agreement::Undetermined => {}
        }
        match (&self.observed.drop, self.observed.verdict) {
            (Some(drop), ObservedVerdict::Forwarded) if drop.of_reply => {
                format!(
                    "reached {}, but the reply was dropped: {}",
                    self.destination.name(),
                    place(drop)
                )
            }
            (_, ObservedVerdict::Forwarded) if self.observed.refused_by_peer => self.refusal(),
            (_, ObservedVerdict::Forwarded) => String::new(),
            (Some(drop), verdict) if verdict.is_blocked() => self.drop(drop),
            (_, ObservedVerdict::Rejected) => {
                "rejected by this node; what policies say is not known".to_owned()
            }
            (_, ObservedVerdict::Unanswered) => format!(
                "no answer in {} s; no drop was seen on this node",
                self.answer_timeout.as_secs_f64()
            ),
            _ => "seen in mid-connection only".to_owned(),
        }
    }

    fn drop(&self, drop: &Drop) -> String {
        let place = place(drop);
        if !drop.in_node_netns && drop.class == DropClass::Firewall {
            return format!("no policy: dropped inside the pod, by its own firewall ({place})");
        }
        let what = match drop.class {
            DropClass::Firewall => {
                return format!("dropped by a firewall; what policies say is not known: {place}");
            }
            DropClass::ConntrackInvalid => {
                "a packet that belongs to no known connection".to_owned()
            }
            DropClass::NoEndpoints => {
                format!("{} has no ready endpoints", self.destination.name())
            }
            DropClass::Routing if drop.reason.contains("RPFILTER") => {
                format!(
                    "{} is no valid source on that interface",
                    self.source.address
                )
            }
            DropClass::Routing if drop.location.ends_with("_forward") => {
                format!(
                    "the packet's hop limit ends before {}",
                    self.destination.address
                )
            }
            DropClass::Routing => format!("no route to {}", self.destination.address),
            DropClass::Neighbour => {
                format!("{} does not answer on its link", self.destination.address)
            }
            DropClass::NoSocket => format!("nothing listens on {}", self.port),
            DropClass::Malformed => "a packet the kernel refuses".to_owned(),
            DropClass::Resources => "a queue or buffer was full".to_owned(),
            DropClass::Other => "freed by the kernel".to_owned(),
        };
        format!("no policy: {what} ({place})")
    }

    fn refusal(&self) -> String {
        let by = if self.destination.pod().is_some() {
            "the pod"
        } else {
            "the destination"
        };
        format!("refused by {by}: nothing listens on {}", self.port)
    }

    /// The directions that are denied, the destination's first: its owner is whom the reader asks.
    fn denied(&self) -> impl Iterator<Item = (Direction, &Denial)> {
        [
            (Direction::Ingress, &self.verdict.ingress),
            (Direction::Egress, &self.verdict.egress),
        ]
        .into_iter()
        .filter(|(_, verdict)| verdict.decision == Decision::Denied)
        .flat_map(|(direction, verdict)| {
            verdict
                .denied_by
                .iter()
                .map(move |denial| (direction, denial))
        })
    }

    fn denial(&self) -> String {
        // A policy that nearly admits it says more than one that admits nobody. Of equals the first.
        let missing = |denial: &Denial| {
            denial
                .nearest
                .as_ref()
                .map_or(usize::MAX, |nearest| nearest.wants.len())
        };
        let nearest = self.denied().min_by_key(|(_, denial)| missing(denial));
        let Some((direction, denial)) = nearest else {
            return "denied by policy".to_owned();
        };
        let mut sentence = self.denial_by(direction, denial);
        let more = self.denied().count() - 1;
        if more > 0 {
            sentence.push_str(&format!(" (and {more} more)"));
        }
        sentence
    }

    fn denial_by(&self, direction: Direction, denial: &Denial) -> String {
        let (way, admits, list, other) = match direction {
            Direction::Ingress => ("ingress", "admits", "from", self.source.name()),
            Direction::Egress => ("egress", "leads to", "to", self.destination.name()),
        };
        let policy = format!("{}/{}", denial.policy.namespace, denial.policy.name);
        let because = match denial.reason {
            DenyReason::NoRules => format!("allows no {way} at all"),
            DenyReason::PeerNotSelected => format!("no {way} rule {admits} {other}"),
            DenyReason::PortMismatch => format!("no {way} rule for {other} opens {}", self.port),
            DenyReason::NamedPortUnresolved => {
                format!(
                    "an {way} rule names a port that {} does not have",
                    self.destination.name()
                )
            }
            DenyReason::ExplicitDeny => format!("denies {way} explicitly"),
        };
        let nearest = denial
            .nearest
            .as_ref()
            .filter(|nearest| !nearest.wants.is_empty());
        let nearest = nearest.map_or_else(String::new, |nearest| {
            let peer = nearest
                .rule
                .peer
                .map_or_else(String::new, |peer| format!(".{list}[{peer}]"));
            let wants = nearest.wants.join(" and ");
            format!(
                " (nearest: {way}[{}]{peer} wants {wants})",
                nearest.rule.rule
            )
        });
        format!("{policy}: {because}{nearest}")
    }

    fn deniers(&self) -> String {
        let mut names = self
            .denied()
            .map(|(_, denial)| format!("{}/{}", denial.policy.namespace, denial.policy.name));
        let first = names.next().unwrap_or_else(|| "policy".to_owned());
        match names.count() {
            0 => first,
            more => format!("{first} (and {more} more)"),
        }
    }
}

/// Reason, and the function where it is known.
fn place(drop: &Drop) -> String {
    if drop.location.is_empty() {
        drop.reason.to_string()
    } else {
        format!("{} at {}", drop.reason, drop.location)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use netpol_policy::verdict::{DecidedBy, NearestMiss, PolicyKind, PolicyRef, RuleRef};

    use super::*;
    use crate::flow::{Flow, Identity};
    use crate::judge::agreement;
    use crate::testing::{allowed, drop_of, flow, pod};

    fn denied(names: &[&str]) -> Verdict {
        let mut verdict = allowed();
        verdict.ingress.decision = Decision::Denied;
        verdict.ingress.decided_by = DecidedBy::Policy;
        for name in names {
            let policy = PolicyRef {
                kind: PolicyKind::NetworkPolicy,
                namespace: "prod".into(),
                name: Arc::from(*name),
                uid: "".into(),
                generation: 0,
            };
            let rule = RuleRef {
                policy: policy.clone(),
                direction: Direction::Ingress,
                rule: 0,
                peer: Some(0),
                port: None,
            };
            verdict.ingress.denied_by.push(Denial {
                policy,
                reason: DenyReason::PeerNotSelected,
                rules: Vec::new(),
                nearest: Some(NearestMiss {
                    rule,
                    wants: vec!["namespace team=database".into()],
                }),
            });
        }
        verdict
    }

    fn sentence(flow: &Flow, verdict: &Verdict) -> String {
        Subject {
            source: &flow.source,
            destination: &flow.destination,
            port: "TCP 80",
            observed: &flow.observed,
            verdict,
            agreement: agreement(&flow.observed, verdict.decision()),
            answer_timeout: Duration::from_secs(2),
        }
        .sentence()
    }

    fn blocked(class: DropClass) -> Flow {
        let mut flow = flow(1);
        flow.source.identity = Identity::Pod {
            pod: pod("ci", "build"),
            age: None,
        };
        flow.observed.verdict = ObservedVerdict::Dropped;
        flow.observed.drop = Some(drop_of(class));
        flow
    }

    #[test]
    fn a_policy_is_named_with_its_nearest_miss() {
        let flow = blocked(DropClass::Firewall);
        assert_eq!(
            sentence(&flow, &denied(&["restrict-traffic"])),
            "prod/restrict-traffic: no ingress rule admits ci/build \
             (nearest: ingress[0].from[0] wants namespace team=database)"
        );
        assert!(sentence(&flow, &denied(&["a", "b", "c"])).ends_with(" (and 2 more)"));
    }

    #[test]
    fn what_is_no_policys_doing_says_so() {
        assert_eq!(
            sentence(&blocked(DropClass::Firewall), &allowed()),
            "allowed by policy, dropped by something else: REASON at function (node firewall?)"
        );
        assert_eq!(
            sentence(&blocked(DropClass::Routing), &denied(&["a"])),
            "no policy: no route to 192.0.2.2 (REASON at function)"
        );
    }

    #[test]
    fn forwarded_against_policy_names_the_policy() {
        assert_eq!(
            sentence(&flow(1), &denied(&["a"])),
            "denied by prod/a, yet forwarded"
        );
        assert_eq!(sentence(&flow(1), &allowed()), "");
    }

    #[test]
    fn refusals_and_silence() {
        let mut refused = flow(1);
        refused.observed.refused_by_peer = true;
        refused.destination.identity = Identity::Pod {
            pod: pod("prod", "web"),
            age: None,
        };
        assert_eq!(
            sentence(&refused, &allowed()),
            "refused by the pod: nothing listens on TCP 80"
        );
        let mut silent = flow(1);
        silent.observed.verdict = ObservedVerdict::Unanswered;
        assert_eq!(
            sentence(&silent, &denied(&["a"])),
            "no answer in 2 s; no drop was seen on this node"
        );
    }
}
