//! Two nodes with a pod each, and the agents that are told of both.

use std::net::Ipv4Addr;
use std::path::Path;

use serde_json::{Value, json};

use crate::{AgentProcess, Cluster, Error, PodSpec, Result, WorkDirectory, inventory, underlay};

/// `ci/build` on `node-1`, `data/db` on `node-2`, and a link between them. Removed when dropped; agents that run on them are to be
/// dropped before.
#[derive(Debug)]
pub struct NodePair {
    nodes: [Cluster; 2],
    directory: WorkDirectory,
}

impl NodePair {
    /// Makes them, in namespaces of this prefix, and the manifests of everything, these policies among them.
    ///
    /// # Errors
    /// When the kernel refuses a part of it, or a file cannot be written.
    pub fn new(prefix: &str, policies: &str) -> Result<Self> {
        let directory = WorkDirectory::unique(prefix)?;
        let node = |pod: &str, address: [u8; 4]| {
            let pod = PodSpec::new(pod, Ipv4Addr::from(address));
            Cluster::builder(prefix).pod(pod).build()
        };
        let nodes = [
            node("ci/build", [10, 244, 1, 10])?,
            node("data/db", [10, 244, 2, 20])?,
        ];
        underlay::connect(&nodes[0], &nodes[1])?;
        let told = directory.path().join("manifests");
        std::fs::create_dir(&told)
            .and_then(|()| std::fs::write(told.join("cluster.json"), manifests(&nodes).to_string()))
            .and_then(|()| std::fs::write(told.join("policies.yaml"), policies))
            .map_err(Error::io(format!("write {}", told.display())))?;
        Ok(Self { nodes, directory })
    }

    /// The nodes, each with its pod.
    #[must_use]
    pub fn nodes(&self) -> &[Cluster; 2] {
        &self.nodes
    }

    /// A directory for whatever belongs to them.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts the agents of both, each with its files in `node-1` or `node-2` of the directory, and with further arguments by that
    /// directory of its own.
    ///
    /// # Errors
    /// As [`AgentProcess::start`].
    pub fn agents(&self, arguments: impl Fn(&Path) -> Vec<String>) -> Result<[AgentProcess; 2]> {
        let agent = |number: usize| {
            let own = self.directory().join(name(number));
            std::fs::create_dir(&own).map_err(Error::io(format!("make {}", own.display())))?;
            let told = self.directory().join("manifests").display().to_string();
            let needed = [
                "--inventory".to_owned(),
                told,
                "--node".to_owned(),
                name(number),
            ];
            let arguments = [needed.to_vec(), arguments(&own)].concat();
            let arguments = arguments.iter().map(String::as_str);
            AgentProcess::start(self.nodes[number].node(), &own, arguments)
        };
        Ok([agent(0)?, agent(1)?])
    }
}

fn name(number: usize) -> String {
    format!("node-{}", number + 1)
}

/// Manifests of two nodes and all their pods.
fn manifests(nodes: &[Cluster; 2]) -> Value {
    let mut items = Vec::new();
    for (number, cluster) in nodes.iter().enumerate() {
        let address = underlay::NODES[number].to_string();
        items.push(json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name(number)},
            "status": {"addresses": [{"type": "InternalIP", "address": address}]},
        }));
        for pod in cluster.pods() {
            let mut object = inventory::pod(pod.spec());
            object["spec"]["nodeName"] = json!(name(number));
            items.push(object);
            items.push(inventory::namespace(&pod.spec().namespace));
        }
    }
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}
