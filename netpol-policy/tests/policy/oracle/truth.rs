//! Yes, no, or not decidable from what is known.

/// Kleene's three values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    No,
    Maybe,
    Yes,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl Truth {
    pub(super) fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// Whether one of them holds; of none, no.
    pub(super) fn any(all: impl Iterator<Item = Self>) -> Self {
        all.max().unwrap_or(Self::No)
    }
}
