use std::path::PathBuf;

/// What can go wrong while a cluster is made or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program could not be started at all.
    #[error("cannot start {program}: {source}")]
    Start {
        /// Program that was to be started.
        program: String,
        /// Why it was not.
        source: std::io::Error,
    },
    /// A program ran and failed.
    #[error("{command} failed ({status}): {stderr}")]
    Failed {
        /// Command line, for people.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// A file, socket or system call failed.
    #[error("{action}: {source}")]
    Io {
        /// What was being done, with the object's name.
        action: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// An interface was set up, and the kernel did not put it to use in time.
    #[error("{interface} in {namespace} is not ready after {seconds} s: {lack}")]
    NotReady {
        /// Name of the interface.
        interface: String,
        /// Name of its namespace.
        namespace: String,
        /// What is missing.
        lack: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A binary of this workspace was not built.
    #[error(
        "{name} is not built: run `cargo xtask build` (looked in {})",
        list(searched)
    )]
    NotBuilt {
        /// Name of the binary.
        name: String,
        /// Where it was looked for.
        searched: Vec<PathBuf>,
    },
    /// The agent ended, or did not become ready in time.
    #[error("netpol-agent {what}; its log says:\n{log}")]
    Agent {
        /// What happened instead of becoming ready.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// `flows` wrote a line that is no JSON.
    #[error("flows wrote a line that is not JSON ({source}): {line}")]
    FlowsOutput {
        /// The line.
        line: String,
        /// The parser's complaint.
        source: serde_json::Error,
    },
}

/// Shorthand for this crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// For `map_err`: adds what was being done to an I/O error.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}
