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
use netpol_policy::manifest::{self, ManifestError, NotEvaluated, Place};
use netpol_policy::model::Object;
use netpol_policy::verdict::PolicyRef;

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
#[derive(Debug)]
struct Origin {
    /// Index of a source.
    source: usize,
    place: Place,
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
    let mut reader = Reader {
        problems: read.problems,
        ..Reader::default()
    };
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

/// Something in a text that cannot be used. The rest stays.
#[derive(Debug)]
struct Problem {
    /// File, or `<stdin>`.
    source: String,
    what: What,
}

#[derive(Debug)]
enum What {
    /// About the text as a whole, or two texts.
    Text(String),
    Object(ManifestError),
}

/// `FILE: document N: Kind namespace/name: field: message`, without what is not known.
impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.source)?;
        let error = match &self.what {
            What::Text(message) => return out.write_str(message),
            What::Object(error) => error,
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
    /// With the source of each.
    not_evaluated: Vec<(String, NotEvaluated)>,
    /// Kinds that have nothing to say, and how often each was found.
    ignored: BTreeMap<String, usize>,
}

impl Reader {
    fn add(&mut self, source: Source) {
        let read = manifest::parse(&source.text);
        let problems = read.errors.into_iter().map(|error| Problem {
            source: source.name.clone(),
            what: What::Object(error),
        });
        self.problems.extend(problems);
        let not_evaluated = read.not_evaluated.into_iter();
        self.not_evaluated
            .extend(not_evaluated.map(|policy| (source.name.clone(), policy)));
        for kind in read.ignored {
            *self.ignored.entry(kind).or_default() += 1;
        }
        let index = self.sources.len();
        for (object, place) in read.objects.into_iter().zip(read.places) {
            let (namespace, name) = object.key();
            let key = (
                object.kind().to_owned(),
                namespace.to_owned(),
                name.to_owned(),
            );
            let origin = Origin {
                source: index,
                place,
            };
            // Within one text the parser has told already.
            if let Some(before) = self.origins.insert(key, origin) {
                let other = &self.sources[before.source].name;
                let object = match namespace {
                    "" => format!("{} {name}", object.kind()),
                    _ => format!("{} {namespace}/{name}", object.kind()),
                };
                self.problems.push(Problem {
                    source: source.name.clone(),
                    what: What::Text(format!("{object} stands in {other} too; this one counts")),
                });
            }
            self.objects.push(object);
        }
        self.sources.push(source);
    }

    fn report(&self) {
        let problems = self
            .problems
            .iter()
            .map(|problem| format!("warning: {problem}"));
        let not_evaluated = self.not_evaluated.iter().map(|(source, policy)| {
            let NotEvaluated { place, kind, name, api_version } = policy;
            let document = place.document;
            format!("warning: {source}: document {document}: {kind} {name} ({api_version}): not evaluated")
        });
        let ignored = self
            .ignored
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"));
        let ignored: Vec<_> = ignored.collect();
        let ignored = (!ignored.is_empty())
            .then(|| format!("note: not about traffic: {}", ignored.join(", ")));
        let mut stderr = anstream::stderr().lock();
        for line in problems.chain(not_evaluated).chain(ignored) {
            // Nowhere to report a failure to report.
            let _ = writeln!(stderr, "{}", text::clean(&line));
        }
    }
}
