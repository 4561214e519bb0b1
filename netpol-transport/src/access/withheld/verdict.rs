//! What policies say, without those of namespaces that may not be read.

use netpol_api::v1;

use super::{CAVEATS_OF_PACKETS, Ends};

/// Whether a policy of a namespace that may not be read is named.
pub(super) fn names(flow: &v1::Flow, readable: impl Fn(&str) -> bool) -> bool {
    let computed = flow.computed.as_ref();
    let directions = computed.map(|computed| [&computed.egress, &computed.ingress]);
    let mut directions = directions.into_iter().flatten().flatten();
    directions.any(|verdict| names_unreadable(verdict, &readable))
}

fn names_unreadable(verdict: &v1::DirectionVerdict, readable: impl Fn(&str) -> bool) -> bool {
    let passing = verdict.path.iter().flat_map(|step| &step.rules);
    let denying = verdict.denied_by.iter().flat_map(|denial| {
        let nearest = denial.nearest.iter().flat_map(|nearest| &nearest.rule);
        denial.rules.iter().chain(nearest)
    });
    let rules = verdict.allowed_by.iter().chain(passing).chain(denying);
    let denials = verdict.denied_by.iter().flat_map(|denial| &denial.policy);
    let mut policies = rules.flat_map(|rule| &rule.policy).chain(denials);
    policies.any(|policy| !policy.namespace.is_empty() && !readable(&policy.namespace))
}

pub(super) fn computed(
    computed: v1::Computed,
    ends: Ends,
    readable: impl Fn(&str) -> bool,
) -> v1::Computed {
    let v1::Computed {
        verdict,
        egress,
        ingress,
        policy_generation,
        caveats,
        changed_before,
    } = computed;
    let shown = |verdict: Option<v1::DirectionVerdict>, direction| {
        verdict.map(|verdict| {
            if ends.of(direction) || names_unreadable(&verdict, &readable) {
                verdict_alone(verdict)
            } else if ends.opposite(direction) {
                without_nearest(verdict)
            } else {
                verdict
            }
        })
    };
    v1::Computed {
        verdict,
        egress: shown(egress, v1::Direction::Egress),
        ingress: shown(ingress, v1::Direction::Ingress),
        policy_generation,
        caveats: caveats
            .into_iter()
            .filter(|caveat| CAVEATS_OF_PACKETS.contains(&&**caveat))
            .collect(),
        changed_before,
    }
}

fn verdict_alone(verdict: v1::DirectionVerdict) -> v1::DirectionVerdict {
    let v1::DirectionVerdict {
        verdict,
        decided_by: _,
        allowed_by: _,
        denied_by: _,
        path: _,
        withheld: _,
    } = verdict;
    v1::DirectionVerdict {
        verdict,
        withheld: true,
        ..v1::DirectionVerdict::default()
    }
}

/// What a rule wants and the withheld end does not have tells by omission which of its labels that end has. Who may write
/// policies could ask for any label in that way.
fn without_nearest(verdict: v1::DirectionVerdict) -> v1::DirectionVerdict {
    let v1::DirectionVerdict {
        verdict,
        decided_by,
        allowed_by,
        denied_by,
        path,
        withheld,
    } = verdict;
    let denied_by = denied_by.into_iter().map(|denial| {
        let v1::Denial {
            policy,
            reason,
            nearest: _,
            rules,
        } = denial;
        v1::Denial {
            policy,
            reason,
            nearest: None,
            rules,
        }
    });
    v1::DirectionVerdict {
        verdict,
        decided_by,
        allowed_by,
        denied_by: denied_by.collect(),
        path,
        withheld,
    }
}
