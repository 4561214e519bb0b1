//! A token travels over TLS and Unix sockets, and never in plain text.

use netpol_transport::client::{ConnectError, Options, Server, Token, connect, connect_over};
use netpol_transport::tls::ClientCertificates;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::server::{Files, TestServer, ask};

fn token() -> Option<Token> {
    Some(Token::Text("s3cret".to_owned()))
}

fn shown(server: &TestServer) -> Option<String> {
    server.seen().pop().unwrap().authorization
}

#[tokio::test]
async fn it_is_shown_in_tls_and_on_a_unix_socket() {
    let files = Files::new();
    let server = TestServer::tls(&files.server(ClientCertificates::Ignored)).await;
    let mut options = files.client(None);
    options.token = token();
    ask(&server.address("https"), &options).await.unwrap();
    assert_eq!(shown(&server), Some("Bearer s3cret".to_owned()));

    let path = files.path("socket");
    let (server, _file) = TestServer::unix(&path);
    ask(&Server::Unix(path), &options).await.unwrap();
    assert_eq!(shown(&server), Some("Bearer s3cret".to_owned()));
}

#[tokio::test]
async fn not_a_byte_goes_out_in_plain_text() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // TLS of the options is for https:// and says nothing about http://.
    let mut options = Files::new().client(None);
    options.token = token();
    let server = format!("http://{address}").parse().unwrap();
    let error = connect(&server, &options).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::TokenInPlainText { .. }),
        "{error}"
    );
    let waiting = std::time::Duration::from_millis(100);
    let came = tokio::time::timeout(waiting, listener.accept()).await;
    assert!(came.is_err(), "not even a connection");

    let (near, mut far) = tokio::io::duplex(4096);
    let options = Options {
        tls: None,
        token: token(),
    };
    let error = connect_over(near, "pod netpol/netpol-agent-1", &options).await;
    let error = error.unwrap_err();
    assert!(
        matches!(error, ConnectError::TokenInPlainText { .. }),
        "{error}"
    );
    let mut sent = Vec::new();
    far.read_to_end(&mut sent).await.unwrap();
    assert_eq!(sent, b"");
}
