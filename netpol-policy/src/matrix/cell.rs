//! What one party may reach of another.

use super::PortSet;
use crate::evaluate::Judgement;
use crate::model::Protocol;
use crate::verdict::{Caveat, Decision};

/// Every port that was asked about is in exactly one of `allowed`, `undecided`, or the union of the two `denied`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cell {
    /// Both directions let it through.
    pub allowed: PortSet,
    /// Not decidable; [`Self::caveats`] says why.
    pub undecided: PortSet,
    /// Stopped by the policies of the source.
    pub denied_by_egress: PortSet,
    /// Stopped by the policies of the destination; may overlap with [`Self::denied_by_egress`].
    pub denied_by_ingress: PortSet,
    /// What to know before relying on what is allowed or undecided, in order.
    pub caveats: Vec<Caveat>,
}

/// A cell in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Everything that was asked about is allowed.
    All,
    /// Some is allowed.
    Part,
    /// Nothing is allowed for sure, and some is not decidable.
    Undecided,
    /// Everything is denied.
    None,
}

/// Who denies what a cell denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Denier {
    /// The policies of the source stop all of it; those of the destination would let some through.
    Egress,
    /// The policies of the destination stop all of it; those of the source would let some through.
    Ingress,
    /// Each of them stops all of it, or each its part.
    Both,
}

impl Denier {
    /// Its word in tables and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Egress => "egress",
            Self::Ingress => "ingress",
            Self::Both => "both",
        }
    }
}

impl Cell {
    /// The cell in one word.
    #[must_use]
    pub fn access(&self) -> Access {
        let denies = !self.denied_by_egress.is_empty() || !self.denied_by_ingress.is_empty();
        match (self.allowed.is_empty(), self.undecided.is_empty(), denies) {
            (false, true, false) => Access::All,
            (false, _, _) => Access::Part,
            (true, false, _) => Access::Undecided,
            (true, true, _) => Access::None,
        }
    }

    /// Who denies what it denies; `None` where it denies nothing.
    #[must_use]
    pub fn denier(&self) -> Option<Denier> {
        let denied = self.denied();
        if denied.is_empty() {
            return None;
        }
        Some(
            match (
                self.denied_by_egress == denied,
                self.denied_by_ingress == denied,
            ) {
                (true, false) => Denier::Egress,
                (false, true) => Denier::Ingress,
                _ => Denier::Both,
            },
        )
    }

    /// All that is denied, by whichever side.
    #[must_use]
    pub fn denied(&self) -> PortSet {
        let mut denied = self.denied_by_egress.clone();
        for (protocol, ranges) in self.denied_by_ingress.iter() {
            for range in ranges {
                denied.insert(protocol, range.first, range.last);
            }
        }
        denied
    }

    /// What the cell says of one port; `None` where that was not asked about.
    #[must_use]
    pub fn decision(&self, protocol: Protocol, port: u16) -> Option<Decision> {
        let holds = |set: &PortSet| set.contains(protocol, port);
        if holds(&self.allowed) {
            Some(Decision::Allowed)
        } else if holds(&self.undecided) {
            Some(Decision::Unknown)
        } else if holds(&self.denied_by_egress) || holds(&self.denied_by_ingress) {
            Some(Decision::Denied)
        } else {
            None
        }
    }

    /// Notes what both sides say about ports from `first` to `last`: one judgement for each two ends behind the cell.
    pub(super) fn note(
        &mut self,
        protocol: Protocol,
        first: u16,
        last: u16,
        egress: &[Judgement],
        ingress: &[Judgement],
    ) {
        let decisions = egress
            .iter()
            .zip(ingress)
            .map(|(egress, ingress)| both(egress.verdict.decision, ingress.verdict.decision));
        let agree = |wanted| decisions.clone().all(|decision| decision == wanted);
        if agree(Decision::Denied) {
            let denies = |side: &[Judgement]| {
                side.iter()
                    .any(|one| one.verdict.decision == Decision::Denied)
            };
            if denies(egress) {
                self.denied_by_egress.insert(protocol, first, last);
            }
            if denies(ingress) {
                self.denied_by_ingress.insert(protocol, first, last);
            }
            return;
        }
        let judgements = egress.iter().chain(ingress);
        self.caveats.extend(judgements.flat_map(|one| &one.caveats));
        if agree(Decision::Allowed) {
            self.allowed.insert(protocol, first, last);
        } else {
            if !agree(Decision::Unknown) {
                self.caveats.push(Caveat::PodsDiffer);
            }
            self.undecided.insert(protocol, first, last);
        }
    }

    /// Puts caveats in order, each once.
    pub(super) fn sort_caveats(&mut self) {
        self.caveats.sort();
        self.caveats.dedup();
    }
}

/// Allowed only where both sides allow it; denied where either denies (rule 1).
fn both(egress: Decision, ingress: Decision) -> Decision {
    match (egress, ingress) {
        (Decision::Denied, _) | (_, Decision::Denied) => Decision::Denied,
        (Decision::Unknown, _) | (_, Decision::Unknown) => Decision::Unknown,
        (Decision::Allowed, Decision::Allowed) => Decision::Allowed,
    }
}
