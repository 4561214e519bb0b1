//! Pods on a node, their manifests, and the agent that is told of them.

use netpol_testkit::{AgentProcess, Cluster, PodSpec, WorkDirectory, inventory};

/// Removed with everything in it when dropped.
pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    pub(crate) directory: WorkDirectory,
}

impl Scene {
    /// Makes the pods and writes their manifests to `manifests` in the scene's directory.
    pub(crate) fn new(pods: impl IntoIterator<Item = PodSpec>) -> Self {
        let builder = pods
            .into_iter()
            .fold(Cluster::builder("npa"), |cluster, pod| cluster.pod(pod));
        let scene = Self {
            cluster: builder.build().unwrap(),
            directory: WorkDirectory::unique("npa").unwrap(),
        };
        std::fs::create_dir(scene.directory.path().join("manifests")).unwrap();
        scene.tell();
        scene
    }

    /// Writes the manifests anew, after pods came or went.
    pub(crate) fn tell(&self) {
        inventory::write(&self.cluster, &self.directory.path().join("manifests")).unwrap();
    }

    /// Starts the agent on the node, beside the arguments that every test needs.
    pub(crate) fn agent(&self, arguments: &[&str]) -> AgentProcess {
        let manifests = self.directory.path().join("manifests");
        let needed = [
            "--inventory",
            manifests.to_str().unwrap(),
            "--node",
            inventory::NODE_NAME,
        ];
        let arguments = needed.iter().chain(arguments).copied();
        AgentProcess::start(self.cluster.node(), self.directory.path(), arguments).unwrap()
    }
}
