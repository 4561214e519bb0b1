//! TLS of the one who connects.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::facts::{Facts, Report, Role};
use super::pem::{Identity, Pem, TlsError};
use super::reload::{Made, Reloading};
use super::{ALPN, provider};

/// Whom a client trusts and what it shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTlsFiles {
    /// Authorities that servers' certificates are checked with; `None`: those of the system.
    pub authority: Option<Pem>,
    /// Shown to servers that want a certificate.
    pub identity: Option<Identity>,
    /// The name that servers' certificates must be for, whatever address is dialled; `None`: the host of the address.
    pub server_name: Option<String>,
}

/// TLS of the one who connects. Files are looked at before each connection.
#[derive(Clone)]
pub struct ClientTls(Arc<Inner>);

struct Inner {
    files: ClientTlsFiles,
    config: Reloading<ClientConfig>,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientTls({:?})", self.0.files)
    }
}

impl ClientTls {
    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with one of them, by name; or that there is no authority at all.
    pub fn load(files: &ClientTlsFiles) -> Result<Self, TlsError> {
        let mut sources: Vec<Pem> = files.authority.iter().cloned().collect();
        if let Some(identity) = &files.identity {
            sources.extend([identity.certificate.clone(), identity.key.clone()]);
        }
        let config = {
            let files = files.clone();
            Reloading::new(sources, move |contents| make(&files, contents))?
        };
        Ok(Self(Arc::new(Inner {
            files: files.clone(),
            config,
        })))
    }

    /// The certificates in use.
    #[must_use]
    pub fn report(&self) -> Report {
        self.0.config.report()
    }

    /// Where the trusted authorities come from, for messages.
    pub(crate) fn authority(&self) -> String {
        match &self.0.files.authority {
            Some(pem) => pem.to_string(),
            None => "this system".to_owned(),
        }
    }

    pub(crate) fn server_name(&self) -> Option<&str> {
        self.0.files.server_name.as_deref()
    }

    /// For a new connection: the files as they stand now, or as they could last be used.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        self.0.config.refresh();
        self.0.config.in_force()
    }
}

/// `contents` are those of the authority, if one is given, then of the certificate and the key, if given.
fn make(files: &ClientTlsFiles, contents: &[Vec<u8>]) -> Result<Made<ClientConfig>, TlsError> {
    let mut contents = contents.iter().map(Vec::as_slice);
    let mut next = || contents.next().unwrap_or_default();
    let mut certificates = Vec::new();
    let roots = match &files.authority {
        Some(pem) => {
            let (roots, authorities) = pem.authorities(next())?;
            let facts = |der| Facts::of(Role::Authority, pem.to_string(), der);
            certificates.extend(authorities.iter().filter_map(facts));
            roots
        }
        None => system_authorities()?,
    };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::NoSystemAuthorities {
            reason: error.to_string(),
        })?
        .with_root_certificates(roots);
    let mut config = match &files.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = identity.certificate.certificates(next())?;
            let key = identity.key.key(next())?;
            let file = identity.certificate.to_string();
            certificates.extend(
                chain
                    .first()
                    .and_then(|der| Facts::of(Role::Client, file, der)),
            );
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| identity.error(error))?
        }
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Each connection proves anew who both sides are.
    config.resumption = Resumption::disabled();
    Ok(Made {
        config: Arc::new(config),
        certificates,
    })
}

fn system_authorities() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let reason = found
            .errors
            .first()
            .map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(TlsError::NoSystemAuthorities { reason });
    }
    Ok(roots)
}
