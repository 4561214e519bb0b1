//! The relay's own log: to standard error, filtered by `RUST_LOG`, as text or JSON.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// Unless told otherwise. What becomes of a watch is logged once, and not at every attempt.
const DEFAULT_FILTER: &str = "info,kube_client=error,kube_runtime=error";

/// Installs the process-wide log.
///
/// # Errors
/// When one is installed already.
pub fn init(json: bool) -> Result<(), TryInitError> {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if json {
        log.json().finish().try_init()
    } else {
        log.with_target(false).finish().try_init()
    }
}
