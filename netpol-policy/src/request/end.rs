//! One end of a question, as it is written.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::RequestError;
use super::error::{LONGEST_NAME, quoted};

/// Names an end, without saying whether it exists.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EndRef {
    /// `192.0.2.7` or `2001:db8::7`.
    Address(IpAddr),
    /// `prod/web-0`.
    Pod {
        /// Namespace.
        namespace: String,
        /// Object name.
        name: String,
    },
    /// `prod/web[Deployment]`; also `[Pod]` and `[Service]`.
    Object {
        /// Namespace.
        namespace: String,
        /// Object name.
        name: String,
        /// API kind.
        kind: String,
    },
    /// `node/worker-1`: a Node, or where there is none of that name, a pod of a namespace called `node`.
    Node(String),
}

impl FromStr for EndRef {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        let malformed = || RequestError::Malformed { text: quoted(text) };
        let (namespace, rest) = text.split_once('/').ok_or_else(malformed)?;
        let (name, kind) = match rest.strip_suffix(']') {
            Some(rest) => rest
                .split_once('[')
                .map(|(name, kind)| (name, Some(kind)))
                .ok_or_else(malformed)?,
            None => (rest, None),
        };
        let words = [Some(namespace), Some(name), kind];
        // An address before a slash begins a block of addresses, which is no end.
        let is_block = namespace.parse::<IpAddr>().is_ok();
        if is_block || words.into_iter().flatten().any(|word| !is_word(word)) {
            return Err(malformed());
        }
        Ok(match kind {
            Some(kind) => Self::Object {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                kind: known_kind(kind).to_owned(),
            },
            None if namespace == "node" => Self::Node(name.to_owned()),
            None => Self::Pod {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            },
        })
    }
}

fn is_word(text: &str) -> bool {
    let is_none = |c: char| matches!(c, '/' | '[' | ']') || c.is_whitespace() || c.is_control();
    (1..=LONGEST_NAME).contains(&text.len()) && !text.contains(is_none)
}

/// Kinds that are often written in lower case.
const KINDS: [&str; 9] = [
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "Pod",
    "ReplicaSet",
    "ReplicationController",
    "Service",
    "StatefulSet",
];

/// As the API spells it; other kinds have to be written so.
fn known_kind(written: &str) -> &str {
    let known = KINDS.into_iter();
    known
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(written))
        .unwrap_or(written)
}

/// As it is written.
impl fmt::Display for EndRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(out),
            Self::Pod { namespace, name } => write!(out, "{namespace}/{name}"),
            Self::Object {
                namespace,
                name,
                kind,
            } => write!(out, "{namespace}/{name}[{kind}]"),
            Self::Node(name) => write!(out, "node/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written_the_same() {
        for text in [
            "192.0.2.7",
            "2001:db8::7",
            "prod/web-0",
            "prod/web[Deployment]",
            "prod/web[Rollout]",
            "node/worker-1",
            "node/web[Deployment]",
        ] {
            assert_eq!(text.parse::<EndRef>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn the_case_of_known_kinds_and_the_form_of_addresses_do_not_matter() {
        for (text, same) in [
            ("prod/web[deployment]", "prod/web[Deployment]"),
            ("prod/web[STATEFULSET]", "prod/web[StatefulSet]"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:DB8:0::7", "2001:db8::7"),
        ] {
            assert_eq!(text.parse::<EndRef>().unwrap().to_string(), same);
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "web",
            "/web",
            "prod/",
            "prod/web/0",
            "prod/web[",
            "prod/web]",
            "prod/web[]",
            "prod/[Deployment]",
            "prod/web[a]b]",
            "prod/we b",
            "prod/we\u{1b}b",
            "192.0.2.0/24",
            "192.0.2.256",
        ] {
            let text = text.to_owned();
            let refused = text.parse::<EndRef>();
            assert_eq!(refused, Err(RequestError::Malformed { text }));
        }
    }

    #[test]
    fn a_name_that_no_object_can_have_is_refused_and_quoted_in_part() {
        assert!(
            format!("prod/{}", "x".repeat(253))
                .parse::<EndRef>()
                .is_ok()
        );
        for text in [
            format!("prod/{}", "é".repeat(500_000)),
            format!("{}/web", "x".repeat(254)),
            format!("prod/web[{}]", "x".repeat(254)),
        ] {
            let error = text.parse::<EndRef>().unwrap_err();
            let quoted: String = text.chars().take(253).collect();
            assert_eq!(
                error,
                RequestError::Malformed {
                    text: format!("{quoted}…")
                }
            );
        }
    }
}
