//! Client certificates: right, wrong, and none.

use netpol_testkit::authority::{Authority, Validity};
use netpol_transport::client::ConnectError;
use netpol_transport::listen::{ClientCertificate, Peer};
use netpol_transport::tls::ClientCertificates;

use crate::server::{Files, TestServer, ask};

fn relay() -> Option<ClientCertificate> {
    Some(ClientCertificate {
        subject: "CN=netpol-relay".into(),
    })
}

fn certificate(server: &TestServer) -> Option<ClientCertificate> {
    let [seen] = &server.seen()[..] else {
        panic!("one request");
    };
    assert!(matches!(seen.peer, Peer::Tls { .. }));
    seen.peer.certificate().cloned()
}

#[tokio::test]
async fn who_shows_a_good_one_is_known_by_it() {
    let files = Files::new();
    let good = files.authority.client("netpol-relay", Validity::Always);
    let options = files.client(Some(&good.unwrap()));
    for clients in [
        ClientCertificates::Required(files.ca()),
        ClientCertificates::Optional(files.ca()),
    ] {
        let server = TestServer::tls(&files.server(clients)).await;
        ask(&server.address("https"), &options).await.unwrap();
        assert_eq!(certificate(&server), relay());
    }
    // Not asked for, it is not shown, and says nothing.
    let server = TestServer::tls(&files.server(ClientCertificates::Ignored)).await;
    ask(&server.address("https"), &options).await.unwrap();
    assert_eq!(certificate(&server), None);
}

#[tokio::test]
async fn who_shows_none_is_nobody_or_does_not_come_in() {
    let files = Files::new();
    let optional = ClientCertificates::Optional(files.ca());
    let server = TestServer::tls(&files.server(optional)).await;
    ask(&server.address("https"), &files.client(None))
        .await
        .unwrap();
    assert_eq!(certificate(&server), None);

    let required = ClientCertificates::Required(files.ca());
    let server = TestServer::tls(&files.server(required)).await;
    let error = ask(&server.address("https"), &files.client(None)).await;
    let error = error.unwrap_err();
    assert!(
        matches!(error, ConnectError::ClientCertificateWanted { .. }),
        "{error}"
    );
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn who_shows_a_bad_one_does_not_come_in_even_where_none_would() {
    let files = Files::new();
    let (other, stranger) = (
        Authority::new().unwrap(),
        Authority::named("stranger").unwrap(),
    );
    let server_only = files.authority.server(&["netpol-relay"], Validity::Always);
    for (identity, told) in [
        (
            other.client("netpol-relay", Validity::Always),
            "it is signed by no authority that is trusted there",
        ),
        (
            stranger.client("netpol-relay", Validity::Always),
            "it is signed by no authority that is trusted there",
        ),
        (
            files.authority.client("netpol-relay", Validity::Over),
            "it has expired, or is not valid yet",
        ),
        (server_only, "it is not good for a client"),
    ] {
        let options = files.client(Some(&identity.unwrap()));
        for clients in [
            ClientCertificates::Required(files.ca()),
            ClientCertificates::Optional(files.ca()),
        ] {
            let server = TestServer::tls(&files.server(clients)).await;
            let address = server.address("https");
            let error = ask(&address, &options).await.unwrap_err();
            let wanted = format!("{address} does not accept the client certificate: {told}");
            assert_eq!(error.to_string(), wanted);
            assert!(server.seen().is_empty());
        }
    }
}
