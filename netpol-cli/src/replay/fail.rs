//! What is reason enough to fail.

use std::collections::BTreeSet;

use netpol_policy::replay::Change;

/// Something that may be found. In order of what matters most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Of traffic that was seen.
    Traffic(Change),
    /// Policies permit what they did not, whether there was such traffic or not.
    Opened,
    /// The other way round.
    Closed,
}

impl Kind {
    pub(super) const ALL: [Self; 6] = [
        Self::Traffic(Change::NewlyDenied),
        Self::Traffic(Change::NewlyAllowed),
        Self::Traffic(Change::Unknown),
        Self::Traffic(Change::OtherReason),
        Self::Opened,
        Self::Closed,
    ];

    /// Its word on the command line and in output.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Traffic(change) => change.as_str(),
            Self::Opened => "opened",
            Self::Closed => "closed",
        }
    }

    /// What stands above the list of such findings.
    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::Traffic(Change::NewlyDenied) => "Newly denied",
            Self::Traffic(Change::NewlyAllowed) => "Newly allowed",
            Self::Traffic(Change::Unknown) => "Cannot be told",
            Self::Traffic(Change::OtherReason) => "Same verdict for another reason",
            Self::Opened => "Permitted by policies, and was not",
            Self::Closed => "No longer permitted by policies",
        }
    }

    /// In a sentence.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Traffic(Change::NewlyDenied) => {
                "Traffic that was seen is allowed by the policies before the change, and denied after it."
            }
            Self::Traffic(Change::NewlyAllowed) => {
                "Traffic that was seen is denied by the policies before the change, and allowed after it."
            }
            Self::Traffic(Change::Unknown) => {
                "A policy that changes may be about it, and what policies say cannot be told."
            }
            Self::Traffic(Change::OtherReason) => {
                "Traffic that was seen is decided alike before and after the change, by other policies."
            }
            Self::Opened => {
                "Policies permit after the change what they did not before, whether there was such traffic or not."
            }
            Self::Closed => {
                "Policies no longer permit after the change what they did before, whether there was such traffic or not."
            }
        }
    }
}

/// What `--fail-on` names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct FailOn(BTreeSet<Kind>);

/// Says that nothing is reason enough.
pub(super) const NONE: &str = "none";

impl FailOn {
    /// From words that the parser let through.
    pub(super) fn of<'a>(words: impl Iterator<Item = &'a String>) -> Result<Self, String> {
        let words: Vec<&String> = words.collect();
        if words.iter().any(|word| *word == NONE) {
            return match words.as_slice() {
                [_] => Ok(Self::default()),
                _ => Err(format!("{NONE} stands alone")),
            };
        }
        let kinds = Kind::ALL.into_iter();
        let named = kinds.filter(|kind| words.iter().any(|word| **word == kind.as_str()));
        Ok(Self(named.collect()))
    }

    /// What is meant where nothing is said: what breaks, and what may.
    pub(super) const USUAL: [Kind; 2] = [
        Kind::Traffic(Change::NewlyDenied),
        Kind::Traffic(Change::Unknown),
    ];

    pub(super) fn has(&self, kind: Kind) -> bool {
        self.0.contains(&kind)
    }

    /// Whether it is about what policies permit, seen or not.
    pub(super) fn has_permitted(&self) -> bool {
        self.has(Kind::Opened) || self.has(Kind::Closed)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Kind> {
        self.0.iter().copied()
    }
}
