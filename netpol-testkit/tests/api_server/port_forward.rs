//! Port-forwarding, as `kube` asks for it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A server that stands behind port 4245 of a pod and says back what it hears.
async fn echo() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                tokio::io::copy(&mut reader, &mut writer).await
            });
        }
    });
    address
}

fn status_of(error: kube::Error) -> (u16, String) {
    match error {
        kube::Error::Api(status) => (status.code, status.message.clone()),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn bytes_reach_the_port_and_come_back_until_the_forward_is_cut() {
    let server = ApiServer::start().unwrap();
    server.apply(pod("shop", "web", "node-1")).unwrap();
    server.forward_port("shop", "web", 4245, echo().await);
    let pods: Api<Pod> = Api::namespaced(client(&server).await, "shop");
    let mut forward = pods.portforward("web", &[4245]).await.unwrap();
    let mut stream = forward.take_stream(4245).unwrap();

    let said: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    let mut heard = vec![0; said.len()];
    let (mut reader, mut writer) = tokio::io::split(&mut stream);
    let (written, read) = tokio::join!(writer.write_all(&said), reader.read_exact(&mut heard));
    written.unwrap();
    read.unwrap();
    assert!(said == heard);
    assert_eq!(count(&server, "get", "pods/portforward"), 1);

    server.cut_port_forwards();
    let end = tokio::time::timeout(PATIENCE, stream.read(&mut heard)).await;
    assert_eq!(end.unwrap().unwrap(), 0);
    assert!(forward.join().await.is_err());
}

#[tokio::test]
async fn a_port_on_which_nothing_listens_is_told_in_the_channel_of_errors() {
    let server = ApiServer::start().unwrap();
    server.apply(pod("shop", "web", "node-1")).unwrap();
    let pods: Api<Pod> = Api::namespaced(client(&server).await, "shop");
    let mut forward = pods.portforward("web", &[4245]).await.unwrap();
    let error = forward.take_error(4245).unwrap();
    let error = tokio::time::timeout(PATIENCE, error).await.unwrap();
    let error = error.unwrap();
    assert!(
        error.contains("failed to connect to localhost:4245"),
        "{error}"
    );
}

#[tokio::test]
async fn a_pod_that_is_not_there_and_a_right_that_is_missing_are_refused() {
    let server = ApiServer::start().unwrap();
    let pods: Api<Pod> = Api::namespaced(client(&server).await, "shop");
    let error = pods.portforward("web", &[4245]).await.err().unwrap();
    assert_eq!(status_of(error), (404, "pods \"web\" not found".into()));

    server.apply(pod("shop", "web", "node-1")).unwrap();
    server.deny("get", "pods/portforward");
    let error = pods.portforward("web", &[4245]).await.err().unwrap();
    let (code, message) = status_of(error);
    assert_eq!(code, 403);
    assert!(
        message.contains("cannot get resource \"pods/portforward\""),
        "{message}"
    );
}
