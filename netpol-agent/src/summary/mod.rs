//! The sentence for people: why a connection was blocked, or why that is not known.

mod denial;
#[cfg(test)]
mod tests;

use std::time::Duration;

use netpol_policy::verdict::{Caveat, Decision, Verdict};

use crate::flow::{Agreement, Drop, DropClass, Endpoint, Observed, ObservedVerdict};

/// What a sentence is made of.
pub(crate) struct Subject<'a> {
    pub(crate) source: &'a Endpoint,
    pub(crate) destination: &'a Endpoint,
    /// Protocol and port, such as `TCP 5432`.
    pub(crate) port: &'a str,
    pub(crate) observed: &'a Observed,
    pub(crate) verdict: &'a Verdict,
    /// Policies of kinds that are not evaluated.
    pub(crate) not_evaluated: u32,
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
                let doubt = self.doubt();
                let suspects = match self.not_evaluated {
                    0 => "node firewall?",
                    _ => "a policy that is not evaluated, or a node firewall?",
                };
                return match &self.observed.drop {
                    Some(drop) => format!(
                        "allowed by policy{doubt}, dropped by something else: {} ({suspects})",
                        place(drop)
                    ),
                    None => {
                        format!("allowed by policy{doubt}, rejected by something else on this node")
                    }
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
            (_, ObservedVerdict::Rejected) => self.rejection(),
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
                let why = self.why_unknown();
                return format!(
                    "dropped by a firewall; what policies say is not known{why}: {place}"
                );
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

    fn has(&self, caveat: Caveat) -> bool {
        self.verdict.caveats.contains(&caveat)
    }

    /// Why the enforcing side may rightly see an allowed connection otherwise.
    fn doubt(&self) -> &'static str {
        if self.has(Caveat::IpBlockMatchesPod) {
            " (by an ipBlock alone, which some network plugins never match with pods)"
        } else if self.has(Caveat::AddressTranslated) {
            " (but not where policies see the address that was dialled)"
        } else {
            ""
        }
    }

    /// The node answered, and nothing shows what made it do so.
    fn rejection(&self) -> String {
        match self.verdict.decision() {
            Decision::Allowed => "rejected by this node, and allowed by policy".to_owned(),
            Decision::Denied => format!(
                "rejected by this node, and denied by {}, which need not be the cause",
                self.deniers()
            ),
            Decision::Unknown => format!(
                "rejected by this node; what policies say is not known{}",
                self.why_unknown()
            ),
        }
    }

    /// What keeps policies from deciding, where they do not.
    fn why_unknown(&self) -> &'static str {
        [
            (
                Caveat::PoliciesUnread,
                " (policies of some kind could not be read)",
            ),
            (
                Caveat::EqualPriority,
                " (policies of equal priority contradict each other)",
            ),
            (
                Caveat::DomainNamesUnknown,
                " (a rule on domain names depends on what they resolve to)",
            ),
            (
                Caveat::ProtocolUndefined,
                " (they do not define this protocol)",
            ),
            (
                Caveat::SelfThroughService,
                " (a pod that reaches itself through a Service)",
            ),
            (
                Caveat::BackendUnknown,
                " (the Service's backend was not seen)",
            ),
            (Caveat::PortUnknown, " (the port was not seen)"),
            (
                Caveat::EndUnknown,
                " (the inventory does not know both ends)",
            ),
        ]
        .into_iter()
        .find_map(|(caveat, why)| self.has(caveat).then_some(why))
        .unwrap_or_default()
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
