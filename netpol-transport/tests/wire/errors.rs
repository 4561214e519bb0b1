//! Every way in which a connection does not come up, each told apart.

use std::time::Duration;

use netpol_testkit::authority::{Authority, Validity};
use netpol_transport::client::{self, ConnectError, Options, connect_over};
use netpol_transport::tls::{ClientCertificates, ClientTls, ClientTlsFiles, Pem};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::server::{Files, NAME, TestServer, ask, options};

const OPEN: ClientCertificates = ClientCertificates::Ignored;

#[tokio::test]
async fn what_is_right_connects() {
    let files = Files::new();
    let server = TestServer::tls(&files.server(OPEN)).await;
    let options = files.client(None);
    ask(&server.address("https"), &options).await.unwrap();
    // The authority as a text, as it comes from a ConfigMap, and over a stream that is there already.
    let text = ClientTlsFiles {
        authority: Some(Pem::Text {
            name: "ConfigMap netpol/netpol-ca".to_owned(),
            text: files.authority.certificate(),
        }),
        ..ClientTlsFiles::default()
    };
    let stream = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    let mut client = connect_over(stream, NAME, &self::options(text))
        .await
        .unwrap();
    client
        .get_status(netpol_api::v1::GetStatusRequest {})
        .await
        .unwrap();
    // Plain text.
    let server = TestServer::plain().await;
    ask(&server.address("http"), &Options::default())
        .await
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let (_server, _file) = TestServer::unix(&path);
    let unix = client::Server::Unix(path);
    ask(&unix, &Options::default()).await.unwrap();
}

#[tokio::test]
async fn another_authority() {
    let files = Files::new();
    let server = TestServer::tls(&files.server(OPEN)).await;
    let ca = files.path("other-ca.crt");
    for other in [Authority::new(), Authority::named("stranger")] {
        std::fs::write(&ca, other.unwrap().certificate()).unwrap();
        let options = options(ClientTlsFiles {
            authority: Some(ca.clone().into()),
            server_name: Some(NAME.to_owned()),
            ..ClientTlsFiles::default()
        });
        let error = ask(&server.address("https"), &options).await.unwrap_err();
        let told = format!(
            "the certificate of https://{} is signed by no authority in {}",
            server.address,
            ca.display()
        );
        assert_eq!(error.to_string(), told);
    }
}

