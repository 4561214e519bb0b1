//! A certificate authority of the test's own, and what it issues.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

/// Issues certificates for servers and clients.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, both PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// When a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Since 1975, until the year 4096.
    Always,
    /// Until 2020.
    Over,
    /// From the year 4000.
    NotYet,
    /// For so much longer.
    Still(Duration),
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is not for logs.
        f.write_str("Authority")
    }
}

impl Authority {
    /// A new one, trusted by nobody yet. All of them have the same name, as one has whose key was replaced.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new() -> io::Result<Self> {
        Self::named("netpol-testkit")
    }

    /// A new one of this common name.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn named(name: &str) -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
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
    #[must_use]
    pub fn certificate(&self) -> String {
        self.0.pem()
    }

    /// Its own certificate with its key, as a self-signed certificate is often mistaken for a server's.
    #[must_use]
    pub fn own(&self) -> Identity {
        Identity {
            certificate: self.0.pem(),
            key: self.0.key().serialize_pem(),
        }
    }

    /// For a server of these names or addresses.
    ///
    /// # Errors
    /// When a name is none.
    pub fn server(&self, names: &[&str], validity: Validity) -> io::Result<Identity> {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let params = CertificateParams::new(names).map_err(io::Error::other)?;
        self.issue(params, ExtendedKeyUsagePurpose::ServerAuth, validity)
    }

    /// For a client of this common name.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn client(&self, name: &str, validity: Validity) -> io::Result<Identity> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        self.issue(params, ExtendedKeyUsagePurpose::ClientAuth, validity)
    }

    fn issue(
        &self,
        mut params: CertificateParams,
        usage: ExtendedKeyUsagePurpose,
        validity: Validity,
    ) -> io::Result<Identity> {
        params.extended_key_usages = vec![usage];
        match validity {
            Validity::Always => {}
            Validity::Over => params.not_after = rcgen::date_time_ymd(2020, 1, 1),
            Validity::Still(time) => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                let end = since.map_err(io::Error::other)? + time;
                params.not_after = rcgen::date_time_ymd(1970, 1, 1) + end;
            }
            Validity::NotYet => params.not_before = rcgen::date_time_ymd(4000, 1, 1),
        }
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &self.0).map_err(io::Error::other)?;
        Ok(Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

impl Identity {
    /// Writes `NAME.crt` and `NAME.key`, and says where they are.
    ///
    /// # Errors
    /// When the directory does not take them.
    pub fn write(&self, directory: &Path, name: &str) -> io::Result<(PathBuf, PathBuf)> {
        let certificate = directory.join(format!("{name}.crt"));
        let key = directory.join(format!("{name}.key"));
        fs::write(&certificate, &self.certificate)?;
        fs::write(&key, &self.key)?;
        Ok((certificate, key))
    }
}
