//! The flags by which agent and relay serve on TCP, and what of them makes no sense together.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use tokio::net::TcpListener;
use tonic::Status;

use crate::access::ReviewOptions;
use crate::listen::{Door, Peer};
use crate::tls::{ClientCertificates, Identity, Pem, ServerTls, ServerTlsFiles, TlsError};

/// How flows are served on TCP.
#[derive(Clone, Debug, Args)]
pub struct ServingOptions {
    /// Serve flows on this TCP address, in TLS unless --plaintext is given.
    #[arg(long, env = "NETPOL_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,

    /// Certificate shown on --listen, with its chain, as PEM. Followed as the file changes, like the two below.
    #[arg(
        long,
        env = "NETPOL_TLS_CERT",
        value_name = "FILE",
        requires = "listen",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,

    /// Key of that certificate, as PEM.
    #[arg(
        long,
        env = "NETPOL_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,

    /// Authority of client certificates, as PEM. Whoever shows one of it on --listen reads everything.
    #[arg(
        long,
        env = "NETPOL_TLS_CLIENT_CA",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_client_ca: Option<PathBuf>,

    /// Serve on --listen without TLS. Needs --authorization none.
    #[arg(
        long,
        env = "NETPOL_PLAINTEXT",
        requires = "listen",
        conflicts_with = "tls_cert"
    )]
    pub plaintext: bool,

    /// Who may read on --listen.
    #[arg(
        long,
        env = "NETPOL_AUTHORIZATION",
        value_name = "HOW",
        value_enum,
        default_value_t
    )]
    pub authorization: Authorization,

    /// How tokens and rights are reviewed.
    #[command(flatten)]
    pub reviews: ReviewOptions,
}

/// Who may read what on TCP. The Unix socket is for whom its mode lets in, and shows everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Authorization {
    /// Whoever shows a certificate of --tls-client-ca reads everything, nobody else anything.
    #[default]
    Certificate,
    /// Whoever shows a token reads what RBAC of the cluster grants: verb watch on flows.observer.netpol, of all
    /// namespaces or of some.
    Kubernetes,
    /// Everybody reads everything.
    None,
}

impl Authorization {
    /// Whether a connection alone gives access to everything, whatever its requests show.
    #[must_use]
    pub fn admits(self, peer: Option<&Peer>) -> bool {
        self == Self::None
            || peer.is_some_and(|peer| *peer == Peer::Unix || peer.certificate().is_some())
    }

    /// For what is shown to those alone who may read everything: reflection, health.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, for whom the connection gives no such access.
    pub fn require_full(self, peer: Option<&Peer>) -> Result<(), Status> {
        if self.admits(peer) {
            Ok(())
        } else {
            Err(Status::unauthenticated(
                "a client certificate is needed here, of the authority that this server trusts",
            ))
        }
    }
}

/// Flags that make no sense together, files that cannot be used, or an address that cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServingError {
    /// Neither TLS nor the word for going without.
    #[error(
        "--listen needs --tls-cert FILE and --tls-key FILE, or --plaintext for going without TLS"
    )]
    NoTls,
    /// Callers of a plain text port can show nothing, and a token would be read on the way.
    #[error(
        "--plaintext needs --authorization none: callers can show neither a certificate nor a token in plain text"
    )]
    NothingToShow,
    /// No authority for the certificates that are asked for.
    #[error(
        "--authorization certificate needs --tls-client-ca FILE, the authority of the certificates that callers show"
    )]
    NoClientAuthority,
    /// Certificates would be asked for and open nothing.
    #[error("--tls-client-ca says nothing beside --authorization none: leave one of them out")]
    UselessClientAuthority,
    /// A file of these flags.
    #[error("{flags}: {source}")]
    Tls {
        /// The flags that name it.
        flags: &'static str,
        /// What is wrong with it.
        source: TlsError,
    },
    /// The address is taken, or not this machine's.
    #[error("--listen: cannot listen on {address}: {source}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What came of it.
        source: std::io::Error,
    },
}

/// What `--listen` asks for.
enum Mode {
    PlainText,
    Tls(ServerTlsFiles),
}

impl ServingOptions {
    /// Tells flags that make no sense together before anything else is begun; files are not looked at.
    ///
    /// # Errors
    /// By the flag at fault.
    pub fn check(&self) -> Result<(), ServingError> {
        match self.listen {
            Some(_) => self.mode().map(drop),
            None => Ok(()),
        }
    }

