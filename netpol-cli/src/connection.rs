//! Which server is asked: one at an address, or the relay of a cluster.

use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use anstyle::Style;
use netpol_transport::{
    client::{self, Client, Options, Server, Token},
    tls::{ClientTls, ClientTlsFiles},
};

use crate::{
    cluster::{self, Files, Wish},
    error::CliError,
    text::clean,
};

const DIM: Style = Style::new().dimmed();

/// Where an agent's socket stands on its node.
pub(crate) const SOCKET: &str = "/run/netpol/agent.sock";

/// What the command line says of the server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) server: Option<String>,
    pub(crate) kubeconfig: Option<PathBuf>,
    pub(crate) context: Option<String>,
    pub(crate) netpol_namespace: String,
    pub(crate) tls: ClientTlsFiles,
    pub(crate) token_file: Option<PathBuf>,
}

/// What every command that asks a server needs.
#[derive(Debug)]
pub(crate) struct Connection {
    way: Way,
    tls: ClientTlsFiles,
    token_file: Option<PathBuf>,
}

#[derive(Debug)]
enum Way {
    Server(Server),
    Cluster(cluster::Choice),
}

/// A server that answers.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) server: String,
    /// The namespace of the context that led here; `None` where none did.
    pub(crate) namespace: Option<String>,
    no_token: Option<String>,
}

impl Connection {
    /// An address wins; then a context that is named; then the agent of this node; then the current context.
    pub(crate) fn of_flags(flags: Flags) -> Result<Self, CliError> {
        let files = Files::find(flags.kubeconfig.as_deref());
        // What is hidden from us may be there: the attempt will tell.
        let socket = Path::new(SOCKET)
            .try_exists()
            .unwrap_or_else(|_| !files.exist());
        Self::choose(flags, files, socket)
    }

    fn choose(flags: Flags, files: Files, socket: bool) -> Result<Self, CliError> {
        let named = flags.context.is_some() || flags.kubeconfig.is_some();
        let way = match flags.server {
            Some(address) => Way::Server(
                address
                    .parse()
                    .map_err(|error| CliError::Usage(format!("--server: {error}")))?,
            ),
            None if socket && !named => Way::Server(Server::Unix(SOCKET.into())),
            None if named || files.exist() => Way::Cluster(cluster::Choice {
                files,
                context: flags.context,
                netpol_namespace: flags.netpol_namespace,
            }),
            None => {
                return Err(CliError::NothingToAsk {
                    kubeconfig: files.name().to_owned(),
                });
            }
        };
        if let Way::Server(server @ (Server::Unix(_) | Server::Http(_))) = &way
            && flags.tls != ClientTlsFiles::default()
        {
            return Err(CliError::Usage(format!(
                "--tls-…: there is no TLS at {server}; use https://host:port"
            )));
        }
        Ok(Self {
            way,
            tls: flags.tls,
            token_file: flags.token_file,
        })
    }

    /// Whether the way leads over a network, where connections break now and then.
    pub(crate) fn is_network(&self) -> bool {
        !matches!(self.way, Way::Server(Server::Unix(_)))
    }

    /// Connects, and says on a terminal to what. `namespaces` are those that are named, `node` the one node whose flows
    /// are of interest, if it is one.
    pub(crate) async fn open(
        &self,
        namespaces: Option<&[String]>,
        node: Option<&str>,
    ) -> Result<Session, CliError> {
        match &self.way {
            Way::Server(server) => self.open_server(server).await,
            Way::Cluster(choice) => {
                let wish = Wish {
                    namespaces,
                    node,
                    tls: &self.tls,
                    token_file: self.token_file.as_ref(),
                };
                let reached = choice.reach(&wish).await.map_err(Box::new)?;
                for warning in &reached.warnings {
                    tell(&format!("flows: {}", clean(warning)));
                }
                Ok(Session {
                    client: reached.client,
                    server: reached.server,
                    namespace: Some(reached.namespace),
                    no_token: reached.no_token,
                })
            }
        }
    }

