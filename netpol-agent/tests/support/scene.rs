//! Pods on a node, their manifests, and the agent that is told of them.

use std::process::Command;

use netpol_testkit::{AgentProcess, Cluster, PodSpec, WorkDirectory, artifact, inventory};

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
        self.start(self.command(arguments))
    }

    /// What starts it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(artifact::binary("netpol-agent").unwrap());
        command.arg("--inventory");
        command.arg(self.directory.path().join("manifests"));
        command.args(["--node", inventory::NODE_NAME]);
        command.args(arguments);
        command
    }

    /// Starts it on the node.
    pub(crate) fn start(&self, command: Command) -> AgentProcess {
        AgentProcess::start_command(self.cluster.node(), self.directory.path(), command).unwrap()
    }
}
