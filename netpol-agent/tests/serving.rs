//! The agent's TCP door: who comes in, what is told of its certificates, and what it refuses to start with.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::borrow::Cow;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use netpol_agent::config::Config;
use netpol_agent::drop_class::Names;
use netpol_agent::kernel::observation::Observation;
use netpol_agent::run::{Source, run};
use netpol_api::v1;
use netpol_testkit::authority::{Authority, Identity, Validity};
use netpol_transport::client::{self, ConnectError, Options, Server};
use netpol_transport::tls::{self, ClientTls, ClientTlsFiles};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;

const NAME: &str = "netpol-agent.netpol.svc";
const PATIENCE: Duration = Duration::from_secs(10);

struct Nameless;

impl Names for Nameless {
    fn reason(&self, _: u32) -> Cow<'_, str> {
        Cow::Borrowed("")
    }
    fn location(&self, _: u64) -> Option<&str> {
        None
    }
}

/// A running agent without a kernel side, and the files of its certificates.
struct Agent {
    directory: tempfile::TempDir,
    authority: Authority,
    tcp: SocketAddr,
    http: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
    _observations: mpsc::Sender<Observation>,
}

impl Agent {
    /// With a certificate that is good for `validity`, and these further arguments; `DIR` stands for its directory.
    async fn start(validity: Validity, arguments: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new().unwrap();
        let identity = authority.server(&[NAME], validity).unwrap();
        identity.write(directory.path(), "tls").unwrap();
        std::fs::write(directory.path().join("ca.crt"), authority.certificate()).unwrap();
        let (tcp, http) = (free(), free());
        let line = format!(
            "netpol-agent --inventory DIR --socket DIR/agent.sock --node node-1 --listen {tcp} \
             --http-listen {http} {arguments}"
        );
        let line = line.replace("DIR", directory.path().to_str().unwrap());
        let config = Config::parse_from(line.split_whitespace());
        let (observations, receiver) = mpsc::channel(1);
        let source = Source {
            observations: receiver,
            names: Arc::new(Nameless),
            node_netns: 1,
            capabilities: Vec::new(),
            counters: Arc::default(),
        };
        let stop = CancellationToken::new();
        let agent = Self {
            task: tokio::spawn(run(config, source, stop.clone())),
            directory,
            authority,
            tcp,
            http,
            stop,
            _observations: observations,
        };
        agent.ready().await;
        agent
    }

    /// It listens for HTTP after all else.
    async fn ready(&self) {
        let connected = async {
            while tokio::net::TcpStream::connect(self.http).await.is_err() {
                assert!(!self.task.is_finished());
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, connected).await.unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn server(&self, scheme: &str) -> Server {
        format!("{scheme}://{}", self.tcp).parse().unwrap()
    }

    fn socket(&self) -> Server {
        Server::Unix(self.path("agent.sock"))
    }

    fn options(&self, identity: Option<Identity>) -> Options {
        let identity = identity.map(|identity| {
            let (certificate, key) = identity.write(self.directory.path(), "client").unwrap();
            tls::Identity {
                certificate: certificate.into(),
                key: key.into(),
            }
        });
        let files = ClientTlsFiles {
            authority: Some(self.path("ca.crt").into()),
            identity,
            server_name: Some(NAME.to_owned()),
        };
        Options {
            tls: Some(ClientTls::load(&files).unwrap()),
            token: None,
        }
    }

    fn with_certificate(&self) -> Options {
        let identity = self.authority.client("netpol-relay", Validity::Always);
        self.options(Some(identity.unwrap()))
    }

    async fn metrics(&self) -> String {
        let mut stream = tokio::net::TcpStream::connect(self.http).await.unwrap();
        let request = "GET /metrics HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn stop(self) {
        self.stop.cancel();
        let ended = timeout(PATIENCE, self.task).await;
        ended.unwrap().unwrap().unwrap();
    }
}

/// A port that nobody had a moment ago.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// What came of asking each service: status, flows, health, reflection.
async fn ask_all(server: &Server, options: &Options) -> [Result<(), Status>; 4] {
    let channel = client::channel(server, options).await.unwrap();
    let mut observer = v1::observer_client::ObserverClient::new(channel.clone());
    let mut health = HealthClient::new(channel.clone());
    let mut reflection = ServerReflectionClient::new(channel);
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            tonic_reflection::pb::v1::server_reflection_request::MessageRequest::ListServices(
                String::new(),
            ),
        ),
    };
    let flows = v1::WatchFlowsRequest::default();
    [
        observer.get_status(v1::GetStatusRequest {}).await.map(drop),
        observer.watch_flows(flows).await.map(drop),
        health.check(HealthCheckRequest::default()).await.map(drop),
        reflection
            .server_reflection_info(tokio_stream::iter([list]))
            .await
            .map(drop),
    ]
}

fn codes(answers: &[Result<(), Status>; 4]) -> [Code; 4] {
    answers
        .each_ref()
        .map(|answer| answer.as_ref().err().map_or(Code::Ok, Status::code))
}

#[tokio::test]
async fn a_certificate_gives_access_and_nothing_else_does() {
    let agent = Agent::start(
        Validity::Always,
        "--tls-cert DIR/tls.crt --tls-key DIR/tls.key --tls-client-ca DIR/ca.crt",
    )
    .await;
    let https = agent.server("https");
    let answers = ask_all(&https, &agent.with_certificate()).await;
    assert_eq!(codes(&answers), [Code::Ok; 4], "{answers:?}");
    let answers = ask_all(&agent.socket(), &Options::default()).await;
    assert_eq!(codes(&answers), [Code::Ok; 4], "{answers:?}");

    let error = client::connect(&https, &agent.options(None)).await;
    let error = error.unwrap_err();
    assert!(
        matches!(error, ConnectError::ClientCertificateWanted { .. }),
        "{error}"
    );
    let error = client::connect(&agent.server("http"), &Options::default()).await;
    let error = error.unwrap_err();
    assert!(matches!(error, ConnectError::SpeaksTls { .. }), "{error}");
    agent.stop().await;
}

