//! Whether one selector matches all that another does, whatever labels there may be.

use crate::inventory::NAMESPACE_NAME_LABEL;
use crate::model::{Operator, Requirement, Selector};

/// Whether `wide` matches everything that `narrow` matches. False where it cannot be told from the words.
pub(crate) fn implies(narrow: &Selector, wide: &Selector) -> bool {
    let is_met = |wanted: &Requirement| {
        let mut known = narrow.requirements.iter();
        known.any(|known| known.key == wanted.key && meets(&known.operator, &wanted.operator))
    };
    wide.requirements.iter().all(is_met)
}

/// Whether `wide` includes the namespace of this name. By rule 11 its name is a label that it always has.
pub(super) fn includes_namespace(wide: &Selector, name: &str) -> bool {
    wide.requirements.iter().all(|wanted| {
        wanted.key == NAMESPACE_NAME_LABEL
            && meets(&Operator::In(vec![name.to_owned()]), &wanted.operator)
    })
}

/// Whether `narrow` lets no other namespace in than the one of this name.
pub(super) fn is_one_namespace(narrow: &Selector, name: &str) -> bool {
    narrow.requirements.iter().any(|known| {
        known.key == NAMESPACE_NAME_LABEL
            && meets(&known.operator, &Operator::In(vec![name.to_owned()]))
    })
}

/// Whether a key that meets the first condition always meets the second.
fn meets(known: &Operator, wanted: &Operator) -> bool {
    let among = |few: &[String], many: &[String]| few.iter().all(|value| many.contains(value));
    match (known, wanted) {
        (Operator::In(known), Operator::In(wanted)) => among(known, wanted),
        (Operator::In(known), Operator::NotIn(unwanted)) => {
            known.iter().all(|value| !unwanted.contains(value))
        }
        (Operator::NotIn(known), Operator::NotIn(unwanted)) => among(unwanted, known),
        // Rule 10: a key that is absent has none of the values.
        (Operator::DoesNotExist, Operator::NotIn(_) | Operator::DoesNotExist)
        | (Operator::In(_) | Operator::Exists, Operator::Exists) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Labels;

    fn one(key: &str, operator: Operator) -> Requirement {
        Requirement {
            key: key.to_owned(),
            operator,
        }
    }

    fn values(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    /// Every operator over every set of two values, against every label there can be.
    #[test]
    fn what_is_implied_is_so_for_all_labels() {
        let sets = [&["a"][..], &["b"], &["a", "b"]];
        let mut operators = vec![Operator::Exists, Operator::DoesNotExist];
        for set in sets {
            operators.push(Operator::In(values(set)));
            operators.push(Operator::NotIn(values(set)));
        }
        let worlds = [None, Some("a"), Some("b"), Some("c")]
            .map(|value| Labels::from_iter(value.map(|value| ("key", value))));
        let mut found = 0;
        for narrow in &operators {
            for wide in &operators {
                let select = |operator: &Operator| Selector {
                    requirements: vec![one("key", operator.clone())],
                };
                let (narrow, wide) = (select(narrow), select(wide));
                let is_so = worlds
                    .iter()
                    .all(|labels| !narrow.matches(labels) || wide.matches(labels));
                assert_eq!(implies(&narrow, &wide), is_so, "{narrow} in {wide}");
                found += usize::from(is_so);
            }
        }
        assert!(found > operators.len());
    }

    #[test]
    fn more_requirements_match_less() {
        let app = one("app", Operator::In(values(&["db"])));
        let tier = one("tier", Operator::Exists);
        let (both, single) = (
            Selector {
                requirements: vec![app.clone(), tier],
            },
            Selector {
                requirements: vec![app],
            },
        );
        assert!(implies(&both, &single));
        assert!(!implies(&single, &both));
        assert!(implies(&single, &Selector::default()));
        assert!(!implies(&Selector::default(), &single));
    }

    #[test]
    fn rule_11_a_namespace_is_known_by_its_name() {
        let named = |operator| Selector {
            requirements: vec![one(NAMESPACE_NAME_LABEL, operator)],
        };
        let team = Selector {
            requirements: vec![one("team", Operator::Exists)],
        };
        for (selector, includes, is_one) in [
            (Selector::default(), true, false),
            (named(Operator::In(values(&["prod"]))), true, true),
            (named(Operator::In(values(&["prod", "ci"]))), true, false),
            (named(Operator::In(values(&["ci"]))), false, false),
            (named(Operator::NotIn(values(&["ci"]))), true, false),
            (team, false, false),
        ] {
            assert_eq!(
                includes_namespace(&selector, "prod"),
                includes,
                "{selector}"
            );
            assert_eq!(is_one_namespace(&selector, "prod"), is_one, "{selector}");
        }
    }
}
