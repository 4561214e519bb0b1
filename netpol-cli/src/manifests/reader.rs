//! Texts into objects, with what is to be said of them.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;

use netpol_policy::lint::lint;
use netpol_policy::manifest::{ManifestError, Manifests, NotEvaluated};
use netpol_policy::model::Object;

use super::problem::{Problem, What};
use super::{Key, Origin, Source};
use crate::text;

/// Everything that was read so far.
pub(crate) struct Reader {
    pub(crate) objects: Vec<Object>,
    pub(crate) sources: Vec<Source>,
    pub(crate) origins: HashMap<Key, Origin>,
    problems: Vec<Problem>,
    /// Kinds that have nothing to say, and how often each was found.
    ignored: BTreeMap<String, usize>,
}

impl Reader {
    /// With the problems of what could not be read.
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        Self {
            objects: Vec::new(),
            sources: Vec::new(),
            origins: HashMap::new(),
            problems,
            ignored: BTreeMap::new(),
        }
    }

    /// Takes in a text.
    pub(crate) fn add(&mut self, source: Source, parse: impl Fn(&str) -> Manifests) {
        let read = parse(&source.text);
        self.tell(&source, read.errors, What::Wrong);
        self.tell(&source, read.warnings, What::Doubtful);
        self.tell(&source, read.not_evaluated, What::NotEvaluated);
        for kind in read.ignored {
            *self.ignored.entry(kind).or_default() += 1;
        }
        let index = self.sources.len();
        for (object, place) in read.objects.into_iter().zip(read.places) {
            let origin = Origin {
                source: index,
                place,
            };
            // Within one text the parser has told already.
            if let Some(before) = self.origins.insert(key(&object), origin) {
                let other = self.sources[before.source].name.clone();
                self.tell(&source, [words(&object)], |object| What::Repeated {
                    object,
                    source: other.clone(),
                });
            }
            self.objects.push(object);
        }
        self.sources.push(source);
    }

    /// Looks at what was read as a whole for what is valid and most likely a mistake.
    pub(crate) fn lint(&mut self) {
        for warning in lint(&self.objects) {
            let object = &self.objects[warning.object];
            let (key, words) = (key(object), words(object));
            let Some(origin) = self.origins.get(&key) else {
                continue;
            };
            self.problems.push(Problem {
                source: self.sources[origin.source].name.clone(),
                what: What::Doubtful(ManifestError {
                    document: origin.place.document,
                    object: Some(words),
                    field: warning.field,
                    message: warning.message,
                }),
            });
        }
    }

    fn tell<T>(
        &mut self,
        source: &Source,
        found: impl IntoIterator<Item = T>,
        what: impl Fn(T) -> What,
    ) {
        let problems = found.into_iter().map(|one| Problem {
            source: source.name.clone(),
            what: what(one),
        });
        self.problems.extend(problems);
    }

    /// Policies of kinds that are not evaluated, with the names of their sources.
    pub(crate) fn not_evaluated(&self) -> impl Iterator<Item = (&str, &NotEvaluated)> {
        let problems = self.problems.iter();
        problems.filter_map(|problem| match &problem.what {
            What::NotEvaluated(policy) => Some((&*problem.source, policy)),
            _ => None,
        })
    }

    /// Writes all that is to be said to stderr, and returns how much of it is about what cannot be used.
    pub(crate) fn report(&self) -> usize {
        let ignored = self.ignored.iter();
        let ignored: Vec<_> = ignored
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        let ignored = (!ignored.is_empty())
            .then(|| format!("note: not about traffic: {}", ignored.join(", ")));
        let mut stderr = anstream::stderr().lock();
        let problems = self.problems.iter().map(ToString::to_string);
        for line in problems.chain(ignored) {
            // Nowhere to report a failure to report.
            let _ = writeln!(stderr, "{}", text::clean(&line));
        }
        self.problems.iter().filter(|one| one.is_error()).count()
    }
}

fn key(object: &Object) -> Key {
    let (namespace, name) = object.key();
    let kind = object.kind();
    (kind.to_owned(), namespace.to_owned(), name.to_owned())
}

/// `Kind namespace/name`, or `Kind name` where there is no namespace.
fn words(object: &Object) -> String {
    let kind = object.kind();
    match object.key() {
        ("", name) => format!("{kind} {name}"),
        (namespace, name) => format!("{kind} {namespace}/{name}"),
    }
}
