//! The gRPC side: the Observer service of all nodes.
//!
//! ```text
//! observer      takes requests, one `watch` for each reader
//! watch         every node is asked; order, join, filter
//! node_stream   what one node says, across breaks
//! member        a node in a reader's stream, and how it fares there
//! turns         whom a reader's stream listens to next
//! outlet        the queue to the reader
//! status        nodes and what their agents say of themselves
//! ```

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

use netpol_api::FILE_DESCRIPTOR_SET;
use netpol_api::v1::observer_server::ObserverServer;
use netpol_transport::listen::{self, Door, Peer};
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::Router;
use tonic::{Request, Status};

pub use observer::{Facts, Observer};

/// Services shared by every door.
async fn router(observer: &Arc<Observer>) -> Result<Router, tonic_reflection::server::Error> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let service = ObserverServer::from_arc(observer.clone());
    health.set_serving::<ObserverServer<Observer>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let access = observer.clone();
    let full = move |request: Request<()>| -> Result<_, Status> {
        let peer = Peer::of(request.extensions());
        access.access.require_full(peer)?;
        Ok(request)
    };
    Ok(listen::server()
        .add_service(service)
        .add_service(InterceptedService::new(health_service, full.clone()))
        .add_service(InterceptedService::new(reflection, full)))
}

/// Serves at a door until told to stop.
///
/// # Errors
/// When the services cannot be set up.
pub async fn serve(door: Door, observer: Arc<Observer>, stop: CancellationToken) -> io::Result<()> {
    let router = router(&observer).await.map_err(io::Error::other)?;
    router
        .serve_with_incoming_shutdown(door.incoming(), stop.cancelled_owned())
        .await
        .map_err(io::Error::other)
}
