//! Where a server listens, and whether by TLS.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use socket2::Socket;
use tokio::sync::mpsc;

use super::ApiServer;
use super::listen::{self, Server};
use super::shared::Shared;
use super::tls::{Certificate, acceptor};
use crate::authority::Authority;
use crate::{Error, Namespace, Result};

/// A server to be started.
#[derive(Debug, Default)]
pub struct Builder<'a> {
    namespace: Option<&'a Namespace>,
    certificate: Option<Certificate>,
}

impl<'a> Builder<'a> {
    /// Listens on 127.0.0.1 of a network namespace instead of the caller's.
    #[must_use]
    pub fn namespace(self, namespace: &'a Namespace) -> Self {
        Self {
            namespace: Some(namespace),
            ..self
        }
    }

    /// Takes TLS connections alone, with a certificate of an authority of its own.
    #[must_use]
    pub fn tls(self, certificate: Certificate) -> Self {
        Self {
            certificate: Some(certificate),
            ..self
        }
    }

    /// Starts the server on a free port.
    ///
    /// # Errors
    /// When it cannot listen, make its certificate, or start its thread.
    pub fn start(self) -> Result<ApiServer> {
        let bound = match self.namespace {
            Some(namespace) => namespace.run_in(bind),
            None => bind(),
        };
        let (address, socket) = bound.map_err(Error::io("bind a port for the API server"))?;
        let tls = self.certificate.map(|certificate| {
            let authority = Authority::new()?;
            let acceptor = acceptor(&authority, certificate)?;
            io::Result::Ok((authority, acceptor))
        });
        let tls = tls
            .transpose()
            .map_err(Error::io("make a certificate for the API server"))?;
        let (authority, acceptor) = tls.unzip();

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::io("make a runtime for the API server"))?;
        let shared = Arc::new(Shared::new());
        let (commands, receiver) = mpsc::unbounded_channel();
        let server = Server {
            address,
            shared: shared.clone(),
            acceptor,
        };
        let serve = move || runtime.block_on(server.serve(socket, receiver));
        let thread = match self.namespace {
            Some(namespace) => namespace.spawn_in(serve)?,
            None => std::thread::Builder::new()
                .name("api-server".to_owned())
                .spawn(serve)
                .map_err(Error::io("start the thread of the API server"))?,
        };
        let server = ApiServer {
            address,
            shared,
            authority,
            commands: Some(commands),
            thread: Some(thread),
        };
        server.restart()?;
        Ok(server)
    }
}

fn bind() -> io::Result<(SocketAddr, Socket)> {
    let socket = listen::bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let address = socket.local_addr()?.as_socket();
    let address = address.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
    Ok((address, socket))
}
