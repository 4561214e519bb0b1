//! What the manifests of one side declare.

use std::cell::RefCell;
use std::collections::HashMap;

use netpol_policy::history::edge::PolicyName;
use netpol_policy::history::policy::RememberedPolicy;
use netpol_policy::manifest::{self, locate::Outline};
use netpol_policy::model::Object;

use super::Place;
use crate::error::CliError;
use crate::manifests::{Origin, Problem, Reader, Source};
use crate::text;

/// A policy of a kind that is not evaluated: it may change every answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotEvaluated {
    /// `Kind namespace/name`, as far as they are written.
    pub(crate) policy: String,
    pub(crate) place: Place,
    /// Of its document: what it says, for want of a better reading.
    pub(super) text: String,
}

/// Objects, and where they stand.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) policies: Vec<RememberedPolicy>,
    /// All that is no policy.
    pub(super) objects: Vec<Object>,
    pub(super) not_evaluated: Vec<NotEvaluated>,
    sources: Vec<Source>,
    /// Stands before the path in the names of sources.
    prefix: String,
    origins: HashMap<PolicyName, Origin>,
    /// Manifests that cannot be used.
    errors: usize,
    /// Documents that places were looked up in, by source and number.
    outlines: RefCell<HashMap<(usize, usize), Option<Outline>>>,
}

impl Declared {
    /// Reads texts, and tells on stderr what there is to tell of them. `prefix` stands before the path in their names.
    pub(super) fn read(sources: Vec<Source>, prefix: &str, problems: Vec<Problem>) -> Self {
        let mut reader = Reader::new(problems);
        for source in sources {
            reader.add(source, manifest::parse);
        }
        reader.lint();
        let errors = reader.report();
        let not_evaluated = reader.not_evaluated().map(|(source, policy)| {
            let line = policy.place.line;
            let whole = reader.sources.iter().find(|one| one.name == source);
            let lines = whole.into_iter().flat_map(|one| one.text.lines());
            let document = lines
                .skip(line.saturating_sub(1))
                .take_while(|line| !line.starts_with("---"));
            NotEvaluated {
                policy: format!("{} {}", policy.kind, policy.name)
                    .trim_end()
                    .to_owned(),
                place: Place {
                    file: path_below(source, prefix).to_owned(),
                    line,
                    is_gone: false,
                },
                text: document.collect::<Vec<_>>().join("\n"),
            }
        });
        let not_evaluated = not_evaluated.collect();
        let (mut policies, mut objects) = (HashMap::new(), Vec::new());
        let mut origins = HashMap::new();
        for object in reader.objects {
            let policy = match object {
                Object::NetworkPolicy(policy) => RememberedPolicy::Network(policy),
                Object::TieredPolicy(policy) => RememberedPolicy::Tiered(policy),
                other => {
                    objects.push(other);
                    continue;
                }
            };
            let name = policy.name();
            let key = (
                name.kind.as_str().to_owned(),
                name.namespace.to_string(),
                name.name.to_string(),
            );
            if let Some(origin) = reader.origins.remove(&key) {
                origins.insert(name.clone(), origin);
            }
            policies.insert(name, policy);
        }
        let mut policies: Vec<RememberedPolicy> = policies.into_values().collect();
        policies.sort_by_key(RememberedPolicy::name);
        Self {
            policies,
            objects,
            not_evaluated,
            sources: reader.sources,
            prefix: prefix.to_owned(),
            origins,
            errors,
            outlines: RefCell::default(),
        }
    }

    /// Ends where something cannot be used.
    pub(super) fn refuse_unusable(&self) -> Result<(), CliError> {
        match self.errors {
            0 => Ok(()),
            1 => Err(CliError::Input(
                "1 error in the manifests, nothing was compared".to_owned(),
            )),
            errors => Err(CliError::Input(format!(
                "{errors} errors in the manifests, nothing was compared"
            ))),
        }
    }

    /// Says that something of the base cannot be used. The change may be what mends it.
    pub(super) fn tell_unusable(&self, base: &str) {
        if self.errors > 0 {
            let line = format!(
                "warning: what cannot be used in {base} counts as not being in force before"
            );
            anstream::eprintln!("{}", text::clean(&line));
        }
    }

    /// Where a field of a policy stands, or where the policy begins if it has no such field.
    pub(super) fn place_in(&self, policy: &PolicyName, field: &str) -> Option<Place> {
        let origin = self.origins.get(policy)?;
        let source = self.sources.get(origin.source)?;
        let mut outlines = self.outlines.borrow_mut();
        let outline = outlines
            .entry((origin.source, origin.place.document))
            .or_insert_with(|| Outline::of(&source.text, origin.place.document));
        let part = outline.as_ref().and_then(|outline| {
            let found = outline.find(&origin.place.path, field);
            found.or_else(|| outline.find(&origin.place.path, ""))
        });
        Some(Place {
            file: path_below(&source.name, &self.prefix).to_owned(),
            line: part.map_or(origin.place.line, |part| part.start.line),
            is_gone: false,
        })
    }
}

/// The path of a source whose name begins with `prefix`.
fn path_below<'a>(source: &'a str, prefix: &str) -> &'a str {
    let path = source.strip_prefix(prefix).unwrap_or(source);
    path.strip_prefix("./").unwrap_or(path)
}
