//! Command line and environment.

mod agents;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use netpol_transport::serving::ServingOptions;

pub use agents::{AgentOptions, AgentTlsError};

/// Streams that are served at once at most: each is one request on the connection to each agent, and an agent takes 64
/// requests a connection.
const MOST_STREAMS: u64 = 56;

/// Serves the flows of all nodes as one stream: asks every agent, puts them in order of time, and makes one of what two
/// nodes saw of a connection.
#[derive(Clone, Debug, Parser)]
#[command(name = "netpol-relay", version)]
pub struct Config {
    /// Which agents there are, and how they are spoken to.
    #[command(flatten)]
    pub agents: AgentOptions,

    /// How flows are served on TCP.
    #[command(flatten)]
    pub serving: ServingOptions,

    /// Serve flows on this Unix socket too, in plain text, to whom its mode lets in.
    #[arg(long, env = "NETPOL_SOCKET", value_name = "PATH")]
    pub socket: Option<PathBuf>,

    /// Serve /metrics, /healthz and /readyz on this address, such as 127.0.0.1:9790. Off by default.
    #[arg(long, env = "NETPOL_HTTP_LISTEN", value_name = "ADDRESS:PORT")]
    pub http_listen: Option<SocketAddr>,

    /// How long a flow waits for earlier ones of other nodes, and for what another node saw of it, in seconds (0.1 to 30).
    #[arg(long, env = "NETPOL_WINDOW", value_name = "SECONDS", default_value = "1",
          value_parser = window)]
    pub window: Duration,

    /// Streams served at once (1 to 56).
    #[arg(long, env = "NETPOL_STREAMS", value_name = "N", default_value_t = 16,
          value_parser = clap::value_parser!(u64).range(1..=MOST_STREAMS))]
    pub streams: u64,

    /// Items that a reader may fall behind before it loses some (1 to 1000000).
    #[arg(long, env = "NETPOL_BACKLOG", value_name = "N", default_value_t = 4096,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub backlog: u32,

    /// Write the log as JSON, one object a line.
    #[arg(long, env = "NETPOL_JSON")]
    pub json: bool,
}

fn window(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=30.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        Ok(_) => Err("must lie between 0.1 and 30".to_owned()),
        Err(_) => Err("is no number of seconds".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::discovery::Origin;

    fn parse(arguments: &[&str]) -> Result<Config, String> {
        let arguments = ["netpol-relay"].iter().chain(arguments);
        Config::try_parse_from(arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn defaults_need_nothing() {
        let config = parse(&[]).unwrap();
        assert_eq!(config.agents.agents, Origin::Kubernetes);
        assert_eq!(config.window, Duration::from_secs(1));
        assert!(config.socket.is_none() && config.http_listen.is_none());
    }

    #[test]
    fn ranges_are_checked() {
        for (flag, value, problem) in [
            ("--window", "0", "must lie between 0.1 and 30"),
            ("--window", "long", "is no number of seconds"),
            ("--streams", "57", "57 is not in 1..=56"),
            ("--backlog", "0", "0 is not in 1..=1000000"),
            ("--agents", "nowhere", "\"nowhere\" is no HOST:PORT"),
            ("--agent-cert", "/c", "--agent-key <FILE>"),
        ] {
            let error = parse(&[flag, value]).unwrap_err();
            assert!(error.contains(problem), "{flag} {value}: {error}");
        }
    }
}
