//! Label selectors.

use super::tree::Tree;
use crate::model::{Operator, Requirement, Selector};

/// Writes a selector: as `matchLabels` as long as reading puts the requirements into the same order.
pub(super) fn selector(from: &Selector) -> Tree {
    let requirements = &from.requirements;
    let mut count = 0;
    let mut last = None;
    while let Some(requirement) = requirements.get(count)
        && only_value(requirement).is_some()
        && last.is_none_or(|last| last < &requirement.key)
    {
        last = Some(&requirement.key);
        count += 1;
    }
    let (labels, expressions) = requirements.split_at(count);
    let mut fields = Vec::new();
    if !labels.is_empty() {
        let labels = labels
            .iter()
            .filter_map(|one| Some((&one.key, Tree::text(only_value(one)?))));
        fields.push(("matchLabels", Tree::map(labels)));
    }
    if !expressions.is_empty() {
        let expressions = expressions.iter().map(expression);
        fields.push(("matchExpressions", Tree::list(expressions)));
    }
    Tree::map(fields)
}

/// The value that a label has to have, where there is no other.
fn only_value(requirement: &Requirement) -> Option<&str> {
    match &requirement.operator {
        Operator::In(values) => match values.as_slice() {
            [value] => Some(value),
            _ => None,
        },
        _ => None,
    }
}

fn expression(requirement: &Requirement) -> Tree {
    let (operator, values) = match &requirement.operator {
        Operator::In(values) => ("In", Some(values)),
        Operator::NotIn(values) => ("NotIn", Some(values)),
        Operator::Exists => ("Exists", None),
        Operator::DoesNotExist => ("DoesNotExist", None),
    };
    let mut fields = vec![
        ("key", Tree::text(&requirement.key)),
        ("operator", Tree::text(operator)),
    ];
    if let Some(values) = values {
        fields.push(("values", Tree::list(values.iter().map(Tree::text))));
    }
    Tree::map(fields)
}
