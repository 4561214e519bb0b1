//! Field selectors, `metadata.name=web,spec.nodeName!=node-1`, and label selectors,
//! `app=web,tier!=db,team`.

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

/// Requirements on labels that an object must all meet. Sets (`app in (web,db)`) are not known.
#[derive(Debug, Clone, Default)]
pub(crate) struct LabelSelector(Vec<LabelRequirement>);

#[derive(Debug, Clone)]
enum LabelRequirement {
    Is(String, String),
    /// Also met where there is no such label.
    IsNot(String, String),
    Exists(String),
    DoesNotExist(String),
}

impl LabelSelector {
    pub(crate) fn parse(text: &str) -> Result<Self, Status> {
        if text.contains(['(', ')']) {
            let message = format!("this server knows no sets in label selectors: {text:?}");
            return Err(Status::bad_request(message));
        }
        let requirements = text.split(',').filter(|part| !part.is_empty());
        Ok(Self(requirements.map(LabelRequirement::parse).collect()))
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let label = |key: &String| labels.get(key).and_then(Value::as_str);
        self.0.iter().all(|requirement| match requirement {
            LabelRequirement::Is(key, value) => label(key) == Some(value),
            LabelRequirement::IsNot(key, value) => label(key) != Some(value),
            LabelRequirement::Exists(key) => label(key).is_some(),
            LabelRequirement::DoesNotExist(key) => label(key).is_none(),
        })
    }
}

impl LabelRequirement {
    fn parse(text: &str) -> Self {
        let text = text.trim();
        if let Some((key, value)) = text.split_once("!=") {
            Self::IsNot(key.to_owned(), value.to_owned())
        } else if let Some((key, value)) = text.split_once("==").or(text.split_once('=')) {
            Self::Is(key.to_owned(), value.to_owned())
        } else if let Some(key) = text.strip_prefix('!') {
            Self::DoesNotExist(key.to_owned())
        } else {
            Self::Exists(text.to_owned())
        }
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

    #[test]
    fn labels_are_selected_by_value_and_by_presence() {
        let pod =
            json!({ "metadata": { "labels": { "app.kubernetes.io/name": "web", "tier": "" } } });
        let matches = |text| LabelSelector::parse(text).unwrap().matches(&pod);
        assert!(matches(""));
        assert!(matches("app.kubernetes.io/name=web,tier,!team,team!=a"));
        assert!(!matches("app.kubernetes.io/name!=web"));
        assert!(!matches("team"));
        assert!(!matches("tier=db"));
        assert!(LabelSelector::parse("app in (web)").is_err());
    }
}
