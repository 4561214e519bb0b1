//! A certificate authority of the test's own, and what it issues.

use std::io;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

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

/// A certificate and its key, both PEM.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// Issues certificates for the server and its clients.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is not for logs.
        f.write_str("Authority")
    }
}

impl Authority {
    pub(crate) fn new() -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "netpol-testkit");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        CertifiedIssuer::self_signed(params, key)
            .map(Self)
            .map_err(io::Error::other)
    }

    /// Its own certificate, PEM.
    pub(crate) fn certificate(&self) -> String {
        self.0.pem()
    }

    /// What a client proves by its certificate that it is one of ours.
    pub(crate) fn client(&self) -> io::Result<Identity> {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "netpol-agent");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (certificate, key) = self.issue(&params)?;
        Ok(Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    /// Takes TLS connections on 127.0.0.1, with or without a client certificate of ours.
    pub(crate) fn acceptor(&self, quality: Certificate) -> io::Result<TlsAcceptor> {
        let name = match quality {
            Certificate::Valid | Certificate::Expired => "127.0.0.1",
            Certificate::OtherHost => "api.example.com",
        };
        let mut params = CertificateParams::new([name.to_owned()]).map_err(io::Error::other)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if quality == Certificate::Expired {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let (certificate, key) = self.issue(&params)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));

        let mut ours = RootCertStore::empty();
        ours.add(self.0.der().clone()).map_err(io::Error::other)?;
        let provider = Arc::new(ring::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(ours.into(), provider.clone())
            .allow_unauthenticated()
            .build()
            .map_err(io::Error::other)?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|config| {
                let config = config.with_client_cert_verifier(clients);
                config.with_single_cert(vec![certificate.der().clone()], key)
            })
            .map_err(io::Error::other)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn issue(&self, params: &CertificateParams) -> io::Result<(rcgen::Certificate, KeyPair)> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &self.0).map_err(io::Error::other)?;
        Ok((certificate, key))
    }
}
