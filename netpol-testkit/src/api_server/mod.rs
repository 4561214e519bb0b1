//! An API server in this process, for tests of what lists and watches.
//!
//! ```text
//!   ApiServer (the scenario's handle) ── apply, delete ──▶ store ── objects, versions, changes
//!      │                                                     │
//!      ├── deny, pause, cut_streams, … ──▶ faults            ▼
//!      ├── add_token, grant, revoke ─────▶ users ─▶ review   │
//!      ├── forward_port ──▶ port_forward                     │
//!      └── requests, watches ◀── answer ◀── query        list, watch, write, discovery
//!                                  │                          │
//!   client ══ loopback ══▶ listen ─┘◀═══════════ body ════════┘
//! ```
//!
//! It reads and watches as a real one does, as far as clients of `kube` can tell. Clients can create
//! objects and patch them, ask for tokens of ServiceAccounts, and have tokens and rights reviewed;
//! they can neither replace nor delete. It validates Events alone, and stores what
//! [`ApiServer::apply`] is given: an object with a field of a wrong type is one that is simply
//! applied. It does not convert between the versions of a resource, and refuses sets in label
//! selectors.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::StatusCode;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::authority::{Authority, Validity};
use crate::{Error, Namespace, Result};

mod answer;
mod body;
mod builder;
mod discovery;
mod event;
mod faults;
mod kubeconfig;
mod list;
mod listen;
mod port_forward;
mod query;
mod representation;
mod resource;
mod review;
mod selector;
mod shared;
mod status;
mod store;
mod tls;
mod users;
mod watch;
mod write;

pub use builder::Builder;
pub use resource::custom_resource_definition;
pub use shared::VerbAndResource;
pub use store::Rejected;
pub use tls::Certificate;
pub use users::User;

use kubeconfig::Credential;
use listen::{Command, Done};
use shared::Shared;

