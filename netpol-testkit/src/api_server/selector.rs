//! Field selectors: `metadata.name=web,spec.nodeName!=node-1`.

use serde_json::Value;

use super::status::Status;

/// Requirements that an object must all meet.
#[derive(Debug, Clone, Default)]
pub(crate) struct FieldSelector(Vec<Requirement>);

#[derive(Debug, Clone)]
struct Requirement {
    /// JSON pointer to the field.
    pointer: String,
    value: String,
    equal: bool,
}

impl FieldSelector {
    pub(crate) fn parse(text: &str) -> Result<Self, Status> {
        let requirements = text.split(',').filter(|part| !part.is_empty());
        requirements
            .map(Requirement::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.0
            .iter()
            .all(|requirement| requirement.is_met_by(object))
    }
}

impl Requirement {
    fn parse(text: &str) -> Result<Self, Status> {
        let (field, value, equal) = if let Some((field, value)) = text.split_once("!=") {
            (field, value, false)
        } else if let Some((field, value)) = text.split_once("==").or(text.split_once('=')) {
            (field, value, true)
        } else {
            let message = format!("invalid field selector {text:?}");
            return Err(Status::bad_request(message));
        };
        let pointer = format!("/{}", field.replace('.', "/"));
        Ok(Self {
            pointer,
            value: value.to_owned(),
            equal,
        })
    }

    fn is_met_by(&self, object: &Value) -> bool {
        let found = object.pointer(&self.pointer).and_then(Value::as_str);
        (found.unwrap_or_default() == self.value) == self.equal
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_requirement_counts_and_a_missing_field_is_empty() {
        let pod = json!({ "metadata": { "name": "web" }, "spec": { "nodeName": "node-1" } });
        let matches = |text| FieldSelector::parse(text).unwrap().matches(&pod);
        assert!(matches(""));
        assert!(matches("metadata.name=web,spec.nodeName==node-1"));
        assert!(!matches("metadata.name=web,spec.nodeName!=node-1"));
        assert!(matches("metadata.namespace="));
        assert!(FieldSelector::parse("metadata.name").is_err());
    }
}
