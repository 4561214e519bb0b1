//! Who is at the other end of a connection, as far as the connection itself tells.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::CertificateDer;
use tonic::Extensions;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// The other end of a connection. Each request carries it among its extensions; see [`Peer::of`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Somebody whom the socket's mode lets in.
    Unix,
    /// Somebody, in plain text.
    PlainText(SocketAddr),
    /// Somebody, in TLS.
    Tls {
        /// Where from.
        address: SocketAddr,
        /// The certificate shown, if any: an authority of `--tls-client-ca` has signed it, and it was in time.
        certificate: Option<ClientCertificate>,
    },
}

/// A client's certificate that has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Its subject, such as `CN=netpol-relay`.
    pub subject: Arc<str>,
}

impl Peer {
    /// The peer of a request; `None` for one that came by no listener of ours.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get::<Self>()
    }

    /// The verified certificate it has shown, if any.
    #[must_use]
    pub fn certificate(&self) -> Option<&ClientCertificate> {
        match self {
            Self::Tls { certificate, .. } => certificate.as_ref(),
            Self::Unix | Self::PlainText(_) => None,
        }
    }
}

impl ClientCertificate {
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Self {
        let subject = X509Certificate::from_der(certificate)
            .map(|(_, certificate)| certificate.subject().to_string())
            .unwrap_or_else(|_| "unreadable subject".to_owned());
        Self {
            subject: subject.into(),
        }
    }
}
