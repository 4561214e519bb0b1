//! Addresses of servers as users write them.

use std::{fmt, path::PathBuf, str::FromStr};

use tonic::transport::Uri;

/// Where an agent listens unless told otherwise.
pub const DEFAULT_SERVER: &str = "unix:///run/netpol/agent.sock";

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// `unix:///path`.
    Unix(PathBuf),
    /// `http://host:port`: plain text.
    Http(Uri),
    /// `https://host:port`: TLS.
    Https(Uri),
}

/// Not an address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither unix:///path nor http://host:port nor https://host:port")]
pub struct ServerAddressError(String);

impl FromStr for Server {
    type Err = ServerAddressError;

    fn from_str(text: &str) -> Result<Self, ServerAddressError> {
        let error = || ServerAddressError(text.to_owned());
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') {
                Ok(Self::Unix(path.into()))
            } else {
                Err(error())
            };
        }
        let uri: Uri = text.parse().map_err(|_| error())?;
        let complete = uri.port_u16().is_some() && uri.host().is_some_and(|host| !host.is_empty());
        match uri.scheme_str() {
            Some("http") if complete => Ok(Self::Http(uri)),
            Some("https") if complete => Ok(Self::Https(uri)),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = |uri: &Uri| {
            uri.authority()
                .map(|authority| authority.as_str().to_owned())
                .unwrap_or_default()
        };
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Http(uri) => write!(f, "http://{}", authority(uri)),
            Self::Https(uri) => write!(f, "https://{}", authority(uri)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_back() {
        for address in [
            DEFAULT_SERVER,
            "http://10.0.0.1:4245",
            "http://[::1]:4245",
            "https://netpol-relay.netpol.svc:4245",
        ] {
            assert_eq!(address.parse::<Server>().unwrap().to_string(), address);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for address in [
            "",
            "/run/x.sock",
            "unix://x.sock",
            "http://host",
            "https://host",
            "https://:1",
            "grpc://host:1",
            "host:1",
        ] {
            assert!(address.parse::<Server>().is_err(), "{address:?}");
        }
    }
}
