//! Texts that borrow from the line they stand in, unless they are written with escapes.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use netpol_policy::history::PolicyName;
use netpol_policy::verdict::PolicyKind;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text. Other than a plain [`Cow`], it borrows within options, lists and maps too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text<'a>(pub Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(text.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(text.to_owned().into())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Text<'de>, E> {
        Ok(text.into())
    }
}

/// A policy by name: `NetworkPolicy/prod/db`, and `AdminNetworkPolicy/guard` for cluster-scoped kinds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyText<'a>(#[serde(borrow)] pub Text<'a>);

impl From<&PolicyName> for PolicyText<'_> {
    fn from(policy: &PolicyName) -> Self {
        let kind = policy.kind.as_str();
        let text = match policy.kind {
            PolicyKind::NetworkPolicy => format!("{kind}/{}/{}", policy.namespace, policy.name),
            _ => format!("{kind}/{}", policy.name),
        };
        Self(text.into())
    }
}

impl PolicyText<'_> {
    /// `None` where it is not of this form, or of a kind that is not known.
    pub(crate) fn name(&self) -> Option<PolicyName> {
        let (kind, rest) = self.0.split_once('/')?;
        let kind = [
            PolicyKind::NetworkPolicy,
            PolicyKind::AdminNetworkPolicy,
            PolicyKind::BaselineAdminNetworkPolicy,
            PolicyKind::ClusterNetworkPolicy,
        ]
        .into_iter()
        .find(|known| known.as_str() == kind)?;
        let (namespace, name) = match kind {
            PolicyKind::NetworkPolicy => rest.split_once('/')?,
            _ => ("", rest),
        };
        Some(PolicyName {
            kind,
            namespace: namespace.into(),
            name: name.into(),
        })
    }
}
