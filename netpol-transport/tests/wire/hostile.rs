//! Peers that are slow, wrong, or only there to be in the way.

use std::time::{Duration, Instant};

use netpol_transport::client::Options;
use netpol_transport::tls::ClientCertificates;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{Files, TestServer, ask};

async fn server(files: &Files) -> TestServer {
    TestServer::tls(&files.server(ClientCertificates::Ignored)).await
}

async fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

/// Connects and asks, in much less time than a handshake may take.
async fn is_served(server: &TestServer, options: &Options) {
    let address = server.address("https");
    let asking = ask(&address, options);
    let answer = tokio::time::timeout(Duration::from_secs(5), asking).await;
    answer.expect("not kept waiting").unwrap();
}

/// Reads until the other side closes.
async fn is_closed(mut stream: TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn garbage_ends_its_own_connection() {
    let files = Files::new();
    let server = server(&files).await;
    let record = [0x16, 3, 1, 0xff, 0xff];
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0xff; 20_000],
        &[0; 600],
        // A record that is longer than allowed; a hello whose length is a lie; an alert; a hello of SSL 2.
        &[&record[..], &[1; 20_000]].concat(),
        &[0x16, 3, 1, 0, 5, 1, 0xff, 0xff, 0xff, 3],
        &[0x15, 3, 1, 0, 2, 2, 40],
        &[0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10],
    ] {
        let mut stream = connect(&server).await;
        // It may be closed before all is written.
        let _ = stream.write_all(garbage).await;
        let _ = stream.shutdown().await;
        let closed = tokio::time::timeout(Duration::from_secs(5), is_closed(stream));
        closed.await.unwrap();
        is_served(&server, &files.client(None)).await;
    }
    assert_eq!(server.seen().len(), 7);
}

#[tokio::test]
async fn half_a_handshake_keeps_nobody_waiting_and_is_cut() {
    let files = Files::new();
    let server = server(&files).await;
    // Silence, and a hello that comes byte by byte.
    let silent = connect(&server).await;
    let mut slow = connect(&server).await;
    let dripping = tokio::spawn(async move {
        for byte in [0x16, 3, 1, 2, 0].into_iter().chain([1; 100]) {
            if slow.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("not cut");
    });
    let began = Instant::now();
    for _ in 0..20 {
        is_served(&server, &files.client(None)).await;
    }
    is_closed(silent).await;
    assert!((8..=15).contains(&began.elapsed().as_secs()), "{began:?}");
    dripping.await.unwrap();
}

#[tokio::test]
async fn many_half_handshakes_shut_nobody_out() {
    let files = Files::new();
    let server = server(&files).await;
    let mut held = Vec::new();
    // More than are kept under way.
    for _ in 0..400 {
        held.push(connect(&server).await);
    }
    let options = files.client(None);
    for _ in 0..5 {
        is_served(&server, &options).await;
        held.push(connect(&server).await);
    }
    // The oldest were given up for it, before their time.
    let oldest = tokio::time::timeout(Duration::from_secs(3), is_closed(held.remove(0)));
    oldest.await.unwrap();
}

#[tokio::test]
async fn a_connection_without_a_preface_is_cut() {
    let server = TestServer::plain().await;
    let silent = connect(&server).await;
    let mut half = connect(&server).await;
    half.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    let began = Instant::now();
    tokio::join!(is_closed(silent), is_closed(half));
    assert!((8..=15).contains(&began.elapsed().as_secs()), "{began:?}");
}

#[tokio::test]
async fn garbage_in_plain_text_ends_its_own_connection() {
    let server = TestServer::plain().await;
    for garbage in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        &[0xff; 20_000],
        // The preface, then a frame longer than any may be.
        &[&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0xff; 100]].concat(),
    ] {
        let mut stream = connect(&server).await;
        let _ = stream.write_all(garbage).await;
        let closed = tokio::time::timeout(Duration::from_secs(5), is_closed(stream));
        closed.await.unwrap();
        ask(&server.address("http"), &Options::default())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn connections_beyond_the_most_are_closed_and_places_come_back() {
    let server = TestServer::plain().await;
    let mut held = Vec::new();
    for _ in 0..1024 {
        held.push(connect(&server).await);
    }
    let beyond = connect(&server).await;
    let closed = tokio::time::timeout(Duration::from_secs(5), is_closed(beyond));
    closed.await.unwrap();
    held.truncate(1000);
    tokio::time::sleep(Duration::from_millis(200)).await;
    ask(&server.address("http"), &Options::default())
        .await
        .unwrap();
}