#[tokio::test]
async fn without_authorization_everybody_reads() {
    let tls = "--tls-cert DIR/tls.crt --tls-key DIR/tls.key --authorization none";
    let agent = Agent::start(Validity::Always, tls).await;
    let answers = ask_all(&agent.server("https"), &agent.options(None)).await;
    assert_eq!(codes(&answers), [Code::Ok; 4], "{answers:?}");
    agent.stop().await;

    let agent = Agent::start(Validity::Always, "--plaintext --authorization none").await;
    let answers = ask_all(&agent.server("http"), &Options::default()).await;
    assert_eq!(codes(&answers), [Code::Ok; 4], "{answers:?}");
    agent.stop().await;
}

#[tokio::test]
async fn certificates_stand_in_metrics_and_those_that_end_soon_in_the_status() {
    let agent = Agent::start(
        Validity::Still(Duration::from_secs(3 * 24 * 3600)),
        "--tls-cert DIR/tls.crt --tls-key DIR/tls.key --tls-client-ca DIR/ca.crt",
    )
    .await;
    let status = client::connect(&agent.socket(), &Options::default())
        .await
        .unwrap()
        .get_status(v1::GetStatusRequest {})
        .await
        .unwrap()
        .into_inner();
    let file = agent.path("tls.crt").display().to_string();
    let told = format!("the server certificate in {file} expires at 2");
    assert!(
        status.warnings.iter().any(|text| text.starts_with(&told)),
        "{:?}",
        status.warnings
    );
    let metrics = agent.metrics().await;
    let end = metrics.lines().find_map(|line| {
        line.strip_prefix("netpol_certificate_expiry_timestamp_seconds{role=\"server\"} ")
    });
    let end: u64 = end.unwrap_or_else(|| panic!("{metrics}")).parse().unwrap();
    let left = end - now();
    assert!((2 * 24 * 3600..=3 * 24 * 3600).contains(&left), "{left}");
    for line in [
        "netpol_certificate_expiry_timestamp_seconds{role=\"authority\"} ",
        "netpol_certificate_reloads_total 0\n",
        "netpol_certificate_reload_failures_total 0\n",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    agent.stop().await;
}

#[tokio::test]
async fn certificates_that_cannot_be_used_keep_shut_the_one_door_until_they_can() {
    let agent = Agent::start(
        Validity::Always,
        "--tls-cert DIR/late.crt --tls-key DIR/late.key --tls-client-ca DIR/ca.crt",
    )
    .await;
    let mut client = client::connect(&agent.socket(), &Options::default())
        .await
        .unwrap();
    let status = client.get_status(v1::GetStatusRequest {}).await.unwrap();
    let warnings = status.into_inner().warnings;
    let file = agent.path("late.crt").display().to_string();
    let told = |text: &String| {
        text.starts_with("--listen is not served: --tls-cert") && text.contains(&file)
    };
    assert!(warnings.iter().any(told), "{warnings:?}");

    let identity = agent.authority.server(&[NAME], Validity::Always).unwrap();
    identity.write(agent.directory.path(), "late").unwrap();
    let (https, options) = (agent.server("https"), agent.with_certificate());
    let opened = async {
        while client::connect(&https, &options).await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, opened).await.unwrap();
    let status = client.get_status(v1::GetStatusRequest {}).await.unwrap();
    assert!(!status.into_inner().warnings.iter().any(told));
    agent.stop().await;
}

/// Seconds since 1970.
fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

#[tokio::test]
async fn two_agents_in_one_network_namespace_know_of_each_other() {
    let plain = "--plaintext --authorization none";
    let agents = [
        Agent::start(Validity::Always, plain).await,
        Agent::start(Validity::Always, plain).await,
    ];
    let mut told = Vec::new();
    for agent in &agents {
        let mut client = client::connect(&agent.socket(), &Options::default())
            .await
            .unwrap();
        let status = client.get_status(v1::GetStatusRequest {}).await.unwrap();
        told.extend(status.into_inner().warnings);
    }
    // A third one may hold the node while this runs.
    let conflict = |text: &&String| {
        text.starts_with("another netpol-agent") && text.contains("watches this node too")
    };
    assert!(told.iter().any(|text| conflict(&text)), "{told:?}");
    for agent in agents {
        agent.stop().await;
    }
}

#[test]
fn what_makes_no_sense_ends_the_start_and_names_the_flag() {
    let run = |arguments: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_netpol-agent"))
            .args(["--inventory", "/nonexistent", "--listen", "127.0.0.1:0"])
            .args(arguments.split_whitespace())
            .env("RUST_BACKTRACE", "0")
            .output()
            .unwrap();
        assert!(!output.status.success(), "{arguments}");
        String::from_utf8(output.stderr).unwrap()
    };
    for (arguments, told) in [
        (
            "",
            "--listen needs --tls-cert FILE and --tls-key FILE, or --plaintext",
        ),
        ("--plaintext", "--plaintext needs --authorization none"),
        (
            "--tls-cert c --tls-key k",
            "--authorization certificate needs --tls-client-ca FILE",
        ),
        (
            "--tls-cert c --tls-key k --tls-client-ca a --authorization none",
            "--tls-client-ca says nothing beside --authorization none",
        ),
    ] {
        let error = run(arguments);
        assert!(error.contains(told), "{arguments}: {error}");
    }
}
