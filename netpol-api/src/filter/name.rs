//! Names as users write them: `api-7c9`, `prod/api-7c9`, `prod/api-*`, `api[Deployment]`.

use super::FilterProblem;

/// A name, or its beginning followed by `*`.
#[derive(Clone, Debug)]
pub(super) enum NamePattern {
    Exact(String),
    Prefix(String),
}

impl NamePattern {
    pub(super) fn parse(text: &str) -> Result<Self, FilterProblem> {
        let (name, is_prefix) = match text.strip_suffix('*') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let readable = !name.contains(['*', '/', '[', ']']) && !name.contains(char::is_whitespace);
        if !readable || (name.is_empty() && !is_prefix) {
            return Err(FilterProblem::Name);
        }
        Ok(if is_prefix {
            Self::Prefix(name.to_owned())
        } else {
            Self::Exact(name.to_owned())
        })
    }

    /// An absent (empty) name matches nothing, not even `*`.
    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(wanted) => name == wanted,
            Self::Prefix(prefix) => !name.is_empty() && name.starts_with(prefix.as_str()),
        }
    }
}

/// `name` in any namespace, or `namespace/name`.
#[derive(Clone, Debug)]
pub(super) struct NamespacedPattern {
    namespace: Option<NamePattern>,
    name: NamePattern,
}

impl NamespacedPattern {
    pub(super) fn parse(text: &str) -> Result<Self, FilterProblem> {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (Some(NamePattern::parse(namespace)?), name),
            None => (None, text),
        };
        Ok(Self {
            namespace,
            name: NamePattern::parse(name)?,
        })
    }

    pub(super) fn matches(&self, namespace: &str, name: &str) -> bool {
        self.name.matches(name)
            && self
                .namespace
                .as_ref()
                .is_none_or(|wanted| wanted.matches(namespace))
    }
}

/// A [`NamespacedPattern`], optionally of one kind: `prod/api[Deployment]`. The kind's case does not matter.
#[derive(Clone, Debug)]
pub(super) struct WorkloadPattern {
    name: NamespacedPattern,
    kind: Option<String>,
}

impl WorkloadPattern {
    pub(super) fn parse(text: &str) -> Result<Self, FilterProblem> {
        let (name, kind) = match text.strip_suffix(']') {
            Some(open) => {
                let (name, kind) = open.split_once('[').ok_or(FilterProblem::Name)?;
                if kind.is_empty() {
                    return Err(FilterProblem::Name);
                }
                (name, Some(kind.to_owned()))
            }
            None => (text, None),
        };
        Ok(Self {
            name: NamespacedPattern::parse(name)?,
            kind,
        })
    }

    pub(super) fn matches(&self, namespace: &str, kind: &str, name: &str) -> bool {
        self.name.matches(namespace, name)
            && self
                .kind
                .as_ref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_is_meant_in_every_namespace() {
        let pattern = NamespacedPattern::parse("web").unwrap();
        assert!(pattern.matches("a", "web") && pattern.matches("b", "web"));
        assert!(!pattern.matches("a", "web-1"));
    }

    #[test]
    fn a_star_matches_any_ending_of_either_part() {
        let pattern = NamespacedPattern::parse("prod-*/web-*").unwrap();
        assert!(pattern.matches("prod-eu", "web-1"));
        assert!(!pattern.matches("test", "web-1"));
        assert!(
            !NamePattern::parse("*").unwrap().matches(""),
            "nobody is not somebody"
        );
    }

    #[test]
    fn a_workload_may_name_its_kind() {
        let pattern = WorkloadPattern::parse("prod/api[deployment]").unwrap();
        assert!(pattern.matches("prod", "Deployment", "api"));
        assert!(!pattern.matches("prod", "StatefulSet", "api"));
    }

    #[test]
    fn what_no_name_can_be_is_refused() {
        for text in ["", "/", "a/", "/a", "a/b/c", "a*b", "a b", "api[", "api]"] {
            assert!(WorkloadPattern::parse(text).is_err(), "{text:?}");
        }
        assert!(WorkloadPattern::parse("api[]").is_err());
    }
}
