//! Flags for reviews by the API server.

use std::time::Duration;

use clap::Args;

/// How tokens and rights are reviewed, with `--authorization kubernetes`.
#[derive(Clone, Debug, Args)]
pub struct ReviewOptions {
    /// Take tokens for one of these audiences only, with --authorization kubernetes [default: those of the API server].
    #[arg(
        long = "token-audience",
        env = "NETPOL_TOKEN_AUDIENCE",
        value_name = "AUDIENCE",
        value_delimiter = ','
    )]
    pub audiences: Vec<String>,

    /// How long an answer of the API server about a token or a right is taken for true, in seconds (1 to 300).
    #[arg(
        long = "authorization-cache",
        env = "NETPOL_AUTHORIZATION_CACHE",
        value_name = "SECONDS",
        default_value = "30",
        value_parser = lifetime
    )]
    pub lifetime: Duration,
}

fn lifetime(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(seconds @ 1..=300) => Ok(Duration::from_secs(seconds)),
        Ok(_) => Err("must lie between 1 and 300".to_owned()),
        Err(_) => Err("is no whole number of seconds".to_owned()),
    }
}
