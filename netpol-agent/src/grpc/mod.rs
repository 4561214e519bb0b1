//! The gRPC side: translates between the API's messages and the flow log, and holds no state of its own.

mod observer;
mod stream;
mod tcp;

use std::io;
use std::sync::Arc;

use netpol_api::FILE_DESCRIPTOR_SET;
use netpol_api::v1::observer_server::ObserverServer;
use netpol_transport::listen::{self, Door, Peer};
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::Router;
use tonic::{Request, Status};
use tracing::info;

pub use observer::{Facts, Observer};
pub use tcp::TcpDoor;

/// Services shared by every listener.
async fn router(observer: &Arc<Observer>) -> Result<Router, tonic_reflection::server::Error> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let service = ObserverServer::from_arc(observer.clone());
    health.set_serving::<ObserverServer<Observer>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let access = observer.access.clone();
    let full = move |request: Request<()>| -> Result<_, Status> {
        access.require_full(Peer::of(request.extensions()))?;
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
