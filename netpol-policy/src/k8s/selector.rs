//! Label selectors.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::ObjectError;
use super::syntax::{is_label_key, is_label_value};
use crate::model::{Operator, Requirement, Selector};

/// Compiles a selector; `field` is its own path.
pub(super) fn selector(from: &LabelSelector, field: &str) -> Result<Selector, ObjectError> {
    let mut requirements = Vec::new();
    for (key, value) in from.match_labels.iter().flatten() {
        let field = format!("{field}.matchLabels");
        check_key(key, &field)?;
        check_value(value, &format!("{field}.{key}"))?;
        let operator = Operator::In(vec![value.clone()]);
        requirements.push(Requirement {
            key: key.clone(),
            operator,
        });
    }
    for (index, expression) in from.match_expressions.iter().flatten().enumerate() {
        let field = format!("{field}.matchExpressions[{index}]");
        check_key(&expression.key, &format!("{field}.key"))?;
        let values = expression.values.clone().unwrap_or_default();
        for (at, value) in values.iter().enumerate() {
            check_value(value, &format!("{field}.values[{at}]"))?;
        }
        let listed = |operator: fn(Vec<String>) -> Operator, values: Vec<String>| {
            if values.is_empty() {
                let message = format!("expected values for {}, found none", expression.operator);
                return Err(ObjectError::new(format!("{field}.values"), message));
            }
            Ok(operator(values))
        };
        let bare = |operator: Operator, values: &[String]| {
            if !values.is_empty() {
                let message = format!("expected no values for {}", expression.operator);
                return Err(ObjectError::new(format!("{field}.values"), message));
            }
            Ok(operator)
        };
        let operator = match expression.operator.as_str() {
            "In" => listed(Operator::In, values)?,
            "NotIn" => listed(Operator::NotIn, values)?,
            "Exists" => bare(Operator::Exists, &values)?,
            "DoesNotExist" => bare(Operator::DoesNotExist, &values)?,
            other => {
                let message =
                    format!("expected In, NotIn, Exists or DoesNotExist, found {other:?}");
                return Err(ObjectError::new(format!("{field}.operator"), message));
            }
        };
        requirements.push(Requirement {
            key: expression.key.clone(),
            operator,
        });
    }
    Ok(Selector { requirements })
}

/// Refuses what is no label key.
pub(super) fn check_key(key: &str, field: &str) -> Result<(), ObjectError> {
    if is_label_key(key) {
        return Ok(());
    }
    Err(ObjectError::new(
        field,
        format!("expected a label key, found {key:?}"),
    ))
}

/// Refuses what is no label value.
pub(super) fn check_value(value: &str, field: &str) -> Result<(), ObjectError> {
    if is_label_value(value) {
        return Ok(());
    }
    Err(ObjectError::new(
        field,
        format!("expected a label value, found {value:?}"),
    ))
}
