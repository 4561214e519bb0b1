//! What is served at a door: flows, and for those who may read everything by their connection alone, health and
//! reflection.

use std::io;
use std::sync::Arc;

use netpol_api::FILE_DESCRIPTOR_SET;
use netpol_api::v1::observer_server::{Observer, ObserverServer};
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptedService;
use tonic::{Request, Status};

use crate::access::Access;
use crate::listen::{self, Door, Peer};

/// Serves at a door until told to stop. What `observer` shows to whom is its own affair: `access` is for the services
/// beside it.
///
/// # Errors
/// When the services cannot be set up.
pub async fn serve<O: Observer>(
    door: Door,
    observer: Arc<O>,
    access: Access,
    stop: CancellationToken,
) -> io::Result<()> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<ObserverServer<O>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(io::Error::other)?;
    let full = move |request: Request<()>| -> Result<_, Status> {
        access.require_full(Peer::of(request.extensions()))?;
        Ok(request)
    };
    listen::server()
        .add_service(ObserverServer::from_arc(observer))
        .add_service(InterceptedService::new(health_service, full.clone()))
        .add_service(InterceptedService::new(reflection, full))
        .serve_with_incoming_shutdown(door.incoming(), stop.cancelled_owned())
        .await
        .map_err(io::Error::other)
}
