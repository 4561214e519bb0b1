//! What can go wrong, in words for the person at the terminal, and the exit code of each.

use std::{error::Error, io};

use netpol_transport::client::ConnectError;
use tonic::Code;

use crate::{cluster::ClusterError, connection::SOCKET};

/// Ends a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(
        "there is nothing to ask: no agent's socket at {SOCKET}, and no kubeconfig at {kubeconfig}; on a node, is \
         netpol-agent running? elsewhere, give --kubeconfig FILE or --server ADDRESS"
    )]
    NothingToAsk { kubeconfig: String },
    #[error("{}", explain(.0))]
    Connect(#[from] ConnectError),
    #[error("{}", explain_cluster(.0))]
    Cluster(#[from] Box<ClusterError>),
    #[error("{server} does not answer as a netpol agent{}", because(.reason))]
    NotAnAgent { server: String, reason: String },
    /// `hint` says what to do about it.
    #[error("{server} does not know who you are: {reason}{}", after(.hint))]
    Unauthenticated {
        server: String,
        reason: String,
        hint: String,
    },
    #[error("{server} does not let you read that: {reason}")]
    PermissionDenied { server: String, reason: String },
    #[error("{server} knows no node {node}; it knows {known}")]
    NoSuchNode {
        server: String,
        node: String,
        known: String,
    },
    #[error("the connection to {server} broke{}", because(.reason))]
    Broken { server: String, reason: String },
    #[error("{server} ended the stream: {reason}")]
    Stream { server: String, reason: String },
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
    #[error("no node remembers anything; do the agents run with --history?")]
    NothingRemembered,
    /// Of a command whose exit code 1 is an answer: whatever kept it from answering.
    #[error("{0}")]
    NoAnswer(#[source] Box<CliError>),
}

impl CliError {
    /// A call that got no answer. A status with a cause was made up on this side: HTTP/2 itself failed.
    /// `no_token` says why no token was shown.
    pub(crate) fn of_call(server: &str, status: &tonic::Status, no_token: Option<&str>) -> Self {
        let (server, reason) = (server.to_owned(), innermost(status));
        match status.code() {
            Code::InvalidArgument => Self::Usage(reason),
            Code::Unimplemented => Self::NotAnAgent { server, reason },
            Code::Unauthenticated => Self::Unauthenticated {
                server,
                reason,
                hint: no_token.unwrap_or_default().to_owned(),
            },
            Code::PermissionDenied => Self::PermissionDenied { server, reason },
            _ if status.source().is_some() => Self::NotAnAgent { server, reason },
            _ => Self::Stream { server, reason },
        }
    }

    /// A stream that had begun and broke.
    pub(crate) fn of_stream(server: &str, status: &tonic::Status) -> Self {
        let (server, reason) = (server.to_owned(), innermost(status));
        match (status.code(), status.source()) {
            (Code::PermissionDenied, _) => Self::PermissionDenied { server, reason },
            (_, Some(_)) => Self::Broken { server, reason },
            (_, None) => Self::Stream { server, reason },
        }
    }

    /// An answer that could not be written. Its exit code is an answer too, also for a reader that went away.
    pub(crate) fn of_answer(error: io::Error) -> Result<(), Self> {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(Self::Answer(error)),
        }
    }

    /// What kept a command from answering whose exit code 1 is an answer.
    pub(crate) fn no_answer(self) -> Self {
        Self::NoAnswer(Box::new(self))
    }

    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) | Self::Answer(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Input(_) | Self::Answer(_) | Self::NoAnswer(_) => 2,
            _ => 1,
        }
    }
}

/// The last cause says the most; the server's own message where there is none. Empty where there is no more to say than that
/// the other side is gone.
fn innermost(status: &tonic::Status) -> String {
    let causes = || std::iter::successors(status.source(), |cause| (*cause).source());
    let gone = [
        io::ErrorKind::UnexpectedEof,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::BrokenPipe,
    ];
    // HTTP/2 keeps what the connection said to itself.
    let in_http2 = |cause: &'_ (dyn Error + 'static)| {
        Some(cause.downcast_ref::<h2::Error>()?.get_io()?.kind())
    };
    let plain = |cause: &'_ (dyn Error + 'static)| Some(cause.downcast_ref::<io::Error>()?.kind());
    let mut kinds = causes().filter_map(|cause| in_http2(cause).or_else(|| plain(cause)));
    if kinds.any(|kind| gone.contains(&kind)) {
        return String::new();
    }
    causes()
        .last()
        .map_or_else(|| status.message().to_owned(), ToString::to_string)
}

fn because(reason: &str) -> String {
    match reason {
        "" => String::new(),
        reason => format!(": {reason}"),
    }
}

fn after(hint: &str) -> String {
    match hint {
        "" => String::new(),
        hint => format!(" ({hint})"),
    }
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
        ConnectError::UnknownAuthority { .. } => {
            format!("{error}; --tls-ca FILE names the authority")
        }
        ConnectError::ClientCertificateWanted { .. } => {
            format!("{error} (--tls-cert FILE --tls-key FILE)")
        }
        other => other.to_string(),
    }
}

fn explain_cluster(error: &ClusterError) -> String {
    match error {
        ClusterError::Connect(error) => explain(error),
        other => other.to_string(),
    }
}
