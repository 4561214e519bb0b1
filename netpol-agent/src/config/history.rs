//! Options of what the agent remembers of traffic over time.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::seconds;
use crate::history::Settings;

/// Whether, where, how much and for how long.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Remembering traffic")]
pub struct HistoryOptions {
    /// Remember in this directory who connected to whom, which rules of policies were used, and when this node watched: for
    /// `flows unused`, `replay`, `suggest`, `tighten` and `drift`. Off by default.
    #[arg(long, env = "NETPOL_HISTORY", value_name = "DIR")]
    pub history: Option<PathBuf>,

    /// Kinds of connections remembered at once, at about 1 KiB each in memory and 2 KiB on disk (1000 to 10000000). Where there
    /// are more, ports and addresses are kept less finely; where that does not help, what was not seen for the longest time is
    /// forgotten.
    #[arg(long, env = "NETPOL_HISTORY_EDGES", value_name = "N", default_value_t = 50_000,
          value_parser = edges)]
    pub history_edges: usize,

    /// How long what is not seen any more is remembered: a number with d, h, m or s (1d to 3650d).
    #[arg(long, env = "NETPOL_HISTORY_RETENTION", value_name = "TIME", default_value = "30d",
          value_parser = retention)]
    pub history_retention: Duration,

    /// How often what changed is written, in seconds (1 to 60): the most that a killed agent forgets.
    #[arg(long, env = "NETPOL_HISTORY_INTERVAL", value_name = "SECONDS", default_value = "5",
          value_parser = interval)]
    pub history_interval: Duration,
}

impl HistoryOptions {
    /// What to remember; `None` for nothing.
    #[must_use]
    pub fn settings(&self) -> Option<Settings> {
        Some(Settings {
            directory: self.history.clone()?,
            edges: self.history_edges,
            retention: self.history_retention,
            interval: self.history_interval,
        })
    }
}

fn edges(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (1000..=10_000_000).contains(&number) => Ok(number),
        Ok(_) => Err("must lie between 1000 and 10000000".to_owned()),
        Err(_) => Err("is no whole number".to_owned()),
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    seconds(text, 1.0, 60.0)
}

fn retention(text: &str) -> Result<Duration, String> {
    const DAY: u64 = 86_400;
    let (number, unit) = match text.char_indices().next_back() {
        Some((end, 'd')) => (&text[..end], DAY),
        Some((end, 'h')) => (&text[..end], 3600),
        Some((end, 'm')) => (&text[..end], 60),
        Some((end, 's')) => (&text[..end], 1),
        _ => ("", 1),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "is no time such as 30d or 72h".to_owned())?;
    match number.checked_mul(unit) {
        Some(seconds) if (DAY..=3650 * DAY).contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => Err("must lie between 1d and 3650d".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::config::Config;

    fn parse(arguments: &[&str]) -> Result<Option<Settings>, String> {
        let arguments = ["netpol-agent"].iter().chain(arguments);
        let config = Config::try_parse_from(arguments).map_err(|error| error.to_string())?;
        Ok(config.history.settings())
    }

    #[test]
    fn nothing_is_remembered_unless_asked_for() {
        assert_eq!(parse(&[]), Ok(None));
        let settings = parse(&["--history", "/var/lib/netpol"]).unwrap().unwrap();
        assert_eq!(
            settings,
            Settings {
                directory: "/var/lib/netpol".into(),
                edges: 50_000,
                retention: Duration::from_secs(30 * 86_400),
                interval: Duration::from_secs(5),
            }
        );
    }

    #[test]
    fn ranges_are_checked() {
        for (flag, value, problem) in [
            (
                "--history-edges",
                "999",
                "must lie between 1000 and 10000000",
            ),
            ("--history-edges", "many", "is no whole number"),
            (
                "--history-retention",
                "23h",
                "must lie between 1d and 3650d",
            ),
            ("--history-retention", "99999999999999999999d", "is no time"),
            ("--history-retention", "30", "is no time such as 30d or 72h"),
            ("--history-retention", "", "is no time"),
            ("--history-interval", "0.5", "must lie between 1 and 60"),
        ] {
            let error = parse(&["--history", "/h", flag, value]).unwrap_err();
            assert!(error.contains(problem), "{flag} {value}: {error}");
        }
        let settings = parse(&["--history", "/h", "--history-retention", "48h"]);
        assert_eq!(
            settings.unwrap().unwrap().retention,
            Duration::from_secs(2 * 86_400)
        );
    }
}
