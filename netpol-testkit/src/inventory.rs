//! The manifests of a cluster: what the agent is told about the pods that exist.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::cluster::{Cluster, NODE_IPV4, NODE_IPV6};
use crate::pod::PodSpec;
use crate::{Error, Result};

/// Name of the node in every cluster.
pub const NODE_NAME: &str = "node-1";

/// The Pod object, running on our node. JSON is YAML, so it goes into a `.yaml` file as it is.
#[must_use]
pub fn pod(spec: &PodSpec) -> Value {
    let ipv6 = spec.ipv6.map(|address| json!({ "ip": address }));
    let addresses: Vec<Value> = [json!({ "ip": spec.ipv4 })]
        .into_iter()
        .chain(ipv6)
        .collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": spec.name,
            "namespace": spec.namespace,
            "labels": spec.labels,
            "uid": format!("uid-{}-{}", spec.namespace, spec.name),
        },
        "spec": { "nodeName": NODE_NAME, "containers": [{ "name": "main", "image": "none" }] },
        "status": { "phase": "Running", "podIP": spec.ipv4, "podIPs": addresses },
    })
}

/// The Namespace object, labelled as the API server labels it.
#[must_use]
pub fn namespace(name: &str) -> Value {
    let labels = json!({ "kubernetes.io/metadata.name": name });
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } })
}

/// The Node object.
#[must_use]
pub fn node() -> Value {
    let address = |address: String| json!({ "type": "InternalIP", "address": address });
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": { "name": NODE_NAME },
        "status": { "addresses": [address(NODE_IPV4.to_string()), address(NODE_IPV6.to_string())] },
    })
}

/// Everything of a cluster as one List.
#[must_use]
pub fn list(cluster: &Cluster) -> Value {
    let pods = cluster.pods();
    let namespaces: BTreeSet<&str> = pods.iter().map(|pod| &*pod.spec().namespace).collect();
    let mut items = vec![node()];
    items.extend(namespaces.into_iter().map(namespace));
    items.extend(pods.iter().map(|running| pod(running.spec())));
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

/// Writes [`list`] to `DIRECTORY/cluster.json`, in one step for whoever follows the directory.
///
/// # Errors
/// When the file cannot be written.
pub fn write(cluster: &Cluster, directory: &Path) -> Result<()> {
    let (draft, path) = (
        directory.join(".cluster.json.draft"),
        directory.join("cluster.json"),
    );
    std::fs::write(&draft, format!("{:#}\n", list(cluster)))
        .and_then(|()| std::fs::rename(&draft, &path))
        .map_err(Error::io(format!("write {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pod_carries_both_addresses_and_its_labels() {
        let spec = PodSpec::new("ci/build", [10, 244, 1, 10].into())
            .ipv6("fd00:244::10".parse().unwrap())
            .label("app", "build");
        let object = pod(&spec);
        assert_eq!(object["metadata"]["namespace"], "ci");
        assert_eq!(object["metadata"]["labels"]["app"], "build");
        assert_eq!(object["status"]["podIPs"][0]["ip"], "10.244.1.10");
        assert_eq!(object["status"]["podIPs"][1]["ip"], "fd00:244::10");
    }
}
