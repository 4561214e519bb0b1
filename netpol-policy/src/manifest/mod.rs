//! Manifests: text into objects and errors. One bad document, or one bad item of a List, costs only itself.

mod decode;
mod documents;
mod kind;
pub mod locate;
mod reader;
mod unique;

use self::documents::documents;
use self::reader::Reader;
use crate::model::Object;

/// Everything that stood in a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifests {
    /// What can be used, in order.
    pub objects: Vec<Object>,
    /// What cannot, and why.
    pub errors: Vec<ManifestError>,
    /// What can be used, and yet is likely to be a mistake; errors have the same shape.
    pub warnings: Vec<ManifestError>,
    /// Where each of [`Self::objects`] stands, in the same order.
    pub places: Vec<Place>,
    /// Policies of kinds that are not evaluated: they may change every answer.
    pub not_evaluated: Vec<NotEvaluated>,
    /// Kinds that say nothing about which traffic is allowed, each as often as it stood there; with their API group, such
    /// as `Ingress.networking.k8s.io`.
    pub ignored: Vec<String>,
}

/// Where an object stands in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Position of the document in the text, from 1; empty documents count.
    pub document: usize,
    /// The first line of the document that holds something, from 1.
    pub line: usize,
    /// Path from the document's root to the object, such as `items[3]`; empty for the document as a whole.
    pub path: String,
}

/// A policy of a kind that is not evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotEvaluated {
    /// Where it stands.
    pub place: Place,
    /// `apiVersion` as written; empty where there is none.
    pub api_version: String,
    /// API kind, such as `CiliumNetworkPolicy`.
    pub kind: String,
    /// `namespace/name`, or the name alone where no namespace is written; may be empty.
    pub name: String,
}

/// Why a document or an object cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// Position of the document in the text, from 1; empty documents count.
    pub document: usize,
    /// `Kind namespace/name`, where that could be read.
    pub object: Option<String>,
    /// Path within the object; empty for the document as a whole.
    pub field: String,
    /// What was expected, and what was found.
    pub message: String,
}

/// Reads YAML and JSON: many documents, and in each of JSON's one value after another. Lists may stand for their items.
#[must_use]
pub fn parse(text: &str) -> Manifests {
    parse_with(text, Validation::AsNeeded)
}

/// As [`parse`], with the checks that the API server makes (`--strict`): unknown and doubled fields are errors in every
/// kind, `apiVersion` has to be there, and [`crate::k8s::strict`] tells the rest.
#[must_use]
pub fn parse_strict(text: &str) -> Manifests {
    parse_with(text, Validation::Strict)
}

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Validation {
    /// What an evaluation depends on.
    AsNeeded,
    /// All that the API server would look at.
    Strict,
}

fn parse_with(text: &str, validation: Validation) -> Manifests {
    let mut reader = Reader::new(validation);
    // Values beyond the first of a document make the numbers of those after it larger.
    let mut more_values = 0;
    for document in documents(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        if document.is_empty() {
            continue;
        }
        let place = |value: usize| Place {
            document: document.number + value,
            line: document.first_line(),
            path: String::new(),
        };
        match decode::values(&document, validation) {
            Ok(values) => {
                let before = more_values;
                more_values += values.len().saturating_sub(1);
                for (index, value) in values.into_iter().enumerate() {
                    reader.value(place(before + index), value);
                }
            }
            Err(message) => reader.error(&place(more_values), None, "", message),
        }
    }
    reader.finish()
}

#[cfg(test)]
mod tests;
