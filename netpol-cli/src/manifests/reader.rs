//! Texts into objects, with what is to be said of them.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;

use netpol_policy::manifest::Manifests;
use netpol_policy::model::Object;

use super::problem::{Problem, What};
use super::{Key, Origin, Source};
use crate::text;

/// Everything that was read so far.
pub(super) struct Reader {
    pub(super) objects: Vec<Object>,
    pub(super) sources: Vec<Source>,
    pub(super) origins: HashMap<Key, Origin>,
    problems: Vec<Problem>,
    /// Kinds that have nothing to say, and how often each was found.
    ignored: BTreeMap<String, usize>,
}

impl Reader {
    /// With the problems of what could not be read.
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self {
            objects: Vec::new(),
            sources: Vec::new(),
            origins: HashMap::new(),
            problems,
            ignored: BTreeMap::new(),
        }
    }

    /// Takes in a text.
    pub(super) fn add(&mut self, source: Source, parse: impl Fn(&str) -> Manifests) {
        let read = parse(&source.text);
        self.tell(&source, read.errors, What::Wrong);
        self.tell(&source, read.warnings, What::Doubtful);
        self.tell(&source, read.not_evaluated, What::NotEvaluated);
        for kind in read.ignored {
            *self.ignored.entry(kind).or_default() += 1;
        }
        let index = self.sources.len();
        for (object, place) in read.objects.into_iter().zip(read.places) {
            let (namespace, name) = object.key();
            let kind = object.kind();
            let key = (kind.to_owned(), namespace.to_owned(), name.to_owned());
            let origin = Origin {
                source: index,
                place,
            };
            // Within one text the parser has told already.
            if let Some(before) = self.origins.insert(key, origin) {
                let object = match namespace {
                    "" => format!("{kind} {name}"),
                    namespace => format!("{kind} {namespace}/{name}"),
                };
                let other = self.sources[before.source].name.clone();
                self.tell(&source, [object], |object| What::Repeated {
                    object,
                    source: other.clone(),
                });
            }
            self.objects.push(object);
        }
        self.sources.push(source);
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

    /// Writes all that is to be said to stderr, and returns how much of it is about what cannot be used.
    pub(super) fn report(&self) -> usize {
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
