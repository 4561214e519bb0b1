//! The gRPC side: the Observer service of all nodes.
//!
//! ```text
//! observer      takes requests, one `watch` for each reader
//! watch         every node is asked; order, join, filter
//! node_stream   what one node says, across breaks
//! member        a node in a reader's stream, and how it fares there
//! turns         whom a reader's stream listens to next
//! outlet        the queue to the reader
//! history       what all nodes remember, for one reader
//! status        nodes and what their agents say of themselves
//! ```

mod history;
mod losses;
mod member;
mod node_stream;
mod observer;
mod outlet;
mod status;
mod turns;
mod watch;

use std::io;
use std::sync::Arc;

use netpol_transport::listen::Door;
use netpol_transport::services;
use tokio_util::sync::CancellationToken;

pub use observer::{Facts, Observer};

/// Serves at a door until told to stop.
///
/// # Errors
/// When the services cannot be set up.
pub async fn serve(door: Door, observer: Arc<Observer>, stop: CancellationToken) -> io::Result<()> {
    let access = observer.access.clone();
    services::serve(door, observer, access, stop).await
}