#[tokio::test]
async fn another_name() {
    let files = Files::new();
    let server = TestServer::tls(&files.server(OPEN)).await;
    for (name, expected) in [
        (None, "127.0.0.1"),
        (Some("netpol-relay.netpol.svc"), "netpol-relay.netpol.svc"),
    ] {
        let options = options(ClientTlsFiles {
            authority: Some(files.ca()),
            server_name: name.map(str::to_owned),
            ..ClientTlsFiles::default()
        });
        let error = ask(&server.address("https"), &options).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, ConnectError::NameMismatch { .. }), "{text}");
        let told = format!("is not for {expected}, but for {NAME}");
        assert!(text.ends_with(&told), "{text}");
    }
    let bad = options(ClientTlsFiles {
        authority: Some(files.ca()),
        server_name: Some("not a name".to_owned()),
        ..ClientTlsFiles::default()
    });
    let error = ask(&server.address("https"), &bad).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::BadServerName { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_self_signed_authority_is_no_server() {
    let files = Files::new();
    let own = files.authority.own();
    own.write(files.directory.path(), "server").unwrap();
    let server = TestServer::tls(&files.server(OPEN)).await;
    let error = ask(&server.address("https"), &files.client(None)).await;
    let error = error.unwrap_err().to_string();
    let told = "cannot be accepted: it is that of an authority, not of a server";
    assert!(error.ends_with(told), "{error}");
}

#[tokio::test]
async fn a_certificate_out_of_its_time() {
    let files = Files::new();
    for (validity, told) in [
        (Validity::Over, "expired at 2020-01-01T00:00:00Z"),
        (
            Validity::NotYet,
            "is not valid yet, but from 4000-01-01T00:00:00Z; is the clock right?",
        ),
    ] {
        files.issue_server(validity);
        let server = TestServer::tls(&files.server(OPEN)).await;
        let error = ask(&server.address("https"), &files.client(None)).await;
        let error = error.unwrap_err().to_string();
        assert!(error.ends_with(told), "{error}");
    }
}

#[tokio::test]
async fn plain_text_where_tls_is_spoken_and_the_other_way_round() {
    let files = Files::new();
    let tls = TestServer::tls(&files.server(OPEN)).await;
    let error = ask(&tls.address("http"), &Options::default()).await;
    let error = error.unwrap_err();
    assert!(matches!(error, ConnectError::SpeaksTls { .. }), "{error}");
    let plain = TestServer::plain().await;
    let error = ask(&plain.address("https"), &files.client(None)).await;
    let error = error.unwrap_err();
    assert!(matches!(error, ConnectError::SpeaksNoTls { .. }), "{error}");
}

#[tokio::test]
async fn servers_of_another_kind() {
    let files = Files::new();
    for (answer, http, https) in [
        (
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "does not answer in HTTP/2",
            "does not speak TLS",
        ),
        (
            "SSH-2.0-OpenSSH_9.2\r\n",
            "does not answer in HTTP/2",
            "does not speak TLS",
        ),
        (
            "",
            "cannot connect to http://",
            "cannot connect to https://",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = [0; 8];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        for (scheme, told) in [("http", http), ("https", https)] {
            let server = format!("{scheme}://{address}").parse().unwrap();
            let options = match scheme {
                "https" => files.client(None),
                _ => Options::default(),
            };
            let error = ask(&server, &options).await.unwrap_err().to_string();
            assert!(error.contains(told), "{answer:?} {scheme}: {error}");
        }
    }
}

#[tokio::test]
async fn a_server_that_never_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let error = ask(&server.parse().unwrap(), &Options::default()).await;
    let told = format!("{server} does not answer within 10 s");
    assert_eq!(error.unwrap_err().to_string(), told);
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("https://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = ask(&server.parse().unwrap(), &Files::new().client(None)).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        format!("nobody listens at {server}")
    );
}

#[tokio::test]
async fn a_client_is_one_connection() {
    let server = TestServer::plain().await;
    let mut client = ask(&server.address("http"), &Options::default())
        .await
        .unwrap();
    drop(server);
    // The connection outlives the listener; what ends it is seen on the next request.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let (listener, _file) = netpol_transport::listen::bind_unix(&path).unwrap();
    let accept = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // SETTINGS, then nothing more.
        stream
            .write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
            .await
            .unwrap();
        let mut buffer = [0; 24];
        stream.read_exact(&mut buffer).await.unwrap();
    });
    let short = client::connect(&client::Server::Unix(path), &Options::default()).await;
    accept.await.unwrap();
    let status = netpol_api::v1::GetStatusRequest {};
    let error = short.unwrap().get_status(status).await.unwrap_err();
    assert_eq!(error.code(), tonic::Code::Unavailable, "{error}");
    client.get_status(status).await.unwrap();
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let files = Files::new();
    let write = |name: &str, text: &str| {
        std::fs::write(files.path(name), text).unwrap();
        files.path(name)
    };
    let client = files
        .authority
        .client("netpol-relay", Validity::Always)
        .unwrap();
    client.write(files.directory.path(), "client").unwrap();
    let cut = &client.key[..client.key.len() / 2];
    let authority = |path| ClientTlsFiles {
        authority: Some(Pem::File(path)),
        ..ClientTlsFiles::default()
    };
    let identity = |certificate, key| ClientTlsFiles {
        authority: Some(files.ca()),
        identity: Some(netpol_transport::tls::Identity {
            certificate: Pem::File(certificate),
            key: Pem::File(key),
        }),
        server_name: None,
    };
    let (crt, key) = (files.path("client.crt"), files.path("client.key"));
    let at = |name: &str| files.path(name).display().to_string();
    for (tls, told) in [
        (
            authority(files.path("missing")),
            format!("cannot read {}: No such file", at("missing")),
        ),
        (
            authority(files.directory.path().to_owned()),
            "Is a directory".to_owned(),
        ),
        (
            authority("/dev/zero".into()),
            "cannot read /dev/zero: more than".to_owned(),
        ),
        (
            authority(key.clone()),
            format!("{} holds no certificate", at("client.key")),
        ),
        (
            authority(write(
                "junk.crt",
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            )),
            format!("{} cannot be used: ", at("junk.crt")),
        ),
        (
            identity(crt.clone(), crt.clone()),
            format!("{} holds no private key", at("client.crt")),
        ),
        (
            identity(crt.clone(), write("cut.key", cut)),
            format!("{} is no PEM: a section is cut short", at("cut.key")),
        ),
        (
            identity(
                crt.clone(),
                write(
                    "locked.key",
                    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
                ),
            ),
            format!(
                "{} holds no private key that is not encrypted",
                at("locked.key")
            ),
        ),
        (
            identity(crt.clone(), files.path("server.key")),
            format!(
                "the key in {} does not fit the certificate in {}",
                at("server.key"),
                at("client.crt")
            ),
        ),
    ] {
        let error = ClientTls::load(&tls).unwrap_err().to_string();
        assert!(error.contains(&told), "{told}: {error}");
        assert!(!error.contains("MIG"), "no part of a key: {error}");
    }
}
