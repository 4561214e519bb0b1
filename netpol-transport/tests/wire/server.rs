//! A server that remembers who asked, and the files of its certificates.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use netpol_api::v1;
use netpol_api::v1::observer_server::ObserverServer;
use netpol_testkit::authority::{Authority, Identity, Validity};
use netpol_transport::client::{self, Client, ConnectError, Options, Server};
use netpol_transport::listen::{self, Door, Peer};
use netpol_transport::tls::{
    self, ClientCertificates, ClientTls, ClientTlsFiles, Pem, Report, ServerTls, ServerTlsFiles,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// The name that certificates of servers are for.
pub(crate) const NAME: &str = "netpol-agent.netpol.svc";

/// What the server saw of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) peer: Peer,
    pub(crate) authorization: Option<String>,
}

#[derive(Clone, Default)]
struct Observer(Arc<Mutex<Vec<Seen>>>);

impl Observer {
    fn see<T>(&self, request: &Request<T>) {
        let authorization = request.metadata().get("authorization");
        self.0.lock().unwrap().push(Seen {
            peer: Peer::of(request.extensions()).unwrap().clone(),
            authorization: authorization.map(|value| value.to_str().unwrap().to_owned()),
        });
    }
}

#[tonic::async_trait]
impl v1::observer_server::Observer for Observer {
    type WatchFlowsStream = ReceiverStream<Result<v1::WatchFlowsResponse, Status>>;
    type ReadHistoryStream = ReceiverStream<Result<v1::ReadHistoryResponse, Status>>;

    /// An item every 20 ms.
    async fn watch_flows(
        &self,
        request: Request<v1::WatchFlowsRequest>,
    ) -> Result<Response<Self::WatchFlowsStream>, Status> {
        self.see(&request);
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            while sender
                .send(Ok(v1::WatchFlowsResponse::default()))
                .await
                .is_ok()
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        self.see(&request);
        Ok(Response::new(v1::GetStatusResponse::default()))
    }

    async fn read_history(
        &self,
        _: Request<v1::ReadHistoryRequest>,
    ) -> Result<Response<Self::ReadHistoryStream>, Status> {
        Err(Status::unimplemented("no test asks for it"))
    }
}

/// A server on loopback. Ends when dropped.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    tls: Option<Arc<ServerTls>>,
    observer: Observer,
    task: JoinHandle<()>,
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TestServer {
    pub(crate) async fn plain() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self::start(Door::PlainText(listener), address)
    }

    pub(crate) async fn tls(files: &ServerTlsFiles) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self::start(
            Door::Tls(listener, ServerTls::load(files).unwrap()),
            address,
        )
    }

    pub(crate) fn unix(path: &Path) -> (Self, listen::SocketFile) {
        let (listener, file) = listen::bind_unix(path).unwrap();
        let nowhere = ([127, 0, 0, 1], 0).into();
        (Self::start(Door::Unix(listener), nowhere), file)
    }

    fn start(door: Door, address: SocketAddr) -> Self {
        let observer = Observer::default();
        let service = ObserverServer::new(observer.clone());
        let tls = door.tls();
        let task = tokio::spawn(async move {
            let server = listen::server().add_service(service);
            server.serve_with_incoming(door.incoming()).await.unwrap();
        });
        Self {
            address,
            tls,
            observer,
            task,
        }
    }

    pub(crate) fn address(&self, scheme: &str) -> Server {
        format!("{scheme}://{}", self.address).parse().unwrap()
    }

    pub(crate) fn report(&self) -> Report {
        self.tls.as_ref().unwrap().report()
    }

    /// What it has seen since it was last asked.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.observer.0.lock().unwrap())
    }
}

/// An authority and a directory of what it issued.
pub(crate) struct Files {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) authority: Authority,
}

impl Files {
    pub(crate) fn new() -> Self {
        let files = Self {
            directory: tempfile::tempdir().unwrap(),
            authority: Authority::new().unwrap(),
        };
        std::fs::write(files.path("ca.crt"), files.authority.certificate()).unwrap();
        files.issue_server(Validity::Always);
        files
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Makes `server.crt` and `server.key` anew.
    pub(crate) fn issue_server(&self, validity: Validity) {
        self.authority
            .server(&[NAME], validity)
            .unwrap()
            .write(self.directory.path(), "server")
            .unwrap();
    }

    pub(crate) fn server(&self, clients: ClientCertificates) -> ServerTlsFiles {
        ServerTlsFiles {
            identity: self.identity("server"),
            clients,
        }
    }

    pub(crate) fn ca(&self) -> Pem {
        self.path("ca.crt").into()
    }

    pub(crate) fn identity(&self, name: &str) -> tls::Identity {
        tls::Identity {
            certificate: self.path(&format!("{name}.crt")).into(),
            key: self.path(&format!("{name}.key")).into(),
        }
    }

    /// A client that trusts the authority and shows `identity`, once that is written down.
    pub(crate) fn client(&self, identity: Option<&Identity>) -> Options {
        let shown = identity.map(|identity| {
            identity.write(self.directory.path(), "client").unwrap();
            self.identity("client")
        });
        options(ClientTlsFiles {
            authority: Some(self.ca()),
            identity: shown,
            server_name: Some(NAME.to_owned()),
        })
    }
}

pub(crate) fn options(files: ClientTlsFiles) -> Options {
    Options {
        tls: Some(ClientTls::load(&files).unwrap()),
        token: None,
    }
}

/// Connects and asks once.
pub(crate) async fn ask(server: &Server, options: &Options) -> Result<Client, ConnectError> {
    let mut client = client::connect(server, options).await?;
    client.get_status(v1::GetStatusRequest {}).await.unwrap();
    Ok(client)
}
