//! TLS of the API server, with or without a client certificate of its authority.

use std::io;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::authority::{Authority, Validity};

/// How good the server's certificate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// In time, for the address it is reached by.
    Valid,
    /// Its time is over.
    Expired,
    /// For a host of another name.
    OtherHost,
}

/// Takes TLS connections on 127.0.0.1, with or without a client certificate of the authority.
pub(crate) fn acceptor(authority: &Authority, quality: Certificate) -> io::Result<TlsAcceptor> {
    let (name, validity) = match quality {
        Certificate::Valid => ("127.0.0.1", Validity::Always),
        Certificate::Expired => ("127.0.0.1", Validity::Over),
        Certificate::OtherHost => ("api.example.com", Validity::Always),
    };
    let identity = authority.server(&[name], validity)?;
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes())
        .map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(io::Error::other)?;

    let ours = CertificateDer::from_pem_slice(authority.certificate().as_bytes())
        .map_err(io::Error::other)?;
    let mut clients = RootCertStore::empty();
    clients.add(ours).map_err(io::Error::other)?;
    let provider = Arc::new(ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(clients.into(), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(io::Error::other)?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            let config = config.with_client_cert_verifier(clients);
            config.with_single_cert(vec![certificate], key)
        })
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
