//! The verdict's word and mark. The mark and the capitals carry the meaning; colour only repeats it.

use std::fmt;

use anstyle::{AnsiColor, Style};
use netpol_api::v1::{self, drop::Class, observed::Verdict as Observed};

/// What a line says of a flow in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    outcome: Outcome,
    agreement: v1::Agreement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Forwarded,
    /// It went through, and the destination itself said no.
    Refused,
    /// Stopped by what can enforce policy.
    Blocked,
    /// Dropped for a reason that is no policy's.
    Dropped,
    Rejected,
    Unanswered,
    Unknown,
}

impl Verdict {
    pub(crate) fn of(flow: &v1::Flow) -> Self {
        let observed = flow.observed.as_ref();
        let evidence = observed.and_then(|observed| observed.evidence.as_ref());
        let refused = evidence.is_some_and(|evidence| evidence.refused_by_peer);
        let class = evidence
            .and_then(|evidence| evidence.drop.as_ref())
            .map(v1::Drop::class);
        let outcome = match observed.map_or(Observed::Unspecified, v1::Observed::verdict) {
            Observed::Forwarded | Observed::Unanswered if refused => Outcome::Refused,
            Observed::Forwarded => Outcome::Forwarded,
            Observed::Dropped => match class {
                None | Some(Class::Unspecified | Class::Firewall) => Outcome::Blocked,
                Some(_) => Outcome::Dropped,
            },
            Observed::Rejected => Outcome::Rejected,
            Observed::Unanswered => Outcome::Unanswered,
            Observed::Unknown | Observed::Unspecified => Outcome::Unknown,
        };
        Self {
            outcome,
            agreement: flow.agreement(),
        }
    }

    /// Whether anything is known yet.
    pub(crate) fn is_known(self) -> bool {
        self.outcome != Outcome::Unknown
    }

    /// What to say before the reason where policy and observation contradict each other.
    pub(crate) fn disagreement(self) -> Option<&'static str> {
        match self.agreement {
            v1::Agreement::DeniedButForwarded => Some("NOT ENFORCED: "),
            v1::Agreement::AllowedButDropped => Some("NOT BY POLICY: "),
            _ => None,
        }
    }

    pub(crate) fn style(self) -> Style {
        if self.agreement == v1::Agreement::DeniedButForwarded {
            return AnsiColor::Yellow.on_default().bold();
        }
        match self.outcome {
            Outcome::Forwarded => AnsiColor::Green.on_default(),
            Outcome::Blocked | Outcome::Dropped | Outcome::Rejected => {
                AnsiColor::Red.on_default().bold()
            }
            Outcome::Refused | Outcome::Unanswered => AnsiColor::Yellow.on_default(),
            Outcome::Unknown => Style::new().dimmed(),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.outcome {
            Outcome::Forwarded if self.agreement == v1::Agreement::DeniedButForwarded => {
                "! forwarded"
            }
            Outcome::Forwarded => "✓ forwarded",
            Outcome::Refused => "! refused",
            Outcome::Blocked => "✗ BLOCKED",
            Outcome::Dropped => "✗ DROPPED",
            Outcome::Rejected => "✗ REJECTED",
            Outcome::Unanswered => "? no answer",
            Outcome::Unknown => "· unknown",
        })
    }
}
