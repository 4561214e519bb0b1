//! A connection to a port of a pod, by way of the API server.

use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, client::UpgradeConnectionError};
use tokio::{io::DuplexStream, time::timeout};

use super::trouble::{PATIENCE, Trouble, Wanted};

/// The kubelet's word on why a connection did not come about follows the connection's end at once, or not at all.
const LAST_WORD: Duration = Duration::from_millis(500);

/// A connection that is open as far as the API server can tell.
pub(super) struct Tunnel {
    pub(super) stream: DuplexStream,
    /// Ends with the connection.
    complaint: BoxFuture<'static, Option<String>>,
}

/// Opens a connection to a port of a pod.
pub(super) async fn open(
    pods: &Api<Pod>,
    namespace: &str,
    pod: &str,
    port: u16,
) -> Result<Tunnel, Trouble> {
    let wanted = Wanted {
        // kubectl creates, a WebSocket gets; servers from 1.35 on ask for both.
        verb: "get, create",
        resource: "pods/portforward",
        namespace,
    };
    let opened = timeout(PATIENCE, pods.portforward(pod, &[port])).await;
    let mut forwarder = opened
        .map_err(|_| Trouble::too_slow())?
        .map_err(|error| match &error {
            kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(code)) => {
                Trouble::Other(format!(
                    "something between here and the API server lets no WebSocket through (it answers {code})"
                ))
            }
            error => Trouble::of(error, wanted),
        })?;
    let stream = forwarder.take_stream(port);
    let complaint = forwarder.take_error(port);
    match (stream, complaint) {
        (Some(stream), Some(complaint)) => Ok(Tunnel {
            stream,
            complaint: Box::pin(complaint),
        }),
        // Each is there for each port asked for, once.
        _ => Err(Trouble::Other("no stream for the port".to_owned())),
    }
}

impl Tunnel {
    /// The stream, and what can be asked once it has ended: what the kubelet said of that, if it said anything.
    pub(super) fn split(self) -> (DuplexStream, impl Future<Output = Option<String>>) {
        let complaint = self.complaint;
        let said = async move { timeout(LAST_WORD, complaint).await.ok().flatten() };
        (self.stream, said)
    }
}
