//! What is told of the certificates in use, for logs, metrics and status.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// A certificate that ends within this time is warned of.
pub const EXPIRES_SOON: Duration = Duration::from_secs(7 * 24 * 3600);

/// What a certificate is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Shown to those who connect.
    Server,
    /// Shown to the server that is connected to.
    Client,
    /// Certificates of the other side are checked with it.
    Authority,
}

impl Role {
    /// As it stands in metrics and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Authority => "authority",
        }
    }
}

/// A certificate in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// What it is used for.
    pub role: Role,
    /// The file it comes from.
    pub file: String,
    /// Its subject, such as `CN=netpol-agent`.
    pub subject: String,
    /// When its time is over.
    pub not_after: SystemTime,
}

impl Facts {
    /// `None` where the certificate cannot be read so far; TLS may still be able to use it.
    pub(super) fn of(role: Role, file: String, certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let seconds = certificate.validity().not_after.timestamp();
        let not_after = match u64::try_from(seconds) {
            Ok(seconds) => UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?,
            // Before 1970: long over.
            Err(_) => UNIX_EPOCH,
        };
        Some(Self {
            role,
            file,
            subject: certificate.subject().to_string(),
            not_after,
        })
    }

    /// What is to be done about it at `now`, if anything.
    #[must_use]
    pub fn warning(&self, now: SystemTime) -> Option<String> {
        let (role, file) = (self.role.as_str(), &self.file);
        let end = super::timestamp(self.not_after);
        match self.not_after.duration_since(now) {
            Err(_) => Some(format!("the {role} certificate in {file} expired at {end}")),
            Ok(left) if left <= EXPIRES_SOON => {
                Some(format!("the {role} certificate in {file} expires at {end}"))
            }
            Ok(_) => None,
        }
    }
}

/// The certificates in use and how following their files goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Certificates in use.
    pub certificates: Vec<Facts>,
    /// Changes of the files that were taken over.
    pub reloads: u64,
    /// Changes of the files that could not be used.
    pub reload_failures: u64,
    /// Why the files as they stand now cannot be used; what was in force before stays so.
    pub error: Option<String>,
}

impl Report {
    /// In plain words: files that cannot be used, certificates that are over or nearly so.
    #[must_use]
    pub fn warnings(&self, now: SystemTime) -> Vec<String> {
        let broken = self
            .error
            .iter()
            .map(|error| format!("changed certificates are not in use: {error}"));
        let ending = self
            .certificates
            .iter()
            .filter_map(|facts| facts.warning(now));
        broken.chain(ending).collect()
    }
}
