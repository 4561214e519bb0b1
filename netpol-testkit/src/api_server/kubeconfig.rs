//! The kubeconfig by which a client finds the server.

use serde_json::{Value, json};

/// One cluster, one user with a bearer token, one context that is the current one.
pub(crate) fn document(server: &str, token: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "testkit", "cluster": { "server": server } }],
        "users": [{ "name": "agent", "user": { "token": token } }],
        "contexts": [{ "name": "testkit", "context": { "cluster": "testkit", "user": "agent" } }],
        "current-context": "testkit",
    })
}