    async fn open_server(&self, server: &Server) -> Result<Session, CliError> {
        let tls = match server {
            Server::Https(_) => {
                Some(ClientTls::load(&self.tls).map_err(client::ConnectError::from)?)
            }
            _ => None,
        };
        let options = Options {
            tls,
            token: self.token_file.clone().map(Token::File),
        };
        Ok(Session {
            client: client::connect(server, &options).await?,
            server: server.to_string(),
            namespace: None,
            no_token: None,
        })
    }
}

impl Session {
    pub(crate) fn call_failed(&self, status: &tonic::Status) -> CliError {
        CliError::of_call(&self.server, status, self.no_token.as_deref())
    }

    pub(crate) fn stream_failed(&self, status: &tonic::Status) -> CliError {
        CliError::of_stream(&self.server, status)
    }

    /// The server has ended a stream that has no end.
    pub(crate) fn stream_over(&self) -> CliError {
        CliError::Stream {
            server: self.server.clone(),
            reason: "it stops".to_owned(),
        }
    }

    /// One dim line on what is being asked, on a terminal alone.
    pub(crate) fn announce(&self, namespace: Option<&str>) {
        if self.namespace.is_none() || !io::stderr().is_terminal() {
            return;
        }
        let scope = match namespace {
            Some(namespace) => format!(", namespace {namespace} (-A: all)"),
            None => String::new(),
        };
        let line = format!("{}{scope}", self.server);
        tell(&format!("{DIM}{}{DIM:#}", clean(&line)));
    }
}

/// A line for the person at the terminal; a closed stderr changes nothing.
fn tell(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "/dev/null";
    const NO_FILE: &str = "/nonexistent/config";

    /// What is asked, where `kubeconfig` is the one found without a flag.
    fn chosen(flags: Flags, kubeconfig: &str, socket: bool) -> Result<String, String> {
        let files = Files::find(Some(Path::new(kubeconfig)));
        match Connection::choose(flags, files, socket) {
            Ok(Connection {
                way: Way::Server(server),
                ..
            }) => Ok(server.to_string()),
            Ok(Connection {
                way: Way::Cluster(choice),
                ..
            }) => Ok(format!("context {:?}", choice.context)),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn an_address_then_a_named_context_then_this_node_then_the_current_context() {
        let none = Flags::default;
        let server = || Flags {
            server: Some("https://x:1".to_owned()),
            ..none()
        };
        let context = || Flags {
            context: Some("kind".to_owned()),
            ..none()
        };
        let local = Ok(format!("unix://{SOCKET}"));
        assert_eq!(chosen(server(), FILE, true), Ok("https://x:1".to_owned()));
        assert_eq!(
            chosen(context(), FILE, true),
            Ok("context Some(\"kind\")".to_owned())
        );
        assert_eq!(chosen(none(), FILE, true), local);
        assert_eq!(chosen(none(), NO_FILE, true), local);
        assert_eq!(chosen(none(), FILE, false), Ok("context None".to_owned()));
        let error = chosen(none(), NO_FILE, false).unwrap_err();
        assert!(error.contains(SOCKET) && error.contains(NO_FILE), "{error}");
    }

    #[test]
    fn certificates_are_for_tls_alone() {
        let flags = |server: &str| Flags {
            server: Some(server.to_owned()),
            tls: ClientTlsFiles {
                server_name: Some("x".to_owned()),
                ..ClientTlsFiles::default()
            },
            ..Flags::default()
        };
        for server in ["http://x:1", "unix:///x"] {
            let error = chosen(flags(server), NO_FILE, false).unwrap_err();
            assert!(
                error.ends_with(&format!(
                    "there is no TLS at {server}; use https://host:port"
                )),
                "{error}"
            );
        }
        assert!(chosen(flags("https://x:1"), NO_FILE, false).is_ok());
        let error = chosen(
            Flags {
                server: Some("x".to_owned()),
                ..Flags::default()
            },
            NO_FILE,
            false,
        );
        assert!(
            error
                .unwrap_err()
                .starts_with("--server: \"x\" is neither ")
        );
    }
}
