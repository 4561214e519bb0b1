//! A server at an address: on a Unix socket, or where nobody is.

use std::process::Stdio;

use tokio::{io::AsyncReadExt, net::UnixListener, process::Command};
use tokio_stream::wrappers::UnixListenerStream;

use crate::{
    flows,
    scripted::{Play, Script, flow, story},
    text,
};
use netpol_api::v1::{self, observer_server::ObserverServer, watch_flows_response::Item};
use std::time::Duration;

pub(crate) struct Server {
    dir: tempfile::TempDir,
    pub(crate) script: Script,
}

impl Server {
    fn start(items: Vec<Item>) -> Self {
        Self::playing(Script::new(Play::of(items)))
    }

    pub(crate) fn playing(script: Script) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("agent.sock")).unwrap();
        let service = ObserverServer::new(script.clone());
        tokio::spawn(
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(UnixListenerStream::new(listener)),
        );
        Self { dir, script }
    }

    pub(crate) fn flows(&self, arguments: &[&str]) -> Command {
        let mut command = flows(arguments);
        let socket = self.dir.path().join("agent.sock");
        command.env("NETPOL_SERVER", format!("unix://{}", socket.display()));
        command
    }
}

#[tokio::test]
async fn list_prints_a_line_for_each_verdict_and_each_gap() {
    let server = Server::start(story());
    let output = server.flows(&["list"]).output().await.unwrap();
    assert_eq!(text(&output.stderr), "");
    assert!(output.status.success());
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(
        lines[0].contains("✓ forwarded") && lines[0].contains("10.0.0.1"),
        "{lines:#?}"
    );
    assert!(lines[1].contains("✗ BLOCKED"), "{lines:#?}");
    assert!(
        lines[2].contains("3 events lost: slow subscriber"),
        "{lines:#?}"
    );
}

#[tokio::test]
async fn json_prints_every_revision() {
    let server = Server::start(story());
    let output = server
        .flows(&["list", "-o", "json"])
        .output()
        .await
        .unwrap();
    let kinds: Vec<_> = text(&output.stdout)
        .lines()
        .map(|line| {
            let object: serde_json::Value = serde_json::from_str(line).unwrap();
            (object["type"].clone(), object["revision"].clone())
        })
        .collect();
    assert_eq!(
        serde_json::json!(kinds).to_string(),
        r#"[["flow",1],["flow",2],["flow",3],["flow",1],["lost",null]]"#
    );
}

#[tokio::test]
async fn filters_are_the_servers_work() {
    let server = Server::start(Vec::new());
    let line = [
        "list",
        "--blocked",
        "--last",
        "7",
        "--to-port",
        "443",
        "--not",
        "-n",
        "kube-system",
    ];
    assert!(server.flows(&line).status().await.unwrap().success());
    let asked = server.script.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].blocked_only && !asked[0].follow);
    assert_eq!(asked[0].last, Some(7));
    let (filter, exclude) = (
        asked[0].filter.clone().unwrap(),
        asked[0].exclude.clone().unwrap(),
    );
    assert_eq!(filter.destination.unwrap().port, ["443"]);
    assert_eq!(exclude.any_end.unwrap().namespace, ["kube-system"]);
}

#[tokio::test]
async fn the_version_is_told_as_other_programs_do() {
    let expected = format!("flows {}\n", env!("CARGO_PKG_VERSION"));
    for argument in ["--version", "-V", "version"] {
        let output = flows(&[argument]).output().await.unwrap();
        assert!(output.status.success());
        assert_eq!(text(&output.stdout), expected, "{argument}");
    }
    let output = flows(&["list", "--version"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test]
async fn ctrl_c_ends_a_watch_well_and_with_a_tally() {
    let server = Server::start(story());
    let mut command = server.flows(&["watch"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut seen = String::new();
    while !seen.contains("lost") {
        let mut buffer = [0; 512];
        let read = tokio::time::timeout(Duration::from_secs(20), stdout.read(&mut buffer));
        let read = read.await.expect("the lines have come by now").unwrap();
        assert_ne!(read, 0, "ended before: {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    let pid = child.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .await
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success());
    assert_eq!(text(&output.stderr), "2 flows, 1 blocked, 3 lost\n");
}

#[tokio::test]
async fn a_reader_that_goes_away_is_success() {
    let many = (0..5000).map(|i| flow(&i.to_string(), 1, v1::observed::Verdict::Dropped, 1));
    let server = Server::start(many.collect());
    let mut command = server.flows(&["list"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 64];
    child
        .stdout
        .take()
        .unwrap()
        .read_exact(&mut first)
        .await
        .unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    assert_eq!(text(&output.stderr), "");
}

#[tokio::test]
async fn nobody_listening_is_said_and_is_exit_code_1() {
    let command = flows(&["list", "--server", "unix:///nonexistent/agent.sock"])
        .output()
        .await;
    let output = command.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "flows: no agent listens at unix:///nonexistent/agent.sock; is netpol-agent running? (--server)\n"
    );
}

#[tokio::test]
async fn a_server_that_speaks_no_grpc_is_exit_code_1() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
        }
    });
    let server = format!("http://{address}");
    let output = flows(&["list", "--server", &server])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.starts_with(&format!("flows: {server} does not answer in HTTP/2")),
        "{said}"
    );
}

#[tokio::test]
async fn a_bad_filter_is_exit_code_2_before_anything_is_asked() {
    let output = flows(&["list", "--address", "nowhere"])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--address: \"nowhere\""));
}

#[tokio::test]
async fn colour_is_for_those_who_ask() {
    let server = Server::start(story());
    let plain = server.flows(&["list"]).output().await.unwrap().stdout;
    let coloured = server
        .flows(&["list", "--color", "always"])
        .output()
        .await
        .unwrap()
        .stdout;
    assert!(!text(&plain).contains('\x1b'));
    assert!(text(&coloured).contains('\x1b'));
}

#[tokio::test]
async fn status_names_the_node() {
    let server = Server::start(Vec::new());
    let output = server.flows(&["status"]).output().await.unwrap();
    assert!(
        text(&output.stdout).starts_with("node       worker-1\n"),
        "{}",
        text(&output.stdout)
    );
}
