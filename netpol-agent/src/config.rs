//! Command line and environment.

mod export;
mod history;
mod kernel;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use netpol_policy::dialect::Dialect;
use netpol_transport::serving::ServingOptions;

pub use export::ExportOptions;
pub use history::HistoryOptions;
pub use kernel::KernelOptions;

use crate::inventory::{Credentials, LONGEST_GRACE, Origin};

/// Where the Unix socket stands unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/netpol/agent.sock";

/// Watches the pod interfaces of this node, and says which connections were allowed or dropped and which policy is
/// behind it. Changes no packet.
#[derive(Clone, Debug, Parser)]
#[command(name = "netpol-agent", version)]
pub struct Config {
    /// Take the inventory from manifests in this directory (Pod, Namespace, Service, EndpointSlice, Node, policies),
    /// followed as they change, rather than from an API server.
    #[arg(long, env = "NETPOL_INVENTORY", value_name = "DIR", conflicts_with_all = ["kubeconfig", "context"])]
    pub inventory: Option<PathBuf>,

    /// Take the inventory from the API server that this file names [default: the service account of this pod].
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

    /// How policies are read where implementations differ: as the specification says, or as Cilium does, whose `ipBlock`
    /// matches no pod and no node.
    #[arg(long, env = "NETPOL_DIALECT", value_name = "NAME", default_value = Dialect::NAMES[0],
          value_parser = PossibleValuesParser::new(Dialect::NAMES))]
    pub dialect: String,

    /// Unix socket on which flows are served.
    #[arg(long, env = "NETPOL_SOCKET", value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub socket: PathBuf,

    /// Options of the TCP door.
    #[command(flatten)]
    pub serving: ServingOptions,

    /// Serve /metrics and /healthz on this address, such as 127.0.0.1:9964. Off by default.
    #[arg(long, env = "NETPOL_HTTP_LISTEN", value_name = "ADDRESS:PORT")]
    pub http_listen: Option<SocketAddr>,

    /// Name of this node [default: the host name].
    #[arg(long, env = "NODE_NAME", value_name = "NAME")]
    pub node: Option<String>,

    /// Flows kept for readers that come later; as many blocked ones are kept beside them.
    #[arg(long, env = "NETPOL_FLOWS_KEPT", value_name = "N", default_value_t = 16384,
          value_parser = positive)]
    pub flows_kept: usize,

    /// Items that a reader may fall behind before it loses some.
    #[arg(long, env = "NETPOL_BACKLOG", value_name = "N", default_value_t = 8192,
          value_parser = positive)]
    pub backlog: usize,

    /// Connections remembered at once.
    #[arg(long, env = "NETPOL_CONNECTIONS", value_name = "N", default_value_t = 131_072,
          value_parser = positive)]
    pub connections: usize,

    /// Time without an answer after which a connection counts as unanswered, in seconds (0.1 to 60).
    #[arg(long, env = "NETPOL_ANSWER_TIMEOUT", value_name = "SECONDS", default_value = "2",
          value_parser = answer_timeout)]
    pub answer_timeout: Duration,

    /// A flow says so when a policy, pod or namespace changed less than this many seconds before it (0 to 600).
    #[arg(long, env = "NETPOL_GRACE", value_name = "SECONDS", default_value = "10",
          value_parser = grace)]
    pub grace: Duration,

    /// A connection with an end that the API server has not named yet is held back for so many seconds from its first packet
    /// on (0 to 10; 0: not at all). Manifests are not waited for.
    #[arg(long, env = "NETPOL_ADDRESS_WAIT", value_name = "SECONDS", default_value = "1",
          value_parser = address_wait)]
    address_wait: Duration,

    /// How long the pod that had an address is remembered after it gave it up, in seconds (1 to 86400): flows become known
    /// later than they happened.
    #[arg(long, env = "NETPOL_ADDRESS_MEMORY", value_name = "SECONDS", default_value = "600",
          value_parser = address_memory)]
    pub address_memory: Duration,

    /// Options of logs and Events.
    #[command(flatten)]
    pub export: ExportOptions,

    /// Options of what is remembered.
    #[command(flatten)]
    pub history: HistoryOptions,

    /// Options of the kernel side.
    #[command(flatten)]
    pub kernel: KernelOptions,

    /// Write the log as JSON, one object a line.
    #[arg(long, env = "NETPOL_JSON")]
    pub json: bool,

    /// Check on a namespace pair of its own that a passed and a dropped packet are seen, print what the kernel offers,
    /// and exit.
    #[arg(long)]
    pub self_test: bool,
}