    /// Opens `--listen`, if it is given. The address that was got stands in the listener.
    ///
    /// # Errors
    /// What keeps it from being served, by the flag at fault.
    pub async fn door(&self) -> Result<Option<Door>, ServingError> {
        let Some(address) = self.listen else {
            return Ok(None);
        };
        let tls = match self.mode()? {
            Mode::PlainText => None,
            Mode::Tls(files) => Some(load(&files)?),
        };
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| ServingError::Listen { address, source })?;
        Ok(Some(match tls {
            Some(tls) => Door::Tls(listener, tls),
            None => Door::PlainText(listener),
        }))
    }

    fn mode(&self) -> Result<Mode, ServingError> {
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else {
            return match (self.plaintext, self.authorization) {
                (false, _) => Err(ServingError::NoTls),
                (true, Authorization::None) => Ok(Mode::PlainText),
                (true, _) => Err(ServingError::NothingToShow),
            };
        };
        let authority = self.tls_client_ca.clone().map(Pem::File);
        let clients = match (self.authorization, authority) {
            (Authorization::Certificate, Some(authority)) => {
                ClientCertificates::Required(authority)
            }
            (Authorization::Certificate, None) => return Err(ServingError::NoClientAuthority),
            (Authorization::Kubernetes, Some(authority)) => ClientCertificates::Optional(authority),
            (Authorization::None, Some(_)) => return Err(ServingError::UselessClientAuthority),
            (Authorization::Kubernetes | Authorization::None, None) => ClientCertificates::Ignored,
        };
        Ok(Mode::Tls(ServerTlsFiles {
            identity: Identity {
                certificate: Pem::File(certificate.clone()),
                key: Pem::File(key.clone()),
            },
            clients,
        }))
    }
}

fn load(files: &ServerTlsFiles) -> Result<Arc<ServerTls>, ServingError> {
    ServerTls::load(files).map_err(|source| ServingError::Tls {
        flags: "--tls-cert, --tls-key, --tls-client-ca",
        source,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        serving: ServingOptions,
    }

    async fn open(arguments: &str) -> Result<Option<Door>, String> {
        let arguments = std::iter::once("program").chain(arguments.split_whitespace());
        let line = Line::try_parse_from(arguments).map_err(|error| error.to_string())?;
        line.serving.door().await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn what_makes_no_sense_is_refused_by_flag() {
        let tls = "--listen 127.0.0.1:0 --tls-cert /c --tls-key /k";
        for (arguments, told) in [
            ("--listen 127.0.0.1:0", "--listen needs --tls-cert FILE"),
            (
                "--listen 127.0.0.1:0 --plaintext",
                "--plaintext needs --authorization none",
            ),
            (
                "--listen 127.0.0.1:0 --plaintext --authorization kubernetes",
                "--plaintext needs --authorization none",
            ),
            (
                tls,
                "--authorization certificate needs --tls-client-ca FILE",
            ),
            (
                &format!("{tls} --tls-client-ca /a --authorization none"),
                "--tls-client-ca says nothing",
            ),
            (
                &format!("{tls} --plaintext"),
                "'--tls-cert <FILE>' cannot be used with '--plaintext'",
            ),
            ("--listen 127.0.0.1:0 --tls-cert /c", "--tls-key <FILE>"),
            ("--listen 127.0.0.1:0 --tls-key /k", "--tls-cert <FILE>"),
            ("--tls-cert /c --tls-key /k", "--listen <ADDRESS:PORT>"),
            ("--plaintext", "--listen <ADDRESS:PORT>"),
            (
                &format!("{tls} --authorization kubernetes"),
                "--tls-cert, --tls-key, --tls-client-ca: cannot read /c: ",
            ),
        ] {
            let error = open(arguments).await.unwrap_err();
            assert!(error.contains(told), "{arguments}: {error}");
        }
    }

    #[tokio::test]
    async fn plain_text_has_to_be_said_twice() {
        assert!(open("").await.unwrap().is_none());
        let door = open("--listen 127.0.0.1:0 --plaintext --authorization none").await;
        assert!(matches!(door, Ok(Some(Door::PlainText(_)))), "{door:?}");
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let arguments = format!("--listen {address} --plaintext --authorization none");
        let error = open(&arguments).await.unwrap_err();
        assert!(
            error.starts_with(&format!("--listen: cannot listen on {address}: ")),
            "{error}"
        );
    }

    #[test]
    fn a_connection_gives_what_it_shows() {
        let address = "10.0.0.1:1".parse().unwrap();
        let tls = |shown: bool| Peer::Tls {
            address,
            certificate: shown.then(|| crate::listen::ClientCertificate {
                subject: "CN=relay".into(),
            }),
        };
        let plain = Peer::PlainText(address);
        for how in [Authorization::Certificate, Authorization::Kubernetes] {
            assert!(how.admits(Some(&Peer::Unix)) && how.admits(Some(&tls(true))));
            assert!(!how.admits(Some(&tls(false))) && !how.admits(Some(&plain)));
            assert!(!how.admits(None), "nothing known of the connection");
        }
        assert!(Authorization::None.admits(Some(&plain)));
    }
}
