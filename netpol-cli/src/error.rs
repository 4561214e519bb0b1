//! What can go wrong, in words for the person at the terminal, and the exit code of each.

use std::{error::Error, io};

use netpol_transport::client::{ConnectError, Server};
use tonic::Code;

/// Ends a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("{}", explain(.0))]
    Connect(#[source] ConnectError),
    #[error("{server} does not answer as a netpol agent: {reason}")]
    NotAnAgent { server: Server, reason: String },
    #[error("{server} ended the stream: {reason}")]
    Stream { server: Server, reason: String },
    #[error("{0}")]
    Usage(String),
    /// Manifests, requests or names that cannot be read.
    #[error("{0}")]
    Input(String),
    /// Of a command that asks manifests: its exit codes speak of the answer.
    #[error("cannot write: {0}")]
    Answer(#[source] io::Error),
    #[error("cannot write: {0}")]
    Output(#[source] io::Error),
    #[error("cannot start: {0}")]
    Runtime(#[source] io::Error),
}

impl CliError {
    /// A call that got no answer. A status with a cause was made up on this side: HTTP/2 itself failed.
    pub(crate) fn of_call(server: &Server, status: &tonic::Status) -> Self {
        let (server, reason) = (server.clone(), innermost(status));
        match status.code() {
            Code::InvalidArgument => Self::Usage(reason),
            Code::Unimplemented => Self::NotAnAgent { server, reason },
            _ if status.source().is_some() => Self::NotAnAgent { server, reason },
            _ => Self::Stream { server, reason },
        }
    }

    /// A stream that had begun and broke.
    pub(crate) fn of_stream(server: &Server, status: &tonic::Status) -> Self {
        Self::Stream {
            server: server.clone(),
            reason: innermost(status),
        }
    }

    /// An answer that could not be written. Its exit code is an answer too, also for a reader that went away.
    pub(crate) fn of_answer(error: io::Error) -> Result<(), Self> {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(Self::Answer(error)),
        }
    }

    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) | Self::Answer(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Input(_) | Self::Answer(_) => 2,
            _ => 1,
        }
    }
}

/// The last cause says the most; the server's own message where there is none.
fn innermost(status: &tonic::Status) -> String {
    let mut reason = status.message().to_owned();
    let mut cause = status.source();
    while let Some(error) = cause {
        reason = error.to_string();
        cause = error.source();
    }
    reason
}

fn explain(error: &ConnectError) -> String {
    match error {
        ConnectError::NobodyListens { server } => {
            format!("no agent listens at {server}; is netpol-agent running? (--server)")
        }
        ConnectError::PermissionDenied { server } => {
            format!(
                "permission denied at {server}; run as root, or as a user the socket is open to"
            )
        }
        other => other.to_string(),
    }
}
