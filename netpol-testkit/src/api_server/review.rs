//! TokenReview, SubjectAccessReview and TokenRequest: questions that are posted, and not stored.

use std::time::Duration;

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::ApiServer;
use super::shared::State;
use super::status::Status;
use super::store::Key;
use super::users::{AUDIENCE, Token, User};
use super::write::read;

/// What they are posted to, as rules of RBAC name it.
pub(crate) const TOKEN_REVIEWS: &str = "tokenreviews.authentication.k8s.io";
pub(crate) const SUBJECT_ACCESS_REVIEWS: &str = "subjectaccessreviews.authorization.k8s.io";
pub(crate) const TOKEN_REQUESTS: &str = "serviceaccounts/token";

/// The shortest and the usual life of a token.
const SHORTEST_LIFE: u64 = 600;
const USUAL_LIFE: u64 = 3600;

/// Answers a TokenReview: whose token it is, and for which of the audiences asked for.
pub(crate) fn token_review(state: &State, body: &Bytes) -> Result<Value, Status> {
    let mut review = read(body, "authentication.k8s.io/v1", "TokenReview")?;
    let spec = &review["spec"];
    let Some(token) = spec["token"].as_str().filter(|token| !token.is_empty()) else {
        return Err(Status::invalid("spec.token: Required value"));
    };
    let asked = texts(&spec["audiences"], AUDIENCE);
    review["status"] = match state.user_of(token) {
        None => json!({ "error": "[invalid bearer token, token lookup failed]" }),
        Some(Token { user, audiences }) => {
            let common = asked.iter().filter(|asked| audiences.contains(asked));
            let common: Vec<_> = common.collect();
            if common.is_empty() {
                let error = format!(
                    "[invalid bearer token, token audiences {audiences:?} is invalid for the \
                     target audiences {asked:?}]"
                );
                json!({ "error": error })
            } else {
                let mut description = json!({
                    "username": user.name,
                    "uid": format!("uid of {}", user.name),
                    "groups": user.groups,
                });
                if !user.extra.is_empty() {
                    description["extra"] = json!(user.extra);
                }
                json!({ "authenticated": true, "user": description, "audiences": common })
            }
        }
    };
    Ok(review)
}

/// Answers a SubjectAccessReview by the grants.
pub(crate) fn subject_access_review(state: &mut State, body: &Bytes) -> Result<Value, Status> {
    let mut review = read(body, "authorization.k8s.io/v1", "SubjectAccessReview")?;
    let spec = &review["spec"];
    let attributes = &spec["resourceAttributes"];
    let user = spec["user"].as_str().unwrap_or_default();
    let groups = spec["groups"].as_array().cloned().unwrap_or_default();
    if user.is_empty() && groups.is_empty() {
        return Err(Status::invalid(
            "spec.user: Required value: at least one of user or group must be specified",
        ));
    }
    if !attributes.is_object() {
        return Err(Status::invalid(
            "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or \
             resourceAttributes must be specified",
        ));
    }
    let text = |field: &str| attributes[field].as_str().unwrap_or_default();
    let mut resource = text("resource").to_owned();
    for (separator, field) in [('/', "subresource"), ('.', "group")] {
        if !text(field).is_empty() {
            resource.push(separator);
            resource.push_str(text(field));
        }
    }
    let namespace = Some(text("namespace")).filter(|namespace| !namespace.is_empty());
    let groups = groups.iter().filter_map(Value::as_str);
    let subjects: Vec<&str> = groups.chain([user]).collect();
    let users = &state.users;
    let allowed = users.allow(&subjects, text("verb"), &resource, namespace);
    state.access_reviews.push(spec.clone());
    review["status"] = if allowed {
        json!({ "allowed": true, "reason": "RBAC: allowed by a grant of the scenario" })
    } else {
        json!({ "allowed": false })
    };
    Ok(review)
}

/// Answers a TokenRequest: makes a token of a ServiceAccount that exists.
pub(crate) fn token_request(
    state: &mut State,
    (namespace, name): &Key,
    body: &Bytes,
) -> Result<Value, Status> {
    let mut request = read(body, "authentication.k8s.io/v1", "TokenRequest")?;
    let account = state.store.of_kind("ServiceAccount");
    let exists = account.is_some_and(|resource| {
        let key = (namespace.clone(), name.clone());
        state.store.object(resource, &key).is_some()
    });
    if !exists {
        return Err(Status::not_found("serviceaccounts", name));
    }
    let spec = &mut request["spec"];
    let life = spec["expirationSeconds"].as_u64().unwrap_or(USUAL_LIFE);
    if life < SHORTEST_LIFE {
        return Err(Status::invalid(format!(
            "spec.expirationSeconds: Invalid value: {life}: may not specify a duration less than \
             10 minutes"
        )));
    }
    spec["expirationSeconds"] = json!(life);
    let audiences = texts(&spec["audiences"], AUDIENCE);
    spec["audiences"] = json!(audiences);
    let user = User::service_account(namespace, name);
    let token = state.users.issue(Token { user, audiences });
    let expires = jiff::Timestamp::now() + Duration::from_secs(life);
    request["status"] = json!({
        "token": token,
        "expirationTimestamp": expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    });
    Ok(request)
}

fn texts(list: &Value, otherwise: &str) -> Vec<String> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut texts: Vec<_> = list
        .iter()
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect();
    if texts.is_empty() {
        texts.push(otherwise.to_owned());
    }
    texts
}

impl State {
    /// Whose token it is, while it is good.
    pub(crate) fn user_of(&self, token: &str) -> Option<Token> {
        if token == self.token() {
            return (!self.faults.token_expired).then(|| Token {
                user: User::agent(),
                audiences: vec![AUDIENCE.to_owned()],
            });
        }
        self.users.of_token(token).cloned()
    }
}

impl ApiServer {
    /// The `spec` of every SubjectAccessReview answered so far.
    #[must_use]
    pub fn access_reviews(&self) -> Vec<Value> {
        self.shared.state().access_reviews.clone()
    }
}
