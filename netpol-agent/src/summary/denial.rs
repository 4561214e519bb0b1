//! Which policy denies, and for want of what.

use netpol_policy::verdict::{
    Caveat, Decision, Denial, DenyReason, Direction, PolicyKind, PolicyRef, RuleRef, Tier,
    TierOutcome,
};

use super::Subject;

impl Subject<'_> {
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

    pub(super) fn denial(&self) -> String {
        // A rule that denies says most; a policy that nearly admits it more than one that admits nobody. Of equals the
        // first.
        let missing = |denial: &Denial| match (&denial.nearest, denial.reason) {
            (_, DenyReason::ExplicitDeny) => 0,
            (Some(nearest), _) => nearest.wants.len(),
            (None, _) => usize::MAX,
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
        let policy = &denial.policy;
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
            DenyReason::ExplicitDeny => {
                let policy = self.tiered(direction, policy);
                let rule = denial.rules.first().map(|rule| rule_path(rule, list));
                let rule = rule.unwrap_or_else(|| way.to_owned());
                return format!("{policy}: {rule} denies {other}{}", self.closed());
            }
        };
        let nearest = denial
            .nearest
            .as_ref()
            .filter(|nearest| !nearest.wants.is_empty());
        let nearest = nearest.map_or_else(String::new, |nearest| {
            let rule = rule_path(&nearest.rule, list);
            format!(" (nearest: {rule} wants {})", nearest.wants.join(" and "))
        });
        format!("{policy}: {because}{nearest}")
    }

    /// A policy that denies explicitly, with its tier where its kind does not say it.
    fn tiered(&self, direction: Direction, policy: &PolicyRef) -> String {
        let named = with_kind(policy);
        let path = match direction {
            Direction::Ingress => &self.verdict.ingress.path,
            Direction::Egress => &self.verdict.egress.path,
        };
        let denying = path.iter().find(|step| step.outcome == TierOutcome::Denied);
        match denying.map(|step| step.tier) {
            Some(Tier::Admin) if policy.kind == PolicyKind::ClusterNetworkPolicy => {
                format!("{named} (Admin tier)")
            }
            Some(Tier::Baseline) if policy.kind == PolicyKind::ClusterNetworkPolicy => {
                format!("{named} (Baseline tier)")
            }
            _ => named,
        }
    }

    /// Rule 33.
    fn closed(&self) -> &'static str {
        if self.has(Caveat::UnsupportedPeer) {
            " (a rule with a peer of a kind that is not known here denies everybody)"
        } else {
            ""
        }
    }

    pub(super) fn deniers(&self) -> String {
        let mut names = self.denied().map(|(_, denial)| with_kind(&denial.policy));
        let first = names.next().unwrap_or_else(|| "policy".to_owned());
        match names.count() {
            0 => first,
            more => format!("{first} (and {more} more)"),
        }
    }
}

/// A NetworkPolicy by namespace and name; one of another kind has no namespace, and its kind says whose it is.
fn with_kind(policy: &PolicyRef) -> String {
    match policy.kind {
        PolicyKind::NetworkPolicy => policy.to_string(),
        kind => format!("{} {policy}", kind.as_str()),
    }
}

/// Where a rule stands within its policy, such as `ingress[2].from[0]`.
fn rule_path(rule: &RuleRef, peers: &str) -> String {
    let list = match rule.direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    };
    let peer = rule
        .peer
        .map_or_else(String::new, |peer| format!(".{peers}[{peer}]"));
    format!("{list}[{}]{peer}", rule.rule)
}
