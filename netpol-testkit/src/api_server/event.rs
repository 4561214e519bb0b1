//! What an API server asks of an Event before it takes it (`pkg/apis/core/validation/events.go`).

use serde_json::Value;

use super::resource::Resource;
use super::status::Status;

const LONGEST_NOTE: usize = 1024;
const LONGEST_WORD: usize = 128;

/// Refuses an Event of `events.k8s.io/v1` that lacks a field, has too long a text, or is about an
/// object of another namespace. Other objects pass.
pub(crate) fn validate(resource: &Resource, object: &Value) -> Result<(), Status> {
    if resource.kind != "Event" {
        return Ok(());
    }
    let current = resource.group == "events.k8s.io";
    let about = if current {
        "regarding"
    } else {
        "involvedObject"
    };
    let involved = object[about]["namespace"].as_str().unwrap_or_default();
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    // What is in no namespace has its Events in `default`.
    if involved != namespace && !(involved.is_empty() && namespace == "default") {
        return Err(invalid(&format!(
            "{about}.namespace: Invalid value: \"{involved}\": does not match event.namespace"
        )));
    }
    if !current {
        return Ok(());
    }
    for field in [
        "reportingController",
        "reportingInstance",
        "action",
        "reason",
    ] {
        match object[field].as_str().unwrap_or_default() {
            "" => return Err(invalid(&format!("{field}: Required value"))),
            text if text.len() > LONGEST_WORD => {
                let message = format!("{field}: Too long: may not be more than {LONGEST_WORD}");
                return Err(invalid(&message));
            }
            _ => {}
        }
    }
    if object["eventTime"].is_null() {
        return Err(invalid("eventTime: Required value"));
    }
    if !["Normal", "Warning"].contains(&object["type"].as_str().unwrap_or_default()) {
        return Err(invalid("type: Invalid value: must be Normal or Warning"));
    }
    if object["note"].as_str().unwrap_or_default().len() > LONGEST_NOTE {
        let message = format!("note: Too long: may not be more than {LONGEST_NOTE} bytes");
        return Err(invalid(&message));
    }
    Ok(())
}

fn invalid(message: &str) -> Status {
    Status::invalid(format!("Event is invalid: {message}"))
}
