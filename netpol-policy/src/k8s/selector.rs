//! Label selectors.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::ObjectError;
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

/// Longest name part of a label key, and longest label value, in bytes (`validation` in k8s.io/apimachinery).
const NAME_MAX: usize = 63;
/// Longest DNS subdomain, in bytes (RFC 1123).
const SUBDOMAIN_MAX: usize = 253;

/// A label key: a name, or a DNS subdomain, a slash and a name (`IsQualifiedName` in k8s.io/apimachinery).
fn check_key(key: &str, field: &str) -> Result<(), ObjectError> {
    let is_valid = match key.split_once('/') {
        None => is_name(key),
        Some((prefix, name)) => is_subdomain(prefix) && is_name(name),
    };
    if is_valid {
        return Ok(());
    }
    Err(ObjectError::new(
        field,
        format!("expected a label key, found {key:?}"),
    ))
}

/// A label value: empty, or a name.
fn check_value(value: &str, field: &str) -> Result<(), ObjectError> {
    if value.is_empty() || is_name(value) {
        return Ok(());
    }
    Err(ObjectError::new(
        field,
        format!("expected a label value, found {value:?}"),
    ))
}

fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let outer = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    text.len() <= NAME_MAX
        && text.bytes().all(inner)
        && outer(text.bytes().next())
        && outer(text.bytes().last())
}

fn is_subdomain(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        label.bytes().all(|byte| alphanumeric(byte) || byte == b'-')
            && label.bytes().next().is_some_and(alphanumeric)
            && label.bytes().last().is_some_and(alphanumeric)
    };
    text.len() <= SUBDOMAIN_MAX && text.split('.').all(is_label)
}
