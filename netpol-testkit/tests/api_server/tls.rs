//! Certificates and tokens, as a client's kubeconfig has them.

use super::*;

async fn list_with(
    write: impl FnOnce(&Path) -> netpol_testkit::Result<()>,
) -> kube::Result<Client> {
    let client = client_by(write).await;
    let pods = Api::<Pod>::all(client.clone());
    pods.list(&ListParams::default()).await.map(|_| client)
}

/// The error with its causes: what TLS complains of stands at the end.
fn chain(error: &kube::Error) -> String {
    format!("{error:?}")
}

#[tokio::test]
async fn kubeconfig_of_a_server_with_tls_leads_to_it() {
    let server = ApiServer::builder()
        .tls(Certificate::Valid)
        .start()
        .unwrap();
    server.apply(pod("shop", "web", "node-1")).unwrap();
    let client = list_with(|path| server.kubeconfig(path)).await.unwrap();
    let watcher = watcher::watcher(Api::<Pod>::all(client), watcher::Config::default());
    let mut stream = pin!(watcher);
    assert_eq!(initial(stream.as_mut()).await, ["web"]);
    server.delete("Pod", "shop", "web").unwrap();
    assert!(matches!(next(stream.as_mut()).await, Event::Delete(_)));
}

#[tokio::test]
async fn client_certificate_does_without_a_token() {
    let server = ApiServer::builder()
        .tls(Certificate::Valid)
        .start()
        .unwrap();
    server.expire_token();
    let error = list_with(|path| server.kubeconfig(path))
        .await
        .err()
        .unwrap();
    assert!(
        matches!(&error, kube::Error::Api(status) if status.code == 401),
        "{error:?}"
    );
    list_with(|path| server.kubeconfig_with_client_certificate(path))
        .await
        .unwrap();
}

#[tokio::test]
async fn client_refuses_a_certificate_that_is_not_good() {
    let server = ApiServer::builder()
        .tls(Certificate::Valid)
        .start()
        .unwrap();
    let error = list_with(|path| server.kubeconfig_with_other_authority(path)).await;
    let error = chain(&error.err().unwrap());
    assert!(
        error.contains("BadSignature") || error.contains("UnknownIssuer"),
        "{error}"
    );
    assert_eq!(count(&server, "list", "pods"), 0);
    let bad = [
        (Certificate::Expired, "Expired"),
        (Certificate::OtherHost, "NotValidForName"),
    ];
    for (certificate, complaint) in bad {
        let server = ApiServer::builder().tls(certificate).start().unwrap();
        let error = list_with(|path| server.kubeconfig(path)).await;
        let error = chain(&error.err().unwrap());
        assert!(error.contains(complaint), "{error}");
    }
}

#[tokio::test]
async fn rotated_token_takes_the_place_of_the_old_one() {
    let server = ApiServer::start().unwrap();
    let pods = pods(&server).await;
    let old = server.token();
    assert_ne!(server.rotate_token(), old);
    let error = pods.list(&ListParams::default()).await.unwrap_err();
    assert!(
        matches!(&error, kube::Error::Api(status) if status.code == 401),
        "{error:?}"
    );
    list_with(|path| server.kubeconfig(path)).await.unwrap();
}
