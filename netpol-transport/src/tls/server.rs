//! TLS of the one who listens.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};

use super::facts::{Facts, Report, Role};
use super::pem::{Identity, Pem, TlsError};
use super::reload::{Made, Reloading};
use super::{ALPN, provider};

/// Whether clients are asked for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked.
    Ignored,
    /// They may show one of this authority; one of another ends the handshake.
    Optional(Pem),
    /// They must show one of this authority.
    Required(Pem),
}

/// What a server shows and asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTlsFiles {
    /// Shown to clients.
    pub identity: Identity,
    /// Asked of clients.
    pub clients: ClientCertificates,
}

/// TLS of the one who listens. A listener looks at the files by itself, every few seconds.
pub struct ServerTls {
    files: ServerTlsFiles,
    config: Reloading<ServerConfig>,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerTls({:?})", self.files)
    }
}

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with one of them, by name.
    pub fn load(files: &ServerTlsFiles) -> Result<Arc<Self>, TlsError> {
        let identity = &files.identity;
        let mut sources = vec![identity.certificate.clone(), identity.key.clone()];
        if let ClientCertificates::Optional(pem) | ClientCertificates::Required(pem) =
            &files.clients
        {
            sources.push(pem.clone());
        }
        let config = {
            let files = files.clone();
            Reloading::new(sources, move |contents| make(&files, contents))?
        };
        Ok(Arc::new(Self {
            files: files.clone(),
            config,
        }))
    }

    /// The certificates in use.
    #[must_use]
    pub fn report(&self) -> Report {
        self.config.report()
    }

    /// For a new connection.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.config.in_force()
    }

    /// Looks at the files, and takes over what has changed.
    pub(crate) fn refresh(&self) {
        self.config.refresh();
    }
}

/// `contents` are those of the certificate, the key, and the authority of clients where one is given.
fn make(files: &ServerTlsFiles, contents: &[Vec<u8>]) -> Result<Made<ServerConfig>, TlsError> {
    let mut contents = contents.iter().map(Vec::as_slice);
    let mut next = || contents.next().unwrap_or_default();
    let identity = &files.identity;
    let chain = identity.certificate.certificates(next())?;
    let key = identity.key.key(next())?;
    let own = chain
        .first()
        .and_then(|der| Facts::of(Role::Server, identity.certificate.to_string(), der));
    let mut certificates: Vec<Facts> = own.into_iter().collect();
    let verifier: Arc<dyn ClientCertVerifier> = match &files.clients {
        ClientCertificates::Ignored => WebPkiClientVerifier::no_client_auth(),
        ClientCertificates::Optional(pem) | ClientCertificates::Required(pem) => {
            let (roots, authorities) = pem.authorities(next())?;
            let facts = |der| Facts::of(Role::Authority, pem.to_string(), der);
            certificates.extend(authorities.iter().filter_map(facts));
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            match &files.clients {
                ClientCertificates::Optional(_) => builder.allow_unauthenticated().build(),
                _ => builder.build(),
            }
            .map_err(|error| pem.unusable(error))?
        }
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| identity.error(error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| identity.error(error))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Each connection proves anew who both sides are: nothing outlives a certificate or an authority that is gone.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Made {
        config: Arc::new(config),
        certificates,
    })
}
