//! Somebody who looks at the output page by page, and takes a while for it.

use std::{process::Stdio, time::Duration};

use netpol_api::v1::{Flow, observer_server::ObserverServer, watch_flows_response::Item};
use netpol_transport::listen::{self, Door};
use tokio::{io::AsyncReadExt, net::TcpListener};

use crate::{
    flows,
    scripted::{Play, Script},
};

/// A server takes a client for dead that does not answer its question for 20 s, asked every 20 s.
const PAUSE: Duration = Duration::from_secs(50);
const FLOWS: usize = 5000;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_pager_that_waits_does_not_cost_the_connection() {
    let flow = Flow {
        id: "x".repeat(400),
        ..Flow::default()
    };
    // Much more than pipes and windows hold.
    let script = Script::new(Play::of(vec![Item::Flow(flow); FLOWS]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let serving = listen::server().add_service(ObserverServer::new(script));
    tokio::spawn(serving.serve_with_incoming(Door::PlainText(listener).incoming()));

    let mut child = flows(&["list", "-o", "json", "--server", &server])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    tokio::time::sleep(PAUSE).await;
    let mut text = String::new();
    let mut output = child.stdout.take().unwrap();
    output.read_to_string(&mut text).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text.lines().count(), FLOWS);
}
