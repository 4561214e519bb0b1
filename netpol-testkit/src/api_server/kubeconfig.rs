//! The kubeconfig by which a client finds the server.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::authority::Identity;

/// How a client says who it is.
pub(crate) enum Credential {
    Token(String),
    Certificate(Identity),
}

/// One cluster, one user, one context that is the current one. `authority` is the PEM certificate
/// that the server's is checked against.
pub(crate) fn document(server: &str, authority: Option<String>, credential: Credential) -> Value {
    let mut cluster = json!({ "server": server });
    if let Some(authority) = authority {
        cluster["certificate-authority-data"] = data(&authority);
    }
    let user = match credential {
        Credential::Token(token) => json!({ "token": token }),
        Credential::Certificate(identity) => json!({
            "client-certificate-data": data(&identity.certificate),
            "client-key-data": data(&identity.key),
        }),
    };
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "testkit", "cluster": cluster }],
        "users": [{ "name": "agent", "user": user }],
        "contexts": [{ "name": "testkit", "context": { "cluster": "testkit", "user": "agent" } }],
        "current-context": "testkit",
    })
}

fn data(pem: &str) -> Value {
    json!(BASE64_STANDARD.encode(pem))
}
