//! Certificates and keys as PEM, from a file or from a text that was fetched, and what can be wrong with them.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, RootCertStore};

/// No bundle of certificates is this large, in bytes; a device or a mistaken path may be.
const LARGEST: u64 = 4 << 20;

/// Where PEM comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pem {
    /// A file, followed as it changes.
    File(PathBuf),
    /// A text that does not change, such as an entry of a ConfigMap.
    Text {
        /// What messages call it.
        name: String,
        /// PEM.
        text: String,
    },
}

impl fmt::Display for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Text { name, .. } => f.write_str(name),
        }
    }
}

impl From<PathBuf> for Pem {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

/// A certificate with its chain, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, then those that lead to its authority.
    pub certificate: Pem,
    /// The key of the first.
    pub key: Pem,
}

/// What is wrong with a certificate, a key or an authority. Each names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// It cannot be read.
    #[error("cannot read {file}: {source}")]
    Read {
        /// Which file.
        file: String,
        /// What came of it.
        source: io::Error,
    },
    /// PEM that is cut short or damaged.
    #[error("{file} is no PEM: {reason}")]
    Damaged {
        /// Which file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no `CERTIFICATE` in it.
    #[error("{file} holds no certificate")]
    NoCertificate {
        /// Which file.
        file: String,
    },
    /// There is no private key in it that can be used.
    #[error("{file} holds no private key{}", if *.encrypted { " that is not encrypted" } else { "" })]
    NoKey {
        /// Which file.
        file: String,
        /// There is one, behind a pass phrase.
        encrypted: bool,
    },
    /// The key is not that of the certificate.
    #[error("the key in {key} does not fit the certificate in {certificate}")]
    KeyMismatch {
        /// File of the certificate.
        certificate: String,
        /// File of the key.
        key: String,
    },
    /// TLS cannot use it.
    #[error("{file} cannot be used: {reason}")]
    Unusable {
        /// Which file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// No authority was given, and the system has none.
    #[error("this system names no certificate authorities: {reason}")]
    NoSystemAuthorities {
        /// What came of looking for them.
        reason: String,
    },
}

impl Pem {
    /// Reads it.
    pub(super) fn read(&self) -> Result<Vec<u8>, TlsError> {
        let path = match self {
            Self::File(path) => path,
            Self::Text { text, .. } => return Ok(text.clone().into_bytes()),
        };
        let read = || {
            let mut content = Vec::new();
            File::open(path)?
                .take(LARGEST + 1)
                .read_to_end(&mut content)?;
            if content.len() as u64 > LARGEST {
                return Err(io::Error::other(format!("more than {LARGEST} bytes")));
            }
            Ok(content)
        };
        read().map_err(|source| TlsError::Read {
            file: self.to_string(),
            source,
        })
    }

    /// All certificates in `content`, at least one.
    pub(super) fn certificates(
        &self,
        content: &[u8],
    ) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(content)
            .collect::<Result<_, _>>()
            .map_err(|error| self.damaged(&error))?;
        if certificates.is_empty() {
            return Err(TlsError::NoCertificate {
                file: self.to_string(),
            });
        }
        Ok(certificates)
    }

    /// The first private key in `content`.
    pub(super) fn key(&self, content: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
        PrivateKeyDer::from_pem_slice(content).map_err(|error| match error {
            pem::Error::NoItemsFound => TlsError::NoKey {
                file: self.to_string(),
                encrypted: String::from_utf8_lossy(content).contains("ENCRYPTED"),
            },
            other => self.damaged(&other),
        })
    }

    /// The authorities in `content`.
    pub(super) fn authorities(
        &self,
        content: &[u8],
    ) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), TlsError> {
        let certificates = self.certificates(content)?;
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots
                .add(certificate.clone())
                .map_err(|error| self.unusable(error))?;
        }
        Ok((roots, certificates))
    }

    pub(super) fn unusable(&self, reason: impl fmt::Display) -> TlsError {
        TlsError::Unusable {
            file: self.to_string(),
            reason: reason.to_string(),
        }
    }

    fn damaged(&self, error: &pem::Error) -> TlsError {
        let reason = match error {
            // Never the text around it: it may be a key.
            pem::Error::MissingSectionEnd { .. } => "a section is cut short".to_owned(),
            pem::Error::IllegalSectionStart { .. } => "a section begins wrongly".to_owned(),
            pem::Error::Base64Decode(_) => "a section is not base64".to_owned(),
            other => other.to_string(),
        };
        TlsError::Damaged {
            file: self.to_string(),
            reason,
        }
    }
}

impl Identity {
    /// What TLS says of a certificate and its key, with the files' names.
    pub(super) fn error(&self, error: rustls::Error) -> TlsError {
        match error {
            rustls::Error::InconsistentKeys(_) => TlsError::KeyMismatch {
                certificate: self.certificate.to_string(),
                key: self.key.to_string(),
            },
            rustls::Error::InvalidCertificate(_) => self.certificate.unusable(error),
            // The rest is about the key: its algorithm, its encoding.
            other => self.key.unusable(other),
        }
    }
}
