//! Flags that say which agents there are, and how they are spoken to.

use std::path::{Path, PathBuf};

use clap::Args;
use netpol_transport::serving::ServingOptions;
use netpol_transport::tls::{ClientTls, ClientTlsFiles, Identity, Pem, TlsError};

use crate::connection::Dialer;
use crate::discovery::Origin;

/// Which agents there are, and how they are spoken to.
#[derive(Clone, Debug, Args)]
pub struct AgentOptions {
    /// Which agents there are: `kubernetes` watches the pods of their DaemonSet, `dns://HOST:PORT` asks all addresses of a
    /// name, such as a headless Service; or their addresses, `HOST:PORT,...`.
    #[arg(
        long,
        env = "NETPOL_AGENTS",
        value_name = "WHICH",
        default_value = "kubernetes"
    )]
    pub agents: Origin,

    /// Ask the API server that this file names [default: the service account of this pod].
    #[arg(long, env = "NETPOL_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig to use [default: its current one].
    #[arg(
        long,
        env = "NETPOL_CONTEXT",
        value_name = "NAME",
        requires = "kubeconfig"
    )]
    pub context: Option<String>,

    /// Namespace of the agents' pods [default: this pod's own; with --kubeconfig, netpol].
    #[arg(long, env = "NETPOL_NAMESPACE", value_name = "NAME")]
    pub namespace: Option<String>,

    /// Authority of the agents' certificates, as PEM [default: that of --tls-client-ca]. Followed as the file changes, like
    /// the two below.
    #[arg(long, env = "NETPOL_AGENT_CA", value_name = "FILE")]
    pub agent_ca: Option<PathBuf>,

    /// Certificate shown to agents, with its chain, as PEM [default: that of --tls-cert].
    #[arg(
        long,
        env = "NETPOL_AGENT_CERT",
        value_name = "FILE",
        requires = "agent_key"
    )]
    pub agent_cert: Option<PathBuf>,

    /// Key of that certificate, as PEM [default: that of --tls-key].
    #[arg(
        long,
        env = "NETPOL_AGENT_KEY",
        value_name = "FILE",
        requires = "agent_cert"
    )]
    pub agent_key: Option<PathBuf>,

    /// Name that the agents' certificates are for, whatever address is dialled.
    #[arg(
        long,
        env = "NETPOL_AGENT_SERVER_NAME",
        value_name = "NAME",
        default_value = "netpol-agent.netpol.svc"
    )]
    pub agent_server_name: String,

    /// Speak to agents without TLS: whoever is on the way reads, and writes, what they say.
    #[arg(long, env = "NETPOL_AGENT_PLAINTEXT", conflicts_with_all = ["agent_ca", "agent_cert", "agent_key"])]
    pub agent_plaintext: bool,
}

/// Why agents cannot be spoken to.
#[derive(Debug, thiserror::Error)]
pub enum AgentTlsError {
    /// Nothing says whose certificates are trusted.
    #[error(
        "agents are spoken to in TLS, and nothing says which authority to trust: give --agent-ca FILE or \
         --tls-client-ca FILE, or --agent-plaintext for going without TLS"
    )]
    NoAuthority,
    /// A file of these flags.
    #[error("--agent-ca, --agent-cert, --agent-key: {0}")]
    Tls(#[from] TlsError),
}

impl AgentOptions {
    /// What makes connections to agents.
    ///
    /// # Errors
    /// No authority, or a file that cannot be used.
    pub fn dialer(&self, serving: &ServingOptions) -> Result<Dialer, AgentTlsError> {
        if self.agent_plaintext {
            return Ok(Dialer::plain_text());
        }
        // Agents and relay have their certificates from one authority, unless flags say otherwise.
        let authority = self.agent_ca.as_ref().or(serving.tls_client_ca.as_ref());
        let Some(authority) = authority else {
            let all_local =
                matches!(&self.agents, Origin::List(list) if list.iter().all(|one| one.is_unix()));
            return if all_local {
                Ok(Dialer::plain_text())
            } else {
                Err(AgentTlsError::NoAuthority)
            };
        };
        let own = self.agent_cert.as_ref().zip(self.agent_key.as_ref());
        let served = serving.tls_cert.as_ref().zip(serving.tls_key.as_ref());
        let tls = ClientTls::load(&ClientTlsFiles {
            authority: Some(pem(authority)),
            identity: own.or(served).map(|(certificate, key)| Identity {
                certificate: pem(certificate),
                key: pem(key),
            }),
            server_name: Some(self.agent_server_name.clone()),
        })?;
        Ok(Dialer::tls(tls))
    }
}

fn pem(path: &Path) -> Pem {
    Pem::File(path.to_owned())
}
