//! Requirements that cannot all hold.

use std::collections::BTreeMap;

use crate::model::{Operator, Requirement};

/// The first label key for which no value, nor its absence, meets all requirements.
pub(super) fn contradiction<'a>(
    requirements: impl IntoIterator<Item = &'a Requirement>,
) -> Option<&'a str> {
    let mut by_key: BTreeMap<&str, Vec<&Requirement>> = BTreeMap::new();
    for requirement in requirements {
        by_key
            .entry(&requirement.key)
            .or_default()
            .push(requirement);
    }
    { by_key.into_iter() }
        .find(|(_, requirements)| !can_hold(requirements))
        .map(|(key, _)| key)
}

/// All are about one key.
fn can_hold(requirements: &[&Requirement]) -> bool {
    let takes_absence = requirements
        .iter()
        .all(|one| matches!(one.operator, Operator::NotIn(_) | Operator::DoesNotExist));
    if takes_absence {
        return true;
    }
    let allows = |value: &String| {
        requirements.iter().all(|one| match &one.operator {
            Operator::In(values) => values.contains(value),
            Operator::NotIn(values) => !values.contains(value),
            Operator::Exists => true,
            Operator::DoesNotExist => false,
        })
    };
    let mut listed = requirements.iter().filter_map(|one| match &one.operator {
        Operator::In(values) => Some(values),
        _ => None,
    });
    match listed.next() {
        Some(values) => values.iter().any(allows),
        // Some value is always left that `NotIn` does not list.
        None => requirements
            .iter()
            .all(|one| !matches!(one.operator, Operator::DoesNotExist)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contradiction_is_seen_and_nothing_else_is() {
        let values = |values: &[&str]| values.iter().map(|value| String::from(*value)).collect();
        let is = |all: &[&str]| Operator::In(values(all));
        let is_not = |all: &[&str]| Operator::NotIn(values(all));
        for (operators, can) in [
            (vec![is(&["a"]), is(&["a", "b"])], true),
            (vec![is(&["a"]), is(&["b"])], false),
            (vec![is(&["a", "b"]), is_not(&["a"])], true),
            (vec![is(&["a", "b"]), is_not(&["a"]), is_not(&["b"])], false),
            (vec![is(&["a"]), Operator::Exists], true),
            (vec![is(&["a"]), Operator::DoesNotExist], false),
            (vec![Operator::Exists, Operator::DoesNotExist], false),
            (vec![Operator::Exists, is_not(&["a"])], true),
            (vec![Operator::DoesNotExist, is_not(&["a"])], true),
        ] {
            let requirements: Vec<_> = { operators.into_iter() }
                .map(|operator| Requirement {
                    key: "k".into(),
                    operator,
                })
                .collect();
            let expected = (!can).then_some("k");
            assert_eq!(contradiction(&requirements), expected, "{requirements:?}");
        }
        let keys = ["a", "b"].map(|key| Requirement {
            key: key.into(),
            operator: if key == "a" {
                is(&["a"])
            } else {
                Operator::DoesNotExist
            },
        });
        assert_eq!(contradiction(&keys), None);
    }
}
