//! `/metrics`, `/healthz` and `/readyz`, for Prometheus and for whoever restarts the relay or sends readers to it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::nodes::Nodes;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is served.
#[derive(Clone)]
pub struct Served {
    /// Figures.
    pub metrics: Metrics,
    /// Nodes, for their figures.
    pub nodes: Arc<Nodes>,
}

/// Serves until told to stop.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    served: Served,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .with_state(served);
    axum::serve(listener, routes)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

/// Ready when the agents are known: which of them answer is told in each stream.
async fn ready(State(served): State<Served>) -> (StatusCode, String) {
    if served.nodes.is_discovered() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        let troubles = served.nodes.troubles().join("\n");
        let text = format!("agents are being looked for\n{troubles}\n");
        (StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

async fn render(State(served): State<Served>) -> Response {
    match served.metrics.render(&served.nodes) {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