/// A running API server. It ends, and drops its connections, when this is dropped.
#[derive(Debug)]
pub struct ApiServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Signs its certificate; `None` without TLS.
    authority: Option<Authority>,
    commands: Option<mpsc::UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl ApiServer {
    /// Starts a server on a free port of 127.0.0.1, with the built-in resources and no objects. It
    /// speaks plain HTTP.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub fn start() -> Result<Self> {
        Builder::default().start()
    }

    /// As [`ApiServer::start`], on 127.0.0.1 of a network namespace.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub fn start_in(namespace: &Namespace) -> Result<Self> {
        Builder::default().namespace(namespace).start()
    }

    /// For a server with TLS.
    #[must_use]
    pub fn builder<'a>() -> Builder<'a> {
        Builder::default()
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.authority.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    /// The authority behind its certificate, PEM; `None` without TLS.
    #[must_use]
    pub fn certificate_authority(&self) -> Option<String> {
        self.authority.as_ref().map(Authority::certificate)
    }

    /// The bearer token that it takes now.
    #[must_use]
    pub fn token(&self) -> String {
        self.shared.state().token()
    }

    /// Writes a kubeconfig that leads here, with the bearer token and authority.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn kubeconfig(&self, path: &Path) -> Result<()> {
        let credential = Credential::Token(self.token());
        self.write_kubeconfig(path, self.certificate_authority(), credential)
    }

    /// Writes a kubeconfig that leads here with a client certificate instead of a token. Without
    /// TLS there is none to show: it is refused as one without a token is.
    ///
    /// # Errors
    /// When the certificate cannot be made or the file not be written.
    pub fn kubeconfig_with_client_certificate(&self, path: &Path) -> Result<()> {
        let other = Authority::new().map_err(Error::io("make an authority"))?;
        let identity = self
            .authority
            .as_ref()
            .unwrap_or(&other)
            .client("netpol-agent", Validity::Always);
        let identity = identity.map_err(Error::io("make a client certificate"))?;
        let credential = Credential::Certificate(identity);
        self.write_kubeconfig(path, self.certificate_authority(), credential)
    }

    /// Writes a kubeconfig that trusts another authority than the server's.
    ///
    /// # Errors
    /// When the authority cannot be made or the file not be written.
    pub fn kubeconfig_with_other_authority(&self, path: &Path) -> Result<()> {
        let other = Authority::new().map_err(Error::io("make an authority"))?;
        let credential = Credential::Token(self.token());
        self.write_kubeconfig(path, Some(other.certificate()), credential)
    }

    fn write_kubeconfig(
        &self,
        path: &Path,
        authority: Option<String>,
        credential: Credential,
    ) -> Result<()> {
        // JSON is YAML.
        let document = kubeconfig::document(&self.url(), authority, credential);
        std::fs::write(path, format!("{document:#}\n"))
            .map_err(Error::io(format!("write {}", path.display())))
    }

    /// Creates or replaces an object and returns it as stored, with its UID and version. A
    /// CustomResourceDefinition makes its resources appear.
    ///
    /// # Errors
    /// [`Rejected::UnknownKind`], [`Rejected::NoName`].
    pub fn apply(&self, object: Value) -> Result<Value, Rejected> {
        let stored = self.shared.change(|state| state.store.apply(object))?;
        Ok(Value::clone(&stored))
    }

    /// Deletes an object; `namespace` is empty for a cluster-scoped one. With a
    /// CustomResourceDefinition go its resources and their objects.
    ///
    /// # Errors
    /// [`Rejected::NotFound`].
    pub fn delete(&self, kind: &str, namespace: &str, name: &str) -> Result<(), Rejected> {
        let key = (namespace.to_owned(), name.to_owned());
        self.shared.change(|state| state.store.delete(kind, key))
    }

    /// Forgets all changes so far: a watch from any version known until now gets 410 Gone, and so
    /// does the next page of a list. Open streams are told the same, and end.
    pub fn forget_history(&self) {
        self.shared.change(|state| state.store.forget_history());
    }

    /// Breaks off every open watch stream in the middle. Its client may connect again.
    pub fn cut_streams(&self) {
        self.shared.change(|state| state.faults.cuts += 1);
    }

    /// Lets connections to a port of a pod, which has to be there, lead to `address`. To a port
    /// without such an address nobody can connect.
    pub fn forward_port(&self, namespace: &str, pod: &str, port: u16, address: SocketAddr) {
        let port = ((namespace.to_owned(), pod.to_owned()), port);
        self.shared
            .change(|state| state.port_forwards.insert(port, address));
    }

    /// Breaks off every open port-forward. Its client may come again.
    pub fn cut_port_forwards(&self) {
        self.shared.change(|state| state.faults.forward_cuts += 1);
    }

    /// Sends a bookmark to every open stream that takes them.
    pub fn send_bookmarks(&self) {
        self.shared.change(|state| state.faults.bookmarks += 1);
    }

    /// Sends a line that is no JSON to every open watch of a resource.
    pub fn send_garbage(&self, resource: &str) {
        self.shared.change(|state| {
            *state.faults.garbage.entry(resource.to_owned()).or_default() += 1;
        });
    }

    /// Answers nothing, and lets open streams stand still, until [`ApiServer::resume`].
    /// Connections are still taken.
    pub fn pause(&self) {
        self.shared.change(|state| state.faults.paused = true);
    }

    /// Ends [`ApiServer::pause`].
    pub fn resume(&self) {
        self.shared.change(|state| state.faults.paused = false);
    }

    /// Goes away: drops all connections and refuses new ones, until [`ApiServer::restart`].
    /// Objects can change meanwhile. The port stays ours.
    ///
    /// # Errors
    /// When the port cannot be held.
    pub fn stop(&self) -> Result<()> {
        self.command(Command::Stop, "hold the port of the API server")
    }

    /// Listens again, on the same port.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn restart(&self) -> Result<()> {
        self.command(Command::Listen, "listen as the API server")
    }

    /// Forbids everybody a verb on a resource (403), as when its RBAC rule is missing. Open streams
    /// go on.
    pub fn deny(&self, verb: &str, resource: &str) {
        let denied = (verb.to_owned(), resource.to_owned());
        self.shared
            .change(|state| state.faults.denied.insert(denied));
    }

    /// Ends [`ApiServer::deny`].
    pub fn allow(&self, verb: &str, resource: &str) {
        let denied = (verb.to_owned(), resource.to_owned());
        self.shared
            .change(|state| state.faults.denied.remove(&denied));
    }

    /// Answers every request with this HTTP code, such as 429, 500 or 503, and a Status that says
    /// so; `None` ends that. Open streams go on.
    ///
    /// # Panics
    /// When the code is no HTTP code (100 to 999).
    pub fn fail_requests(&self, code: Option<u16>) {
        let code = code.map(|code| {
            StatusCode::from_u16(code).unwrap_or_else(|_| panic!("{code} is no HTTP code"))
        });
        self.shared.change(|state| state.faults.failure = code);
    }

    /// Whether lists may be streamed as the beginning of a watch, as they are at first; else that is refused (422), as where
    /// the feature is turned off.
    pub fn stream_lists(&self, streamed: bool) {
        self.shared
            .change(|state| state.faults.lists_unstreamed = !streamed);
    }

    /// Ends each stream that is opened from now on after this time at the latest; `None` ends that.
    pub fn end_streams_after(&self, time: Option<Duration>) {
        self.shared
            .change(|state| state.faults.longest_stream = time);
    }

    /// Takes no token any more (401). Open streams go on.
    pub fn expire_token(&self) {
        self.shared
            .change(|state| state.faults.token_expired = true);
    }

    /// Ends [`ApiServer::expire_token`].
    pub fn renew_token(&self) {
        self.shared
            .change(|state| state.faults.token_expired = false);
    }

    /// Replaces the token, as in a cluster, and returns the new one; the old one gets 401.
    pub fn rotate_token(&self) -> String {
        self.shared.change(|state| {
            state.token_rotations += 1;
            state.token()
        })
    }

    /// Sends each answer at this speed; `None` for as fast as it is read.
    pub fn slow(&self, bytes_per_second: Option<NonZeroU32>) {
        self.shared
            .change(|state| state.faults.bytes_per_second = bytes_per_second);
    }

    /// How often each verb was asked for on each resource, with what was refused.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<VerbAndResource, u64> {
        self.shared.state().requests.clone()
    }

    /// How many watch streams of a resource are open.
    #[must_use]
    pub fn watches(&self, resource: &str) -> usize {
        let state = self.shared.state();
        state.watches.get(resource).copied().unwrap_or_default()
    }

    fn command(&self, command: impl FnOnce(Done) -> Command, action: &str) -> Result<()> {
        let (done, result) = std::sync::mpsc::channel();
        if let Some(commands) = &self.commands {
            // When the thread is gone, so is `done`, and the next line tells.
            let _ = commands.send(command(done));
        }
        let gone = |_| Err(io::Error::from(io::ErrorKind::NotConnected));
        result
            .recv()
            .unwrap_or_else(gone)
            .map_err(Error::io(action))
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        // The thread serves until the sender is gone.
        self.commands.take();
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed.
            let _ = thread.join();
        }
    }
}
