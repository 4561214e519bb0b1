//! Whether the namespaces that are asked for exist: one that does not shows nothing, for ever.

use futures::future::join_all;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use tokio::time::timeout;

use super::trouble::{PATIENCE, Trouble, Wanted};

/// One sentence for each that does not exist, or may not be seen. Patterns are not looked at.
pub(super) async fn check(client: Client, names: &[String], context: &str) -> Vec<String> {
    let namespaces: Api<Namespace> = Api::all(client);
    let exact = names.iter().filter(|name| !name.contains('*'));
    let checks = exact.map(|name| {
        let namespaces = namespaces.clone();
        async move {
            let wanted = Wanted {
                verb: "get",
                resource: "namespaces",
                namespace: "",
            };
            let got = timeout(PATIENCE, namespaces.get_metadata(name))
                .await
                .ok()?;
            match Trouble::of(&got.err()?, wanted) {
                Trouble::NotFound => {
                    Some(format!("namespace {name}: not found in context {context}"))
                }
                Trouble::Forbidden(_) => Some(format!(
                    "namespace {name}: context {context} does not let you see whether it exists"
                )),
                // Whatever keeps the API server from answering is told elsewhere.
                Trouble::Other(_) => None,
            }
        }
    });
    join_all(checks).await.into_iter().flatten().collect()
}
