//! The world of the commands that need no server: manifests from files, directories and standard input.
//!
//! ```text
//! --manifests ─► files ─► netpol_policy::manifest ─► Loaded { inventory, where each object stands }
//! --names ─────► hosts ─┘         └─► stderr: what cannot be used, and kinds that are not evaluated
//! ```

pub(crate) mod files;
mod hosts;
mod problem;
mod reader;

use std::collections::HashMap;

use clap::{Arg, ArgAction, ArgMatches};
use netpol_policy::dialect::Dialect;
use netpol_policy::inventory::Inventory;
use netpol_policy::manifest::{self, Place};
use netpol_policy::model::Cidr;
use netpol_policy::verdict::PolicyRef;

pub(crate) use self::files::Source;
pub(crate) use self::problem::Problem;
pub(crate) use self::reader::Reader;
use crate::error::CliError;

/// The arguments of every command that reads manifests; [`load`] reads them.
pub(crate) fn arguments() -> [Arg; 5] {
    [
        Arg::new("manifests")
            .long("manifests")
            .value_name("PATH")
            .num_args(1..)
            .action(ArgAction::Append)
            .required(true)
            .help(
                "Files, directories with all below them (*.yaml, *.yml, *.json), or - for standard input: pods, \
                 what makes them, and policies",
            ),
        Arg::new("dialect")
            .long("dialect")
            .value_name("NAME")
            .default_value("specification")
            .value_parser(Dialect::NAMES)
            .help("Whose reading of what the specification leaves open; cilium: ipBlock matches no pod and no node"),
        Arg::new("names")
            .long("names")
            .value_name("FILE")
            .help("Domain names of addresses, in the form of /etc/hosts, for rules on domainNames"),
        Arg::new("pod-cidr")
            .long("pod-cidr")
            .value_name("CIDR")
            .action(ArgAction::Append)
            .value_delimiter(',')
            .help(
                "Ranges that addresses of pods without one will come from, so that address blocks can be decided for \
                 what Deployments and their like make",
            ),
        Arg::new("strict")
            .long("strict")
            .action(ArgAction::SetTrue)
            .help("Apply the API server's own validation, and answer nothing if anything in a manifest cannot be used"),
    ]
}

/// What the manifests say, and where they say it.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// To be asked.
    pub(crate) inventory: Inventory,
    sources: Vec<Source>,
    origins: HashMap<Key, Origin>,
}

/// Kind, namespace (empty for cluster-scoped kinds) and name.
pub(crate) type Key = (String, String, String);

/// Where an object stands.
#[derive(Debug)]
pub(crate) struct Origin {
    /// Index of a source.
    pub(crate) source: usize,
    pub(crate) place: Place,
}

impl Loaded {
    /// The text that a policy comes from, and where in it; of several with one name the one that counts.
    pub(crate) fn origin_of(&self, policy: &PolicyRef) -> Option<(&Source, &Place)> {
        let key = (
            policy.kind.as_str().to_owned(),
            policy.namespace.to_string(),
            policy.name.to_string(),
        );
        let origin = self.origins.get(&key)?;
        Some((self.sources.get(origin.source)?, &origin.place))
    }
}

/// Reads what the arguments name. What cannot be used, and kinds that are not evaluated, are told on stderr, a line each.
///
/// # Errors
/// A path that cannot be read, a names file that is none, and with `--strict` anything that cannot be used.
pub(crate) fn load(matches: &ArgMatches) -> Result<Loaded, CliError> {
    let paths = matches.get_many::<String>("manifests");
    let read = files::read(paths.into_iter().flatten())?;
    let is_strict = matches.get_flag("strict");
    let parse = if is_strict {
        manifest::parse_strict
    } else {
        manifest::parse
    };
    let mut reader = Reader::new(read.problems);
    for source in read.sources {
        reader.add(source, parse);
    }
    reader.lint();
    let errors = reader.report();
    if is_strict && errors > 0 {
        let plural = if errors == 1 { "" } else { "s" };
        let message =
            format!("--strict: {errors} error{plural} in the manifests, nothing was evaluated");
        return Err(CliError::Input(message));
    }
    let mut inventory = Inventory::new(reader.objects);
    // clap accepts no name that is not known.
    let dialect = matches.get_one::<String>("dialect");
    if let Some(dialect) = dialect.and_then(|name| Dialect::named(name)) {
        inventory = inventory.with_dialect(dialect);
    }
    if let Some(path) = matches.get_one::<String>("names") {
        inventory = inventory.with_names(hosts::read(path)?);
    }
    if let Some(texts) = matches.get_many::<String>("pod-cidr") {
        let ranges: Result<Vec<Cidr>, CliError> = texts.map(|text| pod_range(text)).collect();
        inventory = inventory.with_pod_ranges(&ranges?);
    }
    Ok(Loaded {
        inventory,
        sources: reader.sources,
        origins: reader.origins,
    })
}

fn pod_range(text: &str) -> Result<Cidr, CliError> {
    let (range, _) = Cidr::parse_lenient(text)
        .map_err(|error| CliError::Usage(format!("--pod-cidr: {error}")))?;
    Ok(range)
}
