//! Options of logs and Events: whom the agent tells by itself what it sees.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::OsStringValueParser;
use clap::builder::TypedValueParser as _;

use super::seconds;
use crate::export::{Limits, Logs, Target};

/// Which, where to, and how much of the disk they may take.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Telling what was seen")]
pub struct ExportOptions {
    /// Write blocked connections to this file as JSON, one object a line; `-` for standard output.
    #[arg(long, env = "NETPOL_BLOCKED_LOG", value_name = "PATH", value_parser = target())]
    pub blocked_log: Option<Target>,

    /// Write sums of the traffic that got through to this file as JSON, one object a line; `-` for standard output.
    #[arg(long, env = "NETPOL_ALLOWED_LOG", value_name = "PATH", value_parser = target())]
    pub allowed_log: Option<Target>,

    /// Time that a line of the allowed-traffic log is about, in seconds (1 to 3600).
    #[arg(long, env = "NETPOL_ALLOWED_LOG_INTERVAL", value_name = "SECONDS", default_value = "60",
          value_parser = interval)]
    pub allowed_log_interval: Duration,

    /// Size at which the file of a log is put aside and a new one begun (at least 4096).
    #[arg(long, env = "NETPOL_LOG_FILE_BYTES", value_name = "BYTES", default_value_t = 100 << 20,
          value_parser = clap::value_parser!(u64).range(4096..))]
    pub log_file_bytes: u64,

    /// Files of each log: the one that is written to, and those put aside as PATH.1, PATH.2, ... (1 to 1000).
    #[arg(long, env = "NETPOL_LOG_FILES", value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub log_files: u32,

    /// Post Kubernetes Events on the pods whose connections policy stopped. Needs the API server, and permission to create
    /// and patch `events.events.k8s.io`.
    #[arg(long, env = "NETPOL_EVENTS")]
    pub events: bool,

    /// Connections that are like one told of within this time are counted in its Event, in seconds (1 to 86400).
    #[arg(long, env = "NETPOL_EVENTS_WINDOW", value_name = "SECONDS", default_value = "600",
          value_parser = window)]
    pub events_window: Duration,
}

impl ExportOptions {
    /// Whether they make sense together, and with an inventory from manifests.
    ///
    /// # Errors
    /// Two logs in one file, and Events without an API server.
    pub fn check(&self, has_manifests: bool) -> Result<(), ExportError> {
        if self.events && has_manifests {
            return Err(ExportError::NoApiServer);
        }
        if let (Some(Target::File(blocked)), Some(Target::File(allowed))) =
            (&self.blocked_log, &self.allowed_log)
            && blocked == allowed
        {
            return Err(ExportError::OneFile(blocked.clone()));
        }
        Ok(())
    }

    /// Which logs to write.
    #[must_use]
    pub fn logs(&self) -> Logs {
        Logs {
            blocked: self.blocked_log.clone(),
            allowed: self.allowed_log.clone(),
            interval: self.allowed_log_interval,
            limits: Limits {
                bytes: self.log_file_bytes,
                files: self.log_files,
            },
        }
    }
}

/// Options that contradict each other.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// Two logs in one file.
    #[error("--blocked-log and --allowed-log both name {}: each needs a file of its own", .0.display())]
    OneFile(PathBuf),
    /// Events without an API server.
    #[error(
        "--events posts to the API server, and --inventory DIR does without one: give --kubeconfig FILE instead"
    )]
    NoApiServer,
}

fn target() -> impl clap::builder::TypedValueParser<Value = Target> {
    OsStringValueParser::new().map(|text| Target::from(text.as_os_str()))
}

fn window(text: &str) -> Result<Duration, String> {
    seconds(text, 1.0, 86_400.0)
}

fn interval(text: &str) -> Result<Duration, String> {
    seconds(text, 1.0, 3600.0)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::config::Config;

    fn parse(arguments: &[&str]) -> Result<Config, String> {
        let arguments = ["netpol-agent"].iter().chain(arguments);
        Config::try_parse_from(arguments).map_err(|error| error.to_string())
    }

    fn check(arguments: &[&str]) -> Result<(), ExportError> {
        let config = parse(arguments).unwrap();
        config.export.check(config.inventory.is_some())
    }

    #[test]
    fn nothing_is_told_unless_asked_for() {
        let config = parse(&[]).unwrap();
        let logs = config.export.logs();
        assert_eq!(
            (logs.blocked, logs.allowed, config.export.events),
            (None, None, false)
        );
    }

    #[test]
    fn logs_go_to_standard_output_or_to_files_of_their_own() {
        let config = parse(&["--blocked-log", "-", "--allowed-log", "/var/log/a"]).unwrap();
        let logs = config.export.logs();
        assert_eq!(logs.blocked, Some(Target::Stdout));
        assert_eq!(logs.allowed, Some(Target::File("/var/log/a".into())));
        assert_eq!(check(&["--blocked-log", "-", "--allowed-log", "-"]), Ok(()));
        assert_eq!(
            check(&["--blocked-log", "/l", "--allowed-log", "/l"]),
            Err(ExportError::OneFile("/l".into()))
        );
    }

    #[test]
    fn events_need_an_api_server() {
        assert_eq!(check(&["--events"]), Ok(()));
        assert_eq!(
            check(&["--events", "--inventory", "/m"]),
            Err(ExportError::NoApiServer)
        );
    }

    #[test]
    fn ranges_are_checked() {
        for (flag, value, problem) in [
            (
                "--allowed-log-interval",
                "0.5",
                "must lie between 1 and 3600",
            ),
            ("--events-window", "0", "must lie between 1 and 86400"),
            ("--log-file-bytes", "4095", "4095 is not in 4096.."),
            ("--log-files", "0", "0 is not in 1..=1000"),
        ] {
            let error = parse(&[flag, value]).unwrap_err();
            assert!(error.contains(problem), "{flag} {value}: {error}");
        }
    }
}
