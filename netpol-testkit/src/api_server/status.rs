//! The Status objects that a server answers a refused request with, worded as it words them.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::query::{Target, Verb};

/// A refusal: HTTP code and Status object.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    pub(crate) code: StatusCode,
    reason: &'static str,
    message: String,
    details: Option<Value>,
}

impl Status {
    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
        }
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    /// A server that cannot answer now. It words the codes that it is known to send.
    pub(crate) fn failure(code: StatusCode) -> Self {
        let (reason, message) = match code {
            StatusCode::TOO_MANY_REQUESTS => (
                "TooManyRequests",
                "Too many requests, please try again later.",
            ),
            StatusCode::SERVICE_UNAVAILABLE => (
                "ServiceUnavailable",
                "the server is currently unable to handle the request",
            ),
            _ => ("InternalError", "Internal error occurred"),
        };
        Self::new(code, reason, message)
    }

    pub(crate) fn forbidden(user: &str, verb: Verb, target: &Target) -> Self {
        let resource = target.resource();
        let group = &resource.group;
        let plural = match target {
            Target::Subresource { subresource, .. } => {
                format!("{}/{subresource}", resource.plural)
            }
            _ => resource.plural.clone(),
        };
        let place = match target.namespace() {
            Some(namespace) => format!("in the namespace \"{namespace}\""),
            None => "at the cluster scope".to_owned(),
        };
        let subject = match target.name() {
            Some(name) => format!("{} \"{name}\"", resource.name()),
            None => resource.name(),
        };
        let message = format!(
            "{subject} is forbidden: User \"{user}\" cannot {verb} resource \"{plural}\" in API \
             group \"{group}\" {place}"
        );
        let mut details = json!({ "group": group, "kind": plural });
        if let Some(name) = target.name() {
            details["name"] = json!(name);
        }
        Self {
            details: Some(details),
            ..Self::new(StatusCode::FORBIDDEN, "Forbidden", message)
        }
    }

    pub(crate) fn not_found(resource: &str, name: &str) -> Self {
        let message = format!("{resource} \"{name}\" not found");
        Self {
            details: Some(json!({ "name": name, "kind": resource })),
            ..Self::new(StatusCode::NOT_FOUND, "NotFound", message)
        }
    }

    pub(crate) fn already_exists(resource: &str, name: &str) -> Self {
        let message = format!("{resource} \"{name}\" already exists");
        Self {
            details: Some(json!({ "name": name, "kind": resource })),
            ..Self::new(StatusCode::CONFLICT, "AlreadyExists", message)
        }
    }

    /// A change of a state that is not the newest any more.
    pub(crate) fn conflict(resource: &str, name: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {resource} \"{name}\": the object has been modified; \
             please apply your changes to the latest version and try again"
        );
        Self {
            details: Some(json!({ "name": name, "kind": resource })),
            ..Self::new(StatusCode::CONFLICT, "Conflict", message)
        }
    }

    pub(crate) fn unsupported_media_type(given: &str) -> Self {
        let message = format!("the body of the request was in an unknown format: {given}");
        let code = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Self::new(code, "UnsupportedMediaType", message)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
    }

    /// A watch from before the remembered changes.
    pub(crate) fn too_old(version: u64, oldest: u64) -> Self {
        let message = format!("too old resource version: {version} ({oldest})");
        Self::new(StatusCode::GONE, "Expired", message)
    }

    /// A list, or its continuation, of a state that is forgotten.
    pub(crate) fn expired(what: &str) -> Self {
        let message =
            format!("The provided {what} is too old to display a consistent list result.");
        Self::new(StatusCode::GONE, "Expired", message)
    }

    /// A list of a state that is not there yet.
    pub(crate) fn too_large(version: u64, newest: u64) -> Self {
        let message = format!("Too large resource version: {version}, current: {newest}");
        let cause =
            json!({ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" });
        Self {
            details: Some(json!({ "causes": [cause], "retryAfterSeconds": 1 })),
            ..Self::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message)
        }
    }

    pub(crate) fn object(&self) -> Value {
        let mut object = json!({
            "apiVersion": "v1",
            "kind": "Status",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code.as_u16(),
        });
        if let Some(details) = &self.details {
            object["details"] = details.clone();
        }
        object
    }
}
