//! The gRPC side: translates between the API's messages and the flow log, and holds no state of its own.

mod history;
mod observer;
mod stream;
mod tcp;

use std::io;
use std::sync::Arc;

use netpol_transport::listen::Door;
use netpol_transport::services;
use tokio_util::sync::CancellationToken;
use tracing::info;

pub use history::Histories;
pub use observer::{Facts, Observer};
pub use tcp::TcpDoor;

/// Serves at a door until told to stop.
///
/// # Errors
/// When the services cannot be set up.
pub async fn serve(door: Door, observer: Arc<Observer>, stop: CancellationToken) -> io::Result<()> {
    let access = observer.access.clone();
    services::serve(door, observer, access, stop).await
}

/// Serves at a TCP door that is shut as yet, from when it opens until told to stop.
///
/// # Errors
/// When its address cannot be had, or the services not be set up.
pub async fn serve_later(observer: Arc<Observer>, stop: CancellationToken) -> io::Result<()> {
    let door = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        door = observer.tcp.opened() => door.map_err(io::Error::other)?,
    };
    info!(address = %door, "serving flows");
    serve(door, observer, stop).await
}
