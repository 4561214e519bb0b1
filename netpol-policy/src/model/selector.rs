//! Label selectors, compiled from `matchLabels` and `matchExpressions`.

use std::fmt;

use super::Labels;

/// Requirements that all have to hold (rule 10); the empty selector matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// `matchLabels` in key order, then `matchExpressions` as written.
    pub requirements: Vec<Requirement>,
}

/// One condition on one label key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Label key.
    pub key: String,
    /// Its condition.
    pub operator: Operator,
}

/// Condition on the value of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Has one of these values.
    In(Vec<String>),
    /// Has none of these values; also where the key is absent.
    NotIn(Vec<String>),
    /// The key is there.
    Exists,
    /// The key is absent.
    DoesNotExist,
}

impl Selector {
    /// Whether all requirements hold.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.requirements
            .iter()
            .all(|requirement| requirement.matches(labels))
    }

    /// The requirements that do not hold.
    pub fn misses<'a>(&'a self, labels: &'a Labels) -> impl Iterator<Item = &'a Requirement> {
        self.requirements
            .iter()
            .filter(|requirement| !requirement.matches(labels))
    }
}

impl Requirement {
    /// Whether it holds for these labels.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        let is_listed =
            |values: &[String]| value.is_some_and(|value| values.iter().any(|one| one == value));
        match &self.operator {
            Operator::In(values) => is_listed(values),
            Operator::NotIn(values) => !is_listed(values),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

/// In the form of `kubectl --selector`.
impl fmt::Display for Requirement {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.operator {
            Operator::In(values) => match values.as_slice() {
                [value] => write!(out, "{key}={value}"),
                values => write!(out, "{key} in ({})", values.join(",")),
            },
            Operator::NotIn(values) => match values.as_slice() {
                [value] => write!(out, "{key}!={value}"),
                values => write!(out, "{key} notin ({})", values.join(",")),
            },
            Operator::Exists => out.write_str(key),
            Operator::DoesNotExist => write!(out, "!{key}"),
        }
    }
}

/// In the form of `kubectl --selector`; empty for the selector that matches everything.
impl fmt::Display for Selector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(out, "{comma}{requirement}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(key: &str, operator: Operator) -> Requirement {
        Requirement {
            key: key.into(),
            operator,
        }
    }

    #[test]
    fn rule_10_negative_operators_match_where_the_key_is_absent() {
        let none = Labels::default();
        let labels = Labels::from_iter([("app", "db")]);
        for (requirement, absent, present, words) in [
            (
                one("app", Operator::In(vec!["db".into()])),
                false,
                true,
                "app=db",
            ),
            (
                one("app", Operator::NotIn(vec!["db".into()])),
                true,
                false,
                "app!=db",
            ),
            (
                one("app", Operator::NotIn(vec!["a".into(), "b".into()])),
                true,
                true,
                "app notin (a,b)",
            ),
            (one("app", Operator::Exists), false, true, "app"),
            (one("app", Operator::DoesNotExist), true, false, "!app"),
        ] {
            assert_eq!(requirement.matches(&none), absent, "{requirement}");
            assert_eq!(requirement.matches(&labels), present, "{requirement}");
            assert_eq!(requirement.to_string(), words);
        }
    }

    #[test]
    fn rule_10_requirements_are_anded() {
        let selector = Selector {
            requirements: vec![
                one("app", Operator::In(vec!["db".into()])),
                one("tier", Operator::Exists),
            ],
        };
        assert!(!selector.matches(&Labels::from_iter([("app", "db")])));
        assert!(selector.matches(&Labels::from_iter([("app", "db"), ("tier", "1")])));
    }
}
