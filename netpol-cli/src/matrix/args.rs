//! The arguments of `flows matrix`.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use netpol_policy::matrix::{PROTOCOLS, Pattern, Scope};
use netpol_policy::model::Protocol;

use crate::error::CliError;
use crate::manifests;

/// What `flows matrix` is to do.
#[derive(Debug)]
pub(super) struct Arguments {
    pub(super) scope: Scope,
    pub(super) format: Format,
    pub(super) show: Show,
}

/// How to write a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Table,
    Json,
    Csv,
    Dot,
    Mermaid,
}

impl Format {
    const ALL: [(&'static str, Self); 5] = [
        ("table", Self::Table),
        ("json", Self::Json),
        ("csv", Self::Csv),
        ("dot", Self::Dot),
        ("mermaid", Self::Mermaid),
    ];
}

/// Which pairs to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// Those with something that is allowed or cannot be decided.
    Allowed,
    /// Those with something that is denied.
    Denied,
    /// Every pair.
    All,
}

impl Show {
    const ALL: [(&'static str, Self); 3] = [
        ("allowed", Self::Allowed),
        ("denied", Self::Denied),
        ("all", Self::All),
    ];
}

const AFTER: &str = "\
A row or a column is a workload, a pod on its own, or a part of the outside world as the blocks of ipBlock and networks \
cut it. Pods of one workload are one as long as no policy tells them apart.

Examples:
  flows matrix --manifests deploy/
  flows matrix --manifests deploy/ -n prod -o mermaid
  flows matrix --manifests deploy/ --from outside --port 22 --protocol TCP
  kubectl get pods,ns,netpol -A -o yaml | flows matrix --manifests - --show denied

Exit codes: 0 success, 2 bad input.";

/// The command.
pub(crate) fn command() -> Command {
    Command::new("matrix")
        .about("Show who may talk to whom, by workload, from manifests and without a cluster")
        .after_help(AFTER)
        .args(manifests::arguments())
        .arg(
            Arg::new("namespace")
                .short('n')
                .long("namespace")
                .value_name("NAMESPACE")
                .action(ArgAction::Append)
                .value_delimiter(',')
                .help("Only workloads of these namespaces; the outside world stays"),
        )
        .arg(pattern("from", "Only these as sources"))
        .arg(pattern("to", "Only these as destinations"))
        .arg(
            Arg::new("port")
                .long("port")
                .value_name("NUMBER")
                .value_parser(value_parser!(u16).range(1..))
                .help("Only this port of the destination"),
        )
        .arg(
            Arg::new("protocol")
                .long("protocol")
                .value_name("PROTOCOL")
                .ignore_case(true)
                .value_parser(["TCP", "UDP", "SCTP"])
                .help("Only this protocol"),
        )
        .arg(
            Arg::new("show")
                .long("show")
                .value_name("WHICH")
                .default_value("allowed")
                .value_parser(Show::ALL.map(|(name, _)| name))
                .help("Pairs with something allowed, pairs with something denied and who denies it, or all"),
        )
        .arg(
            Arg::new("output")
                .short('o')
                .long("output")
                .value_name("FORMAT")
                .default_value("table")
                .value_parser(Format::ALL.map(|(name, _)| name))
                .help("How to write"),
        )
}

fn pattern(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("PATTERN")
        .action(ArgAction::Append)
        .help(format!(
            "{help}: NAMESPACE/NAME, which may end in `*`, or `outside`"
        ))
}

/// Reads the arguments, but for the manifests.
///
/// # Errors
/// A pattern that names nobody.
pub(super) fn read(matches: &ArgMatches) -> Result<Arguments, CliError> {
    let everything = Scope::default();
    let protocols = match matches.get_one::<String>("protocol") {
        Some(name) => PROTOCOLS
            .into_iter()
            .filter(|protocol| Protocol::from_api(&name.to_uppercase()) == Some(*protocol))
            .collect(),
        None => everything.protocols,
    };
    let scope = Scope {
        namespaces: texts(matches, "namespace").cloned().collect(),
        from: patterns(matches, "from")?,
        to: patterns(matches, "to")?,
        protocols,
        ports: matches
            .get_one::<u16>("port")
            .map_or(everything.ports, |port| *port..=*port),
    };
    Ok(Arguments {
        scope,
        format: chosen(matches, "output", &Format::ALL, Format::Table),
        show: chosen(matches, "show", &Show::ALL, Show::Allowed),
    })
}

fn texts<'a>(matches: &'a ArgMatches, name: &str) -> impl Iterator<Item = &'a String> {
    matches.get_many::<String>(name).into_iter().flatten()
}

fn patterns(matches: &ArgMatches, name: &str) -> Result<Vec<Pattern>, CliError> {
    texts(matches, name)
        .map(|text| {
            let pattern = text.parse();
            pattern.map_err(|error| CliError::Usage(format!("--{name}: {error}")))
        })
        .collect()
}

/// The value of an option; clap accepts no name that is not listed, and has a default.
fn chosen<T: Copy>(matches: &ArgMatches, option: &str, all: &[(&str, T)], default: T) -> T {
    let name = matches.get_one::<String>(option);
    name.and_then(|name| all.iter().find(|(known, _)| known == name))
        .map_or(default, |(_, value)| *value)
}
