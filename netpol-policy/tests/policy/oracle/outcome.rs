//! What may come out of a rule, a policy, a tier, and who would be the reason.

use std::collections::BTreeSet;

/// One direction's answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Decision {
    Allowed(Reasons),
    Denied(Reasons),
    Unknown,
}

/// A rule that allows, down to its peer and port; or a policy that denies, with the rule where it has deny rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reason {
    pub(crate) kind: String,
    /// Empty for cluster-scoped kinds.
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) rule: Option<usize>,
    pub(crate) peer: Option<usize>,
    pub(crate) port: Option<usize>,
}

/// Who decides. The two sets differ only where something is undecidable and does not change the decision.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reasons {
    /// Those that decide whatever the undecidable turns out to be.
    pub(crate) surely: BTreeSet<Reason>,
    /// Those that may.
    pub(crate) possibly: BTreeSet<Reason>,
    /// Why no policy was asked.
    pub(crate) exempt: Option<Exempt>,
}

/// What is allowed before any tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exempt {
    /// This end is no pod of the pod network (rules 21, 31).
    NotASubject,
    /// Rules 19, 36.
    Itself,
    /// Rule 20.
    OwnNode,
}

impl From<Exempt> for Decision {
    fn from(why: Exempt) -> Self {
        Self::Allowed(Reasons {
            exempt: Some(why),
            ..Reasons::default()
        })
    }
}

/// What may happen to a connection: one of those that are set.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcomes {
    pub(super) allowed: Option<Reasons>,
    pub(super) denied: Option<Reasons>,
    /// The rest of the tier is skipped.
    pub(super) passed: bool,
    /// Nothing matched: what comes next is asked.
    pub(super) silent: bool,
}

impl Outcomes {
    /// Nothing matches.
    pub(super) fn silent() -> Self {
        Self {
            silent: true,
            ..Self::default()
        }
    }

    /// One of policies that stand in no order: of those that match, any may be applied (rule 28).
    pub(super) fn any_of(equals: impl Iterator<Item = Self>) -> Self {
        let mut all = Self::silent();
        for one in equals {
            all.silent &= one.silent;
            all.merge(one);
        }
        let actions = [all.allowed.is_some(), all.denied.is_some(), all.passed];
        if actions.into_iter().filter(|may_happen| *may_happen).count() > 1 {
            all.doubt();
        }
        all
    }

    /// Asks what comes next, where everything before may be silent.
    pub(super) fn then(mut self, mut next: Self) -> Self {
        if !self.silent {
            return self;
        }
        if self.allowed.is_some() || self.denied.is_some() || self.passed {
            next.doubt();
        }
        self.silent = next.silent;
        self.merge(next);
        self
    }

    /// At the end of a tier, what passed it goes on to the next like what nothing matched.
    pub(super) fn end_of_tier(mut self) -> Self {
        self.silent |= std::mem::take(&mut self.passed);
        self
    }

    /// What no tier decides is allowed.
    pub(super) fn decision(self) -> Decision {
        let default = Self {
            allowed: Some(Reasons::default()),
            ..Self::default()
        };
        let all = self.then(default);
        match (all.allowed, all.denied) {
            (Some(reasons), None) => Decision::Allowed(reasons),
            (None, Some(reasons)) => Decision::Denied(reasons),
            _ => Decision::Unknown,
        }
    }

    fn merge(&mut self, other: Self) {
        self.passed |= other.passed;
        for (all, more) in [
            (&mut self.allowed, other.allowed),
            (&mut self.denied, other.denied),
        ] {
            let Some(more) = more else { continue };
            let all = all.get_or_insert_default();
            all.surely.extend(more.surely);
            all.possibly.extend(more.possibly);
        }
    }

    /// Nothing of this is sure to be what happens.
    fn doubt(&mut self) {
        for reasons in self.allowed.iter_mut().chain(&mut self.denied) {
            reasons.surely.clear();
        }
    }
}