impl Config {
    /// How long a connection is held back for the sake of an end that is not known yet.
    #[must_use]
    pub fn address_wait(&self) -> Duration {
        match self.origin() {
            Origin::Directory(_) => Duration::ZERO,
            Origin::ApiServer(_) => self.address_wait,
        }
    }

    /// What the inventory is taken from.
    #[must_use]
    pub fn origin(&self) -> Origin {
        match (&self.inventory, &self.kubeconfig) {
            (Some(directory), _) => Origin::Directory(directory.clone()),
            (None, Some(file)) => Origin::ApiServer(Credentials::Kubeconfig {
                file: file.clone(),
                context: self.context.clone(),
            }),
            (None, None) => Origin::ApiServer(Credentials::InCluster),
        }
    }
}

fn address_memory(text: &str) -> Result<Duration, String> {
    seconds(text, 1.0, 86_400.0)
}

fn address_wait(text: &str) -> Result<Duration, String> {
    seconds(text, 0.0, 10.0)
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) if number > 100_000_000 => Err("must be at most 100000000".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("is no whole number".to_owned()),
    }
}

fn answer_timeout(text: &str) -> Result<Duration, String> {
    seconds(text, 0.1, 60.0)
}

fn grace(text: &str) -> Result<Duration, String> {
    seconds(text, 0.0, LONGEST_GRACE.as_secs_f64())
}

fn seconds(text: &str, least: f64, most: f64) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (least..=most).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        Ok(_) => Err(format!("must lie between {least} and {most}")),
        Err(_) => Err("is no number of seconds".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Config, String> {
        let arguments = ["netpol-agent"].iter().chain(arguments);
        Config::try_parse_from(arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn defaults_need_nothing() {
        let config = parse(&[]).unwrap();
        assert_eq!(config.socket, PathBuf::from(DEFAULT_SOCKET));
        assert_eq!(config.answer_timeout, Duration::from_secs(2));
        assert_eq!(config.flows_kept, 16384);
        assert_eq!(config.dialect, "specification");
        assert!(config.http_listen.is_none() && config.serving.listen.is_none());
        assert!(parse(&["--self-test"]).unwrap().self_test);
    }

    #[test]
    fn the_inventory_has_one_origin() {
        let origin = |arguments: &[&str]| parse(arguments).map(|config| config.origin());
        assert_eq!(
            origin(&["--inventory", "/manifests"]),
            Ok(Origin::Directory("/manifests".into()))
        );
        assert_eq!(
            origin(&["--kubeconfig", "/k", "--context", "kind"]),
            Ok(Origin::ApiServer(Credentials::Kubeconfig {
                file: "/k".into(),
                context: Some("kind".to_owned()),
            }))
        );
        assert_eq!(origin(&[]), Ok(Origin::ApiServer(Credentials::InCluster)));
        let both = origin(&["--inventory", "/manifests", "--kubeconfig", "/k"]);
        assert!(both.unwrap_err().contains("cannot be used with"));
        let alone = origin(&["--context", "kind"]);
        assert!(alone.unwrap_err().contains("--kubeconfig"));
    }

    #[test]
    fn ranges_are_checked() {
        let base = ["--inventory", "/m"];
        for (flag, value, problem) in [
            ("--answer-timeout", "0", "must lie between 0.1 and 60"),
            ("--answer-timeout", "NaN", "must lie between"),
            ("--grace", "-1", "unexpected argument"),
            ("--grace", "601", "must lie between 0 and 600"),
            ("--flows-kept", "0", "must be at least 1"),
            ("--connections", "many", "is no whole number"),
            (
                "--dialect",
                "calico",
                "possible values: specification, cilium",
            ),
        ] {
            let error = parse(&[base[0], base[1], flag, value]).unwrap_err();
            assert!(error.contains(problem), "{flag} {value}: {error}");
        }
    }
}
