//! What `--agents` says.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where agents are taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `kubernetes`.
    Kubernetes,
    /// `dns://HOST:PORT`.
    Dns {
        /// A name, as of a headless Service.
        host: String,
        /// Where agents listen.
        port: u16,
    },
    /// `HOST:PORT,...`.
    List(Vec<AgentAddress>),
}

/// Where an agent listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgentAddress {
    /// `HOST:PORT`, an IPv6 address in brackets.
    Tcp(String),
    /// `unix:///PATH`.
    Unix(PathBuf),
}

/// Not what `--agents` takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Nothing at all.
    #[error("no agent is named")]
    Empty,
    /// One entry of the list, or what follows `dns://`.
    #[error("{0:?} is no HOST:PORT")]
    Address(String),
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text == "kubernetes" {
            return Ok(Self::Kubernetes);
        }
        if let Some(name) = text.strip_prefix("dns://") {
            let (host, port) = host_and_port(name)?;
            return Ok(Self::Dns {
                host: host.to_owned(),
                port,
            });
        }
        let entries = text.split(',').map(str::trim).filter(|one| !one.is_empty());
        let mut addresses = entries
            .map(AgentAddress::from_str)
            .collect::<Result<Vec<_>, _>>()?;
        addresses.sort();
        addresses.dedup();
        if addresses.is_empty() {
            return Err(OriginError::Empty);
        }
        Ok(Self::List(addresses))
    }
}

impl FromStr for AgentAddress {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') {
                Ok(Self::Unix(path.into()))
            } else {
                Err(OriginError::Address(text.to_owned()))
            };
        }
        host_and_port(text)?;
        Ok(Self::Tcp(text.to_owned()))
    }
}

impl AgentAddress {
    /// Whether it is on this machine, where nobody is on the way.
    #[must_use]
    pub fn is_unix(&self) -> bool {
        matches!(self, Self::Unix(_))
    }
}

impl fmt::Display for AgentAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

fn host_and_port(text: &str) -> Result<(&str, u16), OriginError> {
    let error = || OriginError::Address(text.to_owned());
    let (host, port) = text.rsplit_once(':').ok_or_else(error)?;
    let port = port
        .parse()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(error)?;
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    let known = |c: char| c.is_ascii_alphanumeric() || ['.', '-', '_'].contains(&c);
    let is_host = !host.is_empty() && host.chars().all(known);
    if is_host
        || (is_bracketed
            && host[1..host.len() - 1]
                .parse::<std::net::Ipv6Addr>()
                .is_ok())
    {
        Ok((host, port))
    } else {
        Err(error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_told_apart() {
        let tcp = |text: &str| AgentAddress::Tcp(text.to_owned());
        for (text, expected) in [
            ("kubernetes", Origin::Kubernetes),
            (
                "dns://netpol-agent.netpol.svc:4245",
                Origin::Dns {
                    host: "netpol-agent.netpol.svc".to_owned(),
                    port: 4245,
                },
            ),
            ("b:2, a:1,b:2,", Origin::List(vec![tcp("a:1"), tcp("b:2")])),
            (
                "[fd00::1]:4245,unix:///run/a.sock",
                Origin::List(vec![
                    tcp("[fd00::1]:4245"),
                    AgentAddress::Unix("/run/a.sock".into()),
                ]),
            ),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_names_no_agent_is_refused() {
        for text in [
            "",
            ",",
            "host",
            "host:0",
            "host:x",
            ":1",
            "dns://host",
            "dns://:1",
            "unix://run",
            "https://host:1",
            "fd00::1:4245",
            "[fd00::1:4245",
        ] {
            assert!(text.parse::<Origin>().is_err(), "{text:?}");
        }
    }
}
