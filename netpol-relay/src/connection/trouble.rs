//! Why an agent that is connected does not do what it is asked for, in the words of whoever has to see to it.

use std::error::Error as _;

use tonic::{Code, Status};

/// What an agent answered, or what kept its answer away.
pub(crate) fn of_status(status: &Status) -> String {
    // A connection that breaks comes as a status as well; only then there is a cause.
    if status.source().is_some() {
        return "the connection was cut".to_owned();
    }
    let message = status.message().trim();
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => {
            format!("the agent does not accept the relay's certificate: {message}")
        }
        Code::Unimplemented => "what listens there is no netpol-agent".to_owned(),
        Code::Unavailable => message.to_owned(),
        Code::Internal | Code::DataLoss | Code::OutOfRange => {
            format!("its answer cannot be read: {message}")
        }
        code => format!("the agent answers {code:?}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_apart() {
        let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        for (status, expected) in [
            (
                Status::unauthenticated("no client certificate"),
                "the agent does not accept the relay's certificate: no client certificate",
            ),
            (
                Status::unavailable("the agent is stopping"),
                "the agent is stopping",
            ),
            (
                Status::resource_exhausted("too many streams"),
                "the agent answers ResourceExhausted: too many streams",
            ),
            (
                Status::internal("failed to decode Protobuf message"),
                "its answer cannot be read: failed to decode Protobuf message",
            ),
            (Status::from_error(Box::new(cut)), "the connection was cut"),
        ] {
            assert_eq!(of_status(&status), expected);
        }
    }
}
