//! The world of the commands that need no server: manifests from files, directories and standard input.
//!
//! ```text
//! --manifests ─► files ─► netpol_policy::manifest ─► Loaded { inventory, where each object stands }
//! --names ─────► hosts ─┘         └─► stderr: what cannot be used, and kinds that are not evaluated
//! ```

mod files;
mod hosts;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Write as _;

use clap::{Arg, ArgAction, ArgMatches};
use netpol_policy::dialect::Dialect;
use netpol_policy::inventory::Inventory;
use netpol_policy::manifest::{self, ManifestError};
use netpol_policy::model::Object;

pub(crate) use self::files::Source;
use crate::{error::CliError, text};

/// The arguments of every command that reads manifests; [`load`] reads them.
pub(crate) fn arguments() -> [Arg; 4] {
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
        Arg::new("strict")
            .long("strict")
            .action(ArgAction::SetTrue)
            .help("Apply the API server's own validation, and refuse to answer if anything in a manifest cannot be used"),
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
type Key = (String, String, String);

/// Where an object stands.
#[derive(Clone, Copy, Debug)]
struct Origin {
    /// Index of a source.
    source: usize,
}

impl Loaded {
    /// The text that an object comes from; of several the one that counts.
    pub(crate) fn source_of(&self, kind: &str, namespace: &str, name: &str) -> Option<&Source> {
        let key = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        self.sources.get(self.origins.get(&key)?.source)
    }
}

/// Reads what the arguments name. What cannot be used, and kinds that are not evaluated, are told on stderr, a line each.
///
/// # Errors
/// A path that cannot be read, a names file that is none, and with `--strict` anything that cannot be used.
pub(crate) fn load(matches: &ArgMatches) -> Result<Loaded, CliError> {
    let paths = matches.get_many::<String>("manifests");
    let read = files::read(paths.into_iter().flatten())?;
    let mut reader = Reader::default();
    for problem in read.problems {
        reader.problems.push(problem);
    }
    for source in read.sources {
        reader.add(source);
    }
    reader.report();
    if matches.get_flag("strict") && !reader.problems.is_empty() {
        let count = reader.problems.len();
        let plural = if count == 1 { "" } else { "s" };
        let message =
            format!("--strict: {count} problem{plural} in the manifests, nothing was evaluated");
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
    Ok(Loaded {
        inventory,
        sources: reader.sources,
        origins: reader.origins,
    })
}

/// Something that cannot be used. The rest stays.
#[derive(Debug)]
struct Problem {
    /// File, or `<stdin>`.
    source: String,
    /// `None` for a file as a whole.
    within: Option<ManifestError>,
    /// Why a file as a whole cannot be used; empty otherwise.
    message: String,
}

/// `FILE: document N: Kind namespace/name: field: message`, without what is not known.
impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.source)?;
        let Some(error) = &self.within else {
            return out.write_str(&self.message);
        };
        write!(out, "document {}: ", error.document)?;
        if let Some(object) = &error.object {
            write!(out, "{object}: ")?;
        }
        if !error.field.is_empty() {
            write!(out, "{}: ", error.field)?;
        }
        out.write_str(&error.message)
    }
}

#[derive(Default)]
struct Reader {
    objects: Vec<Object>,
    sources: Vec<Source>,
    origins: HashMap<Key, Origin>,
    problems: Vec<Problem>,
    /// Kinds that are not evaluated, and how often each was found.
    ignored: BTreeMap<String, usize>,
}

impl Reader {
    fn add(&mut self, source: Source) {
        let read = manifest::parse(&source.text);
        for error in read.errors {
            self.problems.push(Problem {
                source: source.name.clone(),
                within: Some(error),
                message: String::new(),
            });
        }
        for kind in read.ignored {
            *self.ignored.entry(kind).or_default() += 1;
        }
        let index = self.sources.len();
        for object in read.objects {
            let (namespace, name) = object.key();
            let key = (
                object.kind().to_owned(),
                namespace.to_owned(),
                name.to_owned(),
            );
            // Within one text the parser has told already.
            if let Some(before) = self.origins.insert(key, Origin { source: index }) {
                let other = &self.sources[before.source].name;
                let object = match namespace {
                    "" => format!("{} {name}", object.kind()),
                    _ => format!("{} {namespace}/{name}", object.kind()),
                };
                self.problems.push(Problem {
                    source: source.name.clone(),
                    within: None,
                    message: format!("{object} stands in {other} too; this one counts"),
                });
            }
            self.objects.push(object);
        }
        self.sources.push(source);
    }

    fn report(&self) {
        let mut stderr = anstream::stderr().lock();
        let problems = self
            .problems
            .iter()
            .map(|problem| format!("warning: {problem}"));
        let ignored = self.ignored.iter();
        let ignored = ignored.map(|(kind, count)| format!("not evaluated: {count} of kind {kind}"));
        for line in problems.chain(ignored) {
            // Nowhere to report a failure to report.
            let _ = writeln!(stderr, "{}", text::clean(&line));
        }
    }
}
