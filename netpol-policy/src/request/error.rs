//! Why a question cannot be asked.

use super::hint::Hint;
use crate::model::Protocol;

/// Bytes that a name of the API may have at most, of whatever kind.
pub(super) const LONGEST_NAME: usize = 253;

/// What was written, as far as an error has room for it: requests come from files that anybody may have written.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Why a question cannot be asked, in words for whoever asked it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Not the form of an end.
    #[error(
        "expected NAMESPACE/POD, NAMESPACE/NAME[KIND], node/NAME or an IP address, found {text:?}"
    )]
    Malformed {
        /// As it was written, or how it begins.
        text: String,
    },
    /// Not the form of a port.
    #[error("expected a port from 1 to 65535 or its name, found {text:?}")]
    Port {
        /// As it was written, or how it begins.
        text: String,
    },
    /// Not a protocol.
    #[error(
        "expected TCP, UDP, SCTP, ICMP, ICMPv6 or a number up to 255 as protocol, found {text:?}"
    )]
    Protocol {
        /// As it was written, or how it begins.
        text: String,
    },
    /// A port beside a protocol without ports.
    #[error("{protocol} has no ports that policies know")]
    PortWithoutProtocol {
        /// Which protocol.
        protocol: Protocol,
    },
    /// No such object.
    #[error("no {object}{hint}")]
    NotFound {
        /// Such as `pod prod/web`.
        object: String,
        /// What there is.
        hint: Hint,
    },
    /// A workload whose pods have all finished, and that has no template.
    #[error("no pod of {workload} runs; finished: {}", finished.join(", "))]
    NoLivePod {
        /// Such as `Job prod/migrate`.
        workload: String,
        /// Its pods.
        finished: Vec<String>,
    },
    /// A Node whose addresses are not known.
    #[error("node {node} has no address in its status")]
    NoAddress {
        /// Its name.
        node: String,
    },
    /// A Service cannot be the opener.
    #[error("{service} opens no connections; ask about the pods behind it")]
    OpenedByService {
        /// Such as `Service prod/web`.
        service: String,
    },
    /// No backend can be named, and there is no address that could stand for them.
    #[error("{service} has no backends: {reason}")]
    NoBackends {
        /// Such as `Service prod/web`.
        service: String,
        /// Why.
        reason: &'static str,
    },
    /// No such port at the destination.
    #[error("{end} has no {protocol} port {port}{hint}")]
    NoSuchPort {
        /// Such as `Service prod/web` or `pod prod/web-0`.
        end: String,
        /// The protocol asked about.
        protocol: Protocol,
        /// As it was written.
        port: String,
        /// What ports there are.
        hint: Hint,
    },
    /// A name of a port where nobody gives names to ports.
    #[error("port {port:?}: only pods and Services have names for ports, {end} needs a number")]
    NamedPortOfNobody {
        /// As it was written.
        port: String,
        /// Such as `node worker-1`.
        end: String,
    },
}
