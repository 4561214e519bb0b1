//! A manifest before it is text: fields in the order in which people write them.

use serde_json::Value;

/// A value in a manifest.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Text(String),
    Number(i64),
    List(Vec<Item>),
    /// Each key once.
    Map(Vec<(String, Tree)>),
}

/// An item of a list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    /// What stands above it; empty for nothing.
    pub(super) comment: String,
    pub(super) tree: Tree,
}

impl Tree {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn number(number: u16) -> Self {
        Self::Number(number.into())
    }

    pub(super) fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::commented(items.into_iter().map(|tree| (String::new(), tree)))
    }

    /// A list with what stands above each of its items.
    pub(super) fn commented(items: impl IntoIterator<Item = (String, Self)>) -> Self {
        let items = items.into_iter();
        Self::List(
            items
                .map(|(comment, tree)| Item { comment, tree })
                .collect(),
        )
    }

    pub(super) fn map<K: Into<String>>(fields: impl IntoIterator<Item = (K, Self)>) -> Self {
        let fields = fields.into_iter();
        Self::Map(fields.map(|(key, tree)| (key.into(), tree)).collect())
    }

    pub(super) fn into_json(self) -> Value {
        match self {
            Self::Text(text) => text.into(),
            Self::Number(number) => number.into(),
            Self::List(items) => items
                .into_iter()
                .map(|item| item.tree.into_json())
                .collect(),
            Self::Map(fields) => {
                let fields = fields.into_iter();
                Value::Object(fields.map(|(key, tree)| (key, tree.into_json())).collect())
            }
        }
    }
}
