//! Why no connection came up, in words that say what to do about it.

use std::io;
use std::time::Duration;

use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

use crate::tls::{TlsError, timestamp};

/// No connection came up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The socket file does not exist, or nobody accepts on it.
    #[error("nobody listens at {server}")]
    NobodyListens {
        /// The address tried.
        server: String,
    },
    /// The socket file is not ours to open.
    #[error("permission denied at {server}")]
    PermissionDenied {
        /// The address tried.
        server: String,
    },
    /// No answer, or only a part of one.
    #[error("{server} does not answer within {} s", .after.as_secs())]
    TimedOut {
        /// The address tried.
        server: String,
        /// How long was waited.
        after: Duration,
    },
    /// `http://` for a port that speaks TLS.
    #[error("{server} speaks TLS: use https://")]
    SpeaksTls {
        /// The address tried.
        server: String,
    },
    /// `https://` for a port that does not speak TLS.
    #[error("{server} does not speak TLS: use http://, if plain text is meant")]
    SpeaksNoTls {
        /// The address tried.
        server: String,
    },
    /// Something answers that is no gRPC server.
    #[error("{server} does not answer in HTTP/2, as a gRPC server would")]
    NoHttp2 {
        /// The address tried.
        server: String,
    },
    /// The server's certificate comes from somebody who is not trusted.
    #[error("the certificate of {server} is signed by no authority in {trusted}")]
    UnknownAuthority {
        /// The address tried.
        server: String,
        /// Where the trusted authorities come from.
        trusted: String,
    },
    /// The server's certificate is for another name.
    #[error("the certificate of {server} is not for {expected}{}", presented(.names))]
    NameMismatch {
        /// The address tried.
        server: String,
        /// The name asked for.
        expected: String,
        /// The names that the certificate is for, as far as known.
        names: Vec<String>,
    },
    /// The server's certificate is over.
    #[error("the certificate of {server} expired{}", at(.since))]
    Expired {
        /// The address tried.
        server: String,
        /// When, where known.
        since: Option<String>,
    },
    /// The server's certificate has not begun, or this machine's clock is behind.
    #[error("the certificate of {server} is not valid yet{}; is the clock right?", begins(.from))]
    NotYetValid {
        /// The address tried.
        server: String,
        /// When it begins, where known.
        from: Option<String>,
    },
    /// The server's certificate is wrong in another way.
    #[error("the certificate of {server} cannot be accepted: {reason}")]
    BadCertificate {
        /// The address tried.
        server: String,
        /// In what way.
        reason: String,
    },
    /// The server wants to see a certificate, and none was given.
    #[error("{server} wants a client certificate, and none was given")]
    ClientCertificateWanted {
        /// The address tried.
        server: String,
    },
    /// The server does not accept the certificate that it was shown.
    #[error("{server} does not accept the client certificate: {reason}")]
    ClientCertificateRefused {
        /// The address tried.
        server: String,
        /// What it says of it.
        reason: &'static str,
    },
    /// A token is for TLS and for Unix sockets alone.
    #[error("a token is not sent to {server} in plain text: use https://")]
    TokenInPlainText {
        /// The address not tried.
        server: String,
    },
    /// A name that no certificate can be for.
    #[error("{name:?} is no name that a certificate could be for")]
    BadServerName {
        /// The name.
        name: String,
    },
    /// A certificate, key or authority of this side cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Anything else: a name that does not resolve, a network that is unreachable.
    #[error("cannot connect to {server}: {reason}")]
    Other {
        /// The address tried.
        server: String,
        /// The innermost cause.
        reason: String,
    },
}

fn presented(names: &[String]) -> String {
    if names.is_empty() {
        String::new()
    } else {
        format!(", but for {}", names.join(", "))
    }
}

/// `x` of `DnsName("x")` and `IpAddress(x)`, as rustls writes names.
fn bare(name: &str) -> String {
    let inner = name
        .split_once('(')
        .and_then(|(_, inner)| inner.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"').to_owned()
}

fn at(time: &Option<String>) -> String {
    time.as_ref()
        .map(|time| format!(" at {time}"))
        .unwrap_or_default()
}

fn begins(time: &Option<String>) -> String {
    time.as_ref()
        .map(|time| format!(", but from {time}"))
        .unwrap_or_default()
}

impl ConnectError {
    /// What came of opening or of using the connection, before the server said anything that makes sense.
    pub(super) fn of_io(server: &str, trusted: Option<&str>, error: &io::Error) -> Self {
        let server = server.to_owned();
        let tls = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(error) = tls {
            return Self::of_tls(server, trusted.unwrap_or_default(), error);
        }
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                Self::NobodyListens { server }
            }
            io::ErrorKind::PermissionDenied => Self::PermissionDenied { server },
            _ => Self::Other {
                server,
                reason: error.to_string(),
            },
        }
    }

    fn of_tls(server: String, trusted: &str, error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => {
                Self::of_certificate(server, trusted, error)
            }
            rustls::Error::AlertReceived(alert) => Self::of_alert(server, *alert),
            // Whatever it sent, it was no TLS.
            rustls::Error::InvalidMessage(_) => Self::SpeaksNoTls { server },
            other => Self::Other {
                server,
                reason: format!("TLS: {other}"),
            },
        }
    }

    fn of_certificate(server: String, trusted: &str, error: &CertificateError) -> Self {
        let utc = |seconds: u64| timestamp(std::time::UNIX_EPOCH + Duration::from_secs(seconds));
        match error {
            // Also an authority made anew under its old name.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Self::UnknownAuthority {
                    server,
                    trusted: trusted.to_owned(),
                }
            }
            CertificateError::NotValidForNameContext {
                expected,
                presented,
            } => Self::NameMismatch {
                server,
                expected: expected.to_str().into_owned(),
                names: presented.iter().map(|name| bare(name)).collect(),
            },
            CertificateError::Expired => Self::Expired {
                server,
                since: None,
            },
            CertificateError::ExpiredContext { not_after, .. } => Self::Expired {
                server,
                since: Some(utc(not_after.as_secs())),
            },
            CertificateError::NotValidYet => Self::NotYetValid { server, from: None },
            CertificateError::NotValidYetContext { not_before, .. } => Self::NotYetValid {
                server,
                from: Some(utc(not_before.as_secs())),
            },
            // What webpki alone calls by name, rustls hands on as it is.
            CertificateError::Other(other)
                if format!("{other:?}").contains("CaUsedAsEndEntity") =>
            {
                Self::BadCertificate {
                    server,
                    reason: "it is that of an authority, not of a server".to_owned(),
                }
            }
            other => Self::BadCertificate {
                server,
                reason: other.to_string(),
            },
        }
    }

    /// Alerts of RFC 8446, section 6.2, that speak of the certificate of this side.
    fn of_alert(server: String, alert: AlertDescription) -> Self {
        let reason = match alert {
            AlertDescription::CertificateRequired => {
                return Self::ClientCertificateWanted { server };
            }
            // The second: an authority of that name is trusted, with another key.
            AlertDescription::UnknownCA | AlertDescription::DecryptError => {
                "it is signed by no authority that is trusted there"
            }
            AlertDescription::CertificateExpired => "it has expired, or is not valid yet",
            AlertDescription::CertificateRevoked => "it is revoked",
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateUnknown => "it is not good for a client",
            AlertDescription::AccessDenied => "it gives no access",
            other => {
                return Self::Other {
                    server,
                    reason: format!("TLS: the server ends the handshake ({other:?})"),
                };
            }
        };
        Self::ClientCertificateRefused { server, reason }
    }
}
