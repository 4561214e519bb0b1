//! Kubernetes label selectors in their string form.
//!
//! Grammar: <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>. As there, `!=` and
//! `notin` also select objects that lack the key, and requirements are joined with AND.

use std::{collections::HashMap, str::FromStr};

/// A parsed selector. The empty one selects everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selector {
    requirements: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Operator {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
}

/// Why a label selector cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectorError {
    /// Something else stands where this was needed.
    #[error("expected {expected} at {found}")]
    Expected {
        /// What was needed.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A label key or value with characters or a length that Kubernetes does not allow.
    #[error("{0:?} can be no label key or value")]
    Label(String),
}

impl Selector {
    pub(super) fn matches(&self, labels: &HashMap<String, String>) -> bool {
        self.requirements
            .iter()
            .all(|requirement| requirement.matches(labels))
    }
}

impl Requirement {
    fn matches(&self, labels: &HashMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match &self.operator {
            Operator::In(values) => value.is_some_and(|value| values.contains(value)),
            Operator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let mut rest = Rest { text };
        let mut requirements = Vec::new();
        if rest.peek().is_some() {
            loop {
                requirements.push(rest.requirement()?);
                if rest.peek().is_none() {
                    break;
                }
                rest.token(",", "`,` or an operator")?;
            }
        }
        Ok(Self { requirements })
    }
}

/// What is still to be read.
struct Rest<'a> {
    text: &'a str,
}

impl<'a> Rest<'a> {
    /// The next character that is no blank.
    fn peek(&mut self) -> Option<char> {
        self.text = self.text.trim_start();
        self.text.chars().next()
    }

    fn take(&mut self, token: &str) -> bool {
        self.peek();
        match self.text.strip_prefix(token) {
            Some(rest) => {
                self.text = rest;
                true
            }
            None => false,
        }
    }

    fn token(&mut self, token: &str, expected: &'static str) -> Result<(), SelectorError> {
        if self.take(token) {
            Ok(())
        } else {
            Err(self.unexpected(expected))
        }
    }

    fn unexpected(&self, expected: &'static str) -> SelectorError {
        let found = if self.text.is_empty() {
            "the end".to_owned()
        } else {
            format!("{:?}", self.text)
        };
        SelectorError::Expected { expected, found }
    }

    /// Characters up to the next blank or punctuation; may be empty.
    fn word(&mut self) -> &'a str {
        self.peek();
        let stop = |c: char| c.is_whitespace() || matches!(c, '=' | '!' | ',' | '(' | ')');
        let end = self.text.find(stop).unwrap_or(self.text.len());
        let (word, rest) = self.text.split_at(end);
        self.text = rest;
        word
    }

    fn key(&mut self) -> Result<String, SelectorError> {
        let key = self.word();
        if key.is_empty() {
            return Err(self.unexpected("a label key"));
        }
        let name = match key.split_once('/') {
            Some((prefix, name)) if is_dns_subdomain(prefix) => name,
            Some(_) => return Err(SelectorError::Label(key.to_owned())),
            None => key,
        };
        if name.is_empty() || !is_label_part(name) {
            return Err(SelectorError::Label(key.to_owned()));
        }
        Ok(key.to_owned())
    }

    /// Label values may be empty.
    fn value(&mut self) -> Result<String, SelectorError> {
        let value = self.word();
        if value.is_empty() || is_label_part(value) {
            Ok(value.to_owned())
        } else {
            Err(SelectorError::Label(value.to_owned()))
        }
    }

    fn values(&mut self) -> Result<Vec<String>, SelectorError> {
        self.token("(", "`(`")?;
        let mut values = vec![self.value()?];
        while self.take(",") {
            values.push(self.value()?);
        }
        self.token(")", "`)`")?;
        Ok(values)
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        if self.take("!") {
            return Ok(Requirement {
                key: self.key()?,
                operator: Operator::DoesNotExist,
            });
        }
        let key = self.key()?;
        let operator = if self.take("==") || self.take("=") {
            Operator::In(vec![self.value()?])
        } else if self.take("!=") {
            Operator::NotIn(vec![self.value()?])
        } else if self.peek().is_none_or(|c| c == ',') {
            Operator::Exists
        } else {
            let start = self.text;
            match self.word() {
                "in" => Operator::In(self.values()?),
                "notin" => Operator::NotIn(self.values()?),
                _ => {
                    self.text = start;
                    return Err(self.unexpected("=, ==, !=, in or notin"));
                }
            }
        };
        Ok(Requirement { key, operator })
    }
}

/// `IsQualifiedName`'s name part and `IsValidLabelValue` of k8s.io/apimachinery: at most 63 characters, alphanumeric at
/// both ends.
fn is_label_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    let inner = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    bytes.len() <= 63
        && bytes.iter().all(inner)
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
}

fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|part| {
            is_label_part(part)
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn selects(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        selector.parse::<Selector>().unwrap().matches(&labels)
    }

    #[test]
    fn each_operator_selects_as_kubernetes_documents_it() {
        let web = [("app", "web"), ("tier", "front")];
        for (selector, expected) in [
            ("", true),
            ("app=web", true),
            ("app==web", true),
            ("app = web , tier in (front, back)", true),
            ("app=db", false),
            ("app!=db", true),
            ("absent!=x", true),
            ("app in (db,web)", true),
            ("app notin (db)", true),
            ("absent notin (db)", true),
            ("app notin (web)", false),
            ("app", true),
            ("!app", false),
            ("! absent", true),
            ("absent", false),
            ("app=web,absent", false),
            ("app=", false),
            ("in in (a)", false),
            ("app.kubernetes.io/name!=x,app", true),
        ] {
            assert_eq!(selects(selector, &web), expected, "{selector}");
        }
    }

    #[test]
    fn what_is_no_selector_says_where() {
        for (selector, message) in [
            ("app in a", "expected `(` at \"a\""),
            ("app in (a", "expected `)` at the end"),
            ("app=web,", "expected a label key at the end"),
            ("=web", "expected a label key at \"=web\""),
            (
                "app like web",
                "expected =, ==, !=, in or notin at \"like web\"",
            ),
            (
                "app=web tier=x",
                "expected `,` or an operator at \"tier=x\"",
            ),
            ("-app", "\"-app\" can be no label key or value"),
            (
                "UPPER.example/app",
                "\"UPPER.example/app\" can be no label key or value",
            ),
        ] {
            assert_eq!(
                selector.parse::<Selector>().unwrap_err().to_string(),
                message
            );
        }
    }

    proptest! {
        #[test]
        fn hostile_text_is_refused_and_never_panics(text in "\\PC{0,40}|[a-z=!,() ]{0,20}") {
            let _ = text.parse::<Selector>();
        }

        #[test]
        fn notin_is_the_complement_of_in(value in "[a-c]{1,2}", listed in "[a-c]{1,2}(,[a-c]{1,2}){0,3}") {
            let labels = [("k", value.as_str())];
            let within = selects(&format!("k in ({listed})"), &labels);
            prop_assert_eq!(within, listed.split(',').any(|one| one == value));
            prop_assert_ne!(within, selects(&format!("k notin ({listed})"), &labels));
        }
    }
}
