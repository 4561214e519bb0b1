//! One stable lower-case word for each enum value of the contract: what JSON holds and what `flows` takes as argument.

use crate::v1;

/// An enum of the contract whose values have words. The unspecified value has the empty word.
pub trait Word: Copy + Default + PartialEq + Sized + 'static {
    /// Every value that can be meant, in the order of the contract, with its word.
    const WORDS: &'static [(Self, &'static str)];

    /// The value's word; empty for the unspecified value.
    fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(value, _)| *value == self)
            .map_or("", |(_, word)| word)
    }

    /// The value of a word; `None` for a word that is not in the vocabulary, and for the empty one.
    fn from_word(word: &str) -> Option<Self> {
        Self::WORDS
            .iter()
            .find(|(_, known)| *known == word)
            .map(|(value, _)| *value)
    }
}

macro_rules! words {
    ($($enum:ty { $($value:ident $word:literal)+ })+) => {
        $(impl Word for $enum {
            const WORDS: &'static [(Self, &'static str)] = &[$((Self::$value, $word)),+];
        })+
    };
}

words! {
    v1::Protocol { Tcp "tcp" Udp "udp" Sctp "sctp" Icmp "icmp" Icmpv6 "icmpv6" Other "other" }
    v1::Direction { Ingress "ingress" Egress "egress" }
    v1::Agreement {
        Undetermined "undetermined"
        Agree "agree"
        DeniedButForwarded "denied_but_forwarded"
        AllowedButDropped "allowed_but_dropped"
    }
    v1::flow::State { New "new" Established "established" Ended "ended" }
    v1::watch::State {
        Listing "listing"
        Following "following"
        Failing "failing"
        Absent "absent"
    }
    v1::node_state::State {
        Followed "followed"
        Late "late"
        Unreachable "unreachable"
        NoAgent "no_agent"
    }
    v1::get_status_response::Server { Agent "agent" Relay "relay" }
    v1::endpoint::Component { ApiServer "api_server" Kubelet "kubelet" }
    v1::endpoint::Kind { Pod "pod" Node "node" Service "service" World "world" Unknown "unknown" }
    v1::observed::Verdict {
        Forwarded "forwarded"
        Dropped "dropped"
        Rejected "rejected"
        Unanswered "unanswered"
        Unknown "unknown"
    }
    v1::drop::Class {
        Firewall "firewall"
        ConntrackInvalid "conntrack_invalid"
        NoEndpoints "no_endpoints"
        Routing "routing"
        Neighbour "neighbour"
        NoSocket "no_socket"
        Malformed "malformed"
        Resources "resources"
        Other "other"
    }
    v1::computed::Verdict { Allowed "allowed" Denied "denied" Unknown "unknown" }
    v1::direction_verdict::DecidedBy {
        Default "default"
        Node "node"
        Self_ "self"
        Policy "policy"
        NotASubject "not_a_subject"
    }
    v1::tier_step::Tier { Admin "admin" NetworkPolicy "network_policy" Baseline "baseline" }
    v1::tier_step::Outcome {
        NotSelected "not_selected"
        NoMatch "no_match"
        Passed "passed"
        Allowed "allowed"
        Denied "denied"
        Undecided "undecided"
    }
    v1::denial::Reason {
        NoRules "no_rules"
        PeerNotSelected "peer_not_selected"
        PortMismatch "port_mismatch"
        NamedPortUnresolved "named_port_unresolved"
        ExplicitDeny "explicit_deny"
    }
    v1::lost::Stage {
        Kernel "kernel"
        Pipeline "pipeline"
        Subscriber "subscriber"
        Relay "relay"
        History "history"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value added to the contract without a word would come out of JSON as nothing.
    fn covers<E: Word + TryFrom<i32>>(contract_name: fn(E) -> &'static str) {
        let mut values = 0;
        while let Ok(value) = E::try_from(values) {
            if values > 0 {
                let name = contract_name(value).to_lowercase();
                assert!(!value.word().is_empty(), "{name} has no word");
                assert!(
                    name.ends_with(value.word()),
                    "{name} is called {}",
                    value.word()
                );
                assert!(E::from_word(value.word()) == Some(value));
            }
            values += 1;
        }
        assert_eq!(E::WORDS.len() as i32, values - 1);
    }

    #[test]
    fn every_value_of_the_contract_has_its_own_name_as_word() {
        covers::<v1::Protocol>(|v| v.as_str_name());
        covers::<v1::Direction>(|v| v.as_str_name());
        covers::<v1::Agreement>(|v| v.as_str_name());
        covers::<v1::flow::State>(|v| v.as_str_name());
        covers::<v1::endpoint::Component>(|v| v.as_str_name());
        covers::<v1::endpoint::Kind>(|v| v.as_str_name());
        covers::<v1::observed::Verdict>(|v| v.as_str_name());
        covers::<v1::drop::Class>(|v| v.as_str_name());
        covers::<v1::computed::Verdict>(|v| v.as_str_name());
        covers::<v1::direction_verdict::DecidedBy>(|v| v.as_str_name());
        covers::<v1::tier_step::Tier>(|v| v.as_str_name());
        covers::<v1::tier_step::Outcome>(|v| v.as_str_name());
        covers::<v1::denial::Reason>(|v| v.as_str_name());
        covers::<v1::watch::State>(|v| v.as_str_name());
        covers::<v1::lost::Stage>(|v| v.as_str_name());
    }

    #[test]
    fn the_unspecified_value_has_no_word_and_no_word_means_it() {
        assert_eq!(v1::Protocol::Unspecified.word(), "");
        assert_eq!(v1::Protocol::from_word(""), None);
    }
}
