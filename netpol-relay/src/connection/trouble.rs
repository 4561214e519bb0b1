//! Why an agent's flows cannot be had, in the words of whoever has to see to it.

use std::error::Error;
use std::io;
use std::iter::successors;

use tonic::{Code, Status};

/// What an agent answered, or what kept its answer away.
pub(crate) fn of_status(status: &Status) -> String {
    // A failed connection comes as a status as well; only then there is a cause.
    if let Some(cause) = status.source() {
        return of_transport(cause);
    }
    let message = status.message().trim();
    match status.code() {
        Code::Unauthenticated => format!("certificate not accepted by the agent: {message}"),
        Code::Unimplemented => "what listens there is no netpol-agent".to_owned(),
        Code::Unavailable => message.to_owned(),
        Code::Internal | Code::DataLoss | Code::OutOfRange => {
            format!("answers what cannot be read: {message}")
        }
        code => format!("the agent answers {code:?}: {message}"),
    }
}

/// What happened below gRPC.
pub(super) fn of_transport(error: &(dyn Error + 'static)) -> String {
    let causes = || successors(Some(error), |error| (*error).source());
    let texts = || causes().map(ToString::to_string);
    let after = |what: &str| {
        texts().find_map(|text| text.split_once(what).map(|(_, reason)| reason.to_owned()))
    };
    if let Some(reason) = after("invalid peer certificate: ") {
        return format!("the agent's certificate cannot be trusted: {reason}");
    }
    if let Some(alert) = after("received fatal alert: ") {
        return format!("certificate not accepted by the agent ({alert})");
    }
    if texts().any(|text| text.contains("InvalidContentType") || text.contains("corrupt message")) {
        return "what listens there speaks no TLS".to_owned();
    }
    if texts().any(|text| text.contains("failed to lookup address")) {
        return "its name cannot be resolved".to_owned();
    }
    let kind = causes()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .last()
        .map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(io::ErrorKind::NotFound) => "connection refused: no such socket".to_owned(),
        Some(io::ErrorKind::PermissionDenied) => "permission denied at its socket".to_owned(),
        Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => {
            "no route to its address".to_owned()
        }
        Some(io::ErrorKind::TimedOut) => "does not answer: connecting timed out".to_owned(),
        Some(
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof,
        ) => "the connection was cut".to_owned(),
        _ => {
            let deepest = texts().last().unwrap_or_default();
            format!("connection failed: {deepest}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_apart() {
        let io =
            |kind: io::ErrorKind, text: &str| of_transport(&io::Error::new(kind, text.to_owned()));
        let other = |text: &str| io(io::ErrorKind::InvalidData, text);
        for (told, expected) in [
            (
                io(io::ErrorKind::ConnectionRefused, "x"),
                "connection refused",
            ),
            (
                other("invalid peer certificate: UnknownIssuer"),
                "the agent's certificate cannot be trusted: UnknownIssuer",
            ),
            (
                other("received fatal alert: CertificateRequired"),
                "certificate not accepted by the agent (CertificateRequired)",
            ),
            (
                other("received corrupt message of type InvalidContentType"),
                "what listens there speaks no TLS",
            ),
            (
                of_status(&Status::unauthenticated(
                    "no certificate of the agents' authority",
                )),
                "certificate not accepted by the agent: no certificate of the agents' authority",
            ),
            (
                of_status(&Status::unavailable("the agent is stopping")),
                "the agent is stopping",
            ),
            (
                of_status(&Status::resource_exhausted("too many streams")),
                "the agent answers ResourceExhausted: too many streams",
            ),
        ] {
            assert_eq!(told, expected);
        }
    }
}
