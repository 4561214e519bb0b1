//! Why it cannot be told what policies say of remembered traffic.

use std::fmt;

use crate::explain;
use crate::verdict::Caveat;

/// A reason for [`Decision::Unknown`](crate::verdict::Decision::Unknown).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Why {
    /// One end stands for many parties: a scan.
    ManyParties,
    /// It stands for many ports, and rules tell them apart.
    ManyPorts,
    /// Policies ask for a label that is not remembered.
    GeneratedLabel(&'static str),
    /// Policies tell apart the addresses that it stands for.
    AddressesDiffer,
    /// A node takes part, and it is not known whether it is the pod's own (rule 20).
    OwnNode,
    /// The two ends were seen with different labels of one namespace.
    NamespaceLabelsDiffer,
    /// The pods of a workload have several sets of labels now, and policies tell them apart.
    LabelsDiffer,
    /// Nobody runs the workload now, so it has no labels.
    Gone,
    /// It stands for more connections than are asked about one by one.
    TooManyWays,
    /// What is undecided for a single connection too.
    Undecided(Caveat),
}

impl Why {
    /// Its word in JSON and documentation, such as `many-ports`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::ManyParties => "many-parties",
            Self::ManyPorts => "many-ports",
            Self::GeneratedLabel(_) => "generated-label",
            Self::AddressesDiffer => "addresses-differ",
            Self::OwnNode => "own-node",
            Self::NamespaceLabelsDiffer => "namespace-labels-differ",
            Self::LabelsDiffer => "labels-differ",
            Self::Gone => "gone",
            Self::TooManyWays => "too-many-ways",
            Self::Undecided(caveat) => caveat.as_str(),
        }
    }
}

/// In words.
impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ManyParties => {
                out.write_str("too many parties to be kept apart took part: a scan")
            }
            Self::ManyPorts => {
                out.write_str("too many ports to be kept apart, and rules tell them apart")
            }
            Self::GeneratedLabel(key) => write!(
                out,
                "policies ask for the label {key}, which is not remembered"
            ),
            Self::AddressesDiffer => {
                out.write_str("policies tell apart the addresses that were remembered as one")
            }
            Self::OwnNode => out.write_str(
                "a node took part, and it is not known whether it is the pod's own, which policies let through",
            ),
            Self::NamespaceLabelsDiffer => {
                out.write_str("its namespace was just being labelled anew")
            }
            Self::LabelsDiffer => out.write_str(
                "the workload has pods with different labels now, and policies tell them apart",
            ),
            Self::Gone => out.write_str("the workload has no pods now, so no labels"),
            Self::TooManyWays => {
                out.write_str("it may have been too many different connections to ask about each")
            }
            Self::Undecided(Caveat::AddressUnknown) => out.write_str(
                "addresses of pods are not remembered, and a rule's address block holds some of those they may have had",
            ),
            Self::Undecided(Caveat::EndUnknown) => out.write_str("one end was not known"),
            Self::Undecided(Caveat::PortUnknown) => out.write_str("its port was not seen"),
            Self::Undecided(caveat) => out.write_str(explain::caveat(*caveat)),
        }
    }
}
