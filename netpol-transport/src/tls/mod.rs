//! Certificates and keys from PEM files, followed as the files change.
//!
//! ```text
//! pem       a file or text to certificates, keys, authorities; every error names the file
//! reload    files ──► configuration in force; a change that cannot be used is told, and leaves it in force
//! client    whom a client trusts and what it shows     ──► client
//! server    what a server shows and asks for           ──► listen
//! facts     subjects, expiry, failed reloads           ──► status, log
//! collector the same for Prometheus (feature `metrics`)
//! ```

mod client;
#[cfg(feature = "metrics")]
mod collector;
mod facts;
mod pem;
mod reload;
mod server;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::SystemTime;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};

pub use client::{ClientTls, ClientTlsFiles};
#[cfg(feature = "metrics")]
pub use collector::CertificateCollector;
pub use facts::{EXPIRES_SOON, Facts, Report, Role};
pub use pem::{Identity, Pem, TlsError};
pub use server::{ClientCertificates, ServerTls, ServerTlsFiles};

/// gRPC is HTTP/2, and nothing else is offered.
const ALPN: &[u8] = b"h2";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// UTC, to the second.
pub(crate) fn timestamp(time: SystemTime) -> String {
    match jiff::Timestamp::try_from(time) {
        Ok(time) => format!("{time:.0}"),
        // Beyond the year 9999.
        Err(_) => "the end of time".to_owned(),
    }
}
