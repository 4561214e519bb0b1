//! The TCP door. Certificates that cannot be used keep it shut, and nothing else from being done: the node is watched, and
//! the Unix socket served, until they are mended.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use netpol_transport::listen::Door;
use netpol_transport::serving::{ServingError, ServingOptions};
use netpol_transport::tls::ServerTls;
use tracing::warn;

use crate::metrics::Metrics;

/// How often a shut door is tried.
const RETRY: Duration = Duration::from_secs(5);

/// The TCP door: not asked for, open, or shut for want of certificates.
pub struct TcpDoor {
    options: ServingOptions,
    metrics: Metrics,
    tls: OnceLock<Arc<ServerTls>>,
    /// What is wrong with the certificates.
    shut: Mutex<Option<String>>,
}

impl TcpDoor {
    /// As the flags say; nothing is opened yet.
    #[must_use]
    pub fn new(options: ServingOptions, metrics: Metrics) -> Self {
        Self {
            options,
            metrics,
            tls: OnceLock::new(),
            shut: Mutex::default(),
        }
    }

    /// Opens it; `None` where it is not asked for, or shut.
    ///
    /// # Errors
    /// Flags that make no sense together, and an address that cannot be had: no waiting mends them.
    pub async fn open(&self) -> Result<Option<Door>, ServingError> {
        let door = match self.options.door().await {
            Ok(door) => door,
            Err(error @ ServingError::Tls { .. }) => {
                let reason = error.to_string();
                let mut shut = self.shut();
                if shut.as_ref() != Some(&reason) {
                    warn!(
                        error = reason,
                        "--listen is not served until this is mended"
                    );
                    *shut = Some(reason);
                }
                return Ok(None);
            }
            Err(other) => return Err(other),
        };
        *self.shut() = None;
        if let Some(tls) = door.as_ref().and_then(Door::tls) {
            self.metrics.certificates(tls.clone());
            self.tls.get_or_init(|| tls);
        }
        Ok(door)
    }

    /// Whether it is to be tried again.
    #[must_use]
    pub fn is_shut(&self) -> bool {
        self.shut().is_some()
    }

    /// Waits until it opens.
    ///
    /// # Errors
    /// As [`TcpDoor::open`].
    pub async fn opened(&self) -> Result<Door, ServingError> {
        loop {
            tokio::time::sleep(RETRY).await;
            if let Some(door) = self.open().await? {
                return Ok(door);
            }
        }
    }

    /// What is wrong with it, or will be soon.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let shut = self.shut().clone();
        let shut = shut.map(|reason| format!("--listen is not served: {reason}"));
        let report = self.tls.get().map(|tls| tls.report()).unwrap_or_default();
        let certificates = report.warnings(SystemTime::now());
        shut.into_iter().chain(certificates).collect()
    }

    fn shut(&self) -> MutexGuard<'_, Option<String>> {
        // Every write leaves it whole.
        self.shut.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
