//! What of the world to compare.

use std::fmt;
use std::ops::RangeInclusive;

use super::party::Pods;
use super::ports::{PORTS, PROTOCOLS};
use crate::model::Protocol;

/// What of the world to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Only workloads of these namespaces; empty: of all. The outside world is not in any.
    pub namespaces: Vec<String>,
    /// Only these as sources; empty: all.
    pub from: Vec<Pattern>,
    /// Only these as destinations; empty: all.
    pub to: Vec<Pattern>,
    /// Which of [`PROTOCOLS`].
    pub protocols: Vec<Protocol>,
    /// Which ports; not empty.
    pub ports: RangeInclusive<u16>,
}

impl Default for Scope {
    /// Everything.
    fn default() -> Self {
        Self {
            namespaces: Vec::new(),
            from: Vec::new(),
            to: Vec::new(),
            protocols: PROTOCOLS.to_vec(),
            ports: PORTS,
        }
    }
}

impl Scope {
    pub(super) fn has_source(&self, pods: &Pods) -> bool {
        self.has_namespace(pods) && has(&self.from, |pattern| pattern.matches(pods))
    }

    pub(super) fn has_destination(&self, pods: &Pods) -> bool {
        self.has_namespace(pods) && has(&self.to, |pattern| pattern.matches(pods))
    }

    pub(super) fn has_outside_as_source(&self) -> bool {
        has(&self.from, Pattern::is_outside)
    }

    pub(super) fn has_outside_as_destination(&self) -> bool {
        has(&self.to, Pattern::is_outside)
    }

    fn has_namespace(&self, pods: &Pods) -> bool {
        self.namespaces.is_empty() || self.namespaces.iter().any(|one| **one == *pods.namespace)
    }
}

fn has(patterns: &[Pattern], matches: impl FnMut(&Pattern) -> bool) -> bool {
    patterns.is_empty() || patterns.iter().any(matches)
}

/// Names parties: `prod/web`, `prod/web[Deployment]`, `prod/*`, or `outside` for all that is not in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

const OUTSIDE: &str = "outside";

/// The text names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected NAMESPACE/NAME, which may end in `*`, or `outside`; found {found:?}")]
pub struct PatternError {
    /// What was there.
    pub found: String,
}

impl std::str::FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let is_name = text.split_once('/').is_some_and(|(namespace, name)| {
            !namespace.is_empty() && !name.is_empty() && !namespace.contains('*')
        });
        if is_name || text == OUTSIDE || text == "*" {
            Ok(Self(text.to_owned()))
        } else {
            let found = text.to_owned();
            Err(PatternError { found })
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl Pattern {
    fn is_outside(&self) -> bool {
        self.0 == OUTSIDE || self.0 == "*"
    }

    fn matches(&self, pods: &Pods) -> bool {
        let short = format!("{}/{}", pods.namespace, pods.name);
        let with_kind = match &pods.kind {
            Some(kind) => format!("{short}[{kind}]"),
            None => short.clone(),
        };
        match self.0.strip_suffix('*') {
            Some(start) => with_kind.starts_with(start),
            None => self.0 == short || self.0 == with_kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_workloads_with_or_without_their_kind() {
        let web = Pods {
            namespace: "prod".into(),
            name: "web".into(),
            kind: Some("Deployment".into()),
            variant: String::new(),
            live: vec!["web-1".into()],
        };
        for (text, matches) in [
            ("prod/web", true),
            ("prod/web[Deployment]", true),
            ("prod/web[StatefulSet]", false),
            ("prod/*", true),
            ("prod/w*", true),
            ("prod/we", false),
            ("pro/*", false),
            ("outside", false),
            ("*", true),
        ] {
            let pattern: Pattern = text.parse().unwrap();
            assert_eq!(pattern.matches(&web), matches, "{text}");
        }
        for text in ["", "web", "/web", "prod/", "*/web"] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }
}
