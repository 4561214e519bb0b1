//! Why a caller gets nothing.

use tonic::Status;

use super::question::Question;

/// Why a caller gets nothing. Each is told in words that name the right that is missing, and no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// Neither a certificate nor a token.
    #[error(
        "a bearer token of the cluster is needed (metadata `authorization: Bearer TOKEN`), or a client certificate that \
         this server trusts"
    )]
    NoToken,
    /// A token that is wrong, has expired, was revoked, or is meant for others.
    #[error("the API server does not accept the token: {0}")]
    BadToken(String),
    /// A right is missing.
    #[error("User \"{user}\" cannot {question}")]
    Denied {
        /// Who.
        user: String,
        /// What.
        question: Question,
    },
    /// Nothing that there is may be read.
    #[error(
        "none of the flows here is of a namespace in which User \"{user}\" can watch resource \"flows\" in API group \
         \"observer.netpol\""
    )]
    NothingReadable {
        /// Who.
        user: String,
    },
    /// What is remembered is of all namespaces, and no part of it can be shown alone.
    #[error(
        "history is of all namespaces: User \"{user}\" cannot {question}",
        question = Question::AllFlows
    )]
    NoHistory {
        /// Who.
        user: String,
    },
    /// The API server cannot be asked.
    #[error("who you are and what you may read cannot be asked of the API server: {0}")]
    Unanswered(String),
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Self {
        let message = refused.to_string();
        match refused {
            Refused::NoToken | Refused::BadToken(_) => Self::unauthenticated(message),
            Refused::Denied { .. }
            | Refused::NothingReadable { .. }
            | Refused::NoHistory { .. } => Self::permission_denied(message),
            Refused::Unanswered(_) => Self::unavailable(message),
        }
    }
}
