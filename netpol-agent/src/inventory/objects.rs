//! Which objects are in force: several files may describe one, and the last by path counts.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use netpol_policy::model::Object;

use super::change::{Change, ObjectKey};
use super::report::Problem;

/// Every description of every object, and what changed since it was last asked for.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// By path of the file, of which there is rarely more than one.
    described: HashMap<ObjectKey, Vec<Description>>,
    /// Objects that more than one file describes.
    contested: BTreeSet<ObjectKey>,
    /// What was in force before the changes that were not taken yet.
    before: HashMap<ObjectKey, Option<Object>>,
}

#[derive(Debug)]
struct Description {
    file: Arc<Path>,
    /// Document within the file, from 1.
    document: u32,
    object: Object,
}

impl Objects {
    /// Takes what a file says of an object, in place of what it said before. Returns the object's key.
    pub(super) fn describe(
        &mut self,
        file: &Arc<Path>,
        document: u32,
        object: Object,
    ) -> ObjectKey {
        let key = ObjectKey::of(&object);
        let descriptions = self.described.entry(key.clone()).or_default();
        let place = descriptions.binary_search_by(|one| one.file.cmp(file));
        if let Ok(place) = place
            && descriptions[place].object == object
        {
            descriptions[place].document = document;
            return key;
        }
        let in_force = || descriptions.last().map(|last| last.object.clone());
        self.before.entry(key.clone()).or_insert_with(in_force);
        let description = Description {
            file: file.clone(),
            document,
            object,
        };
        match place {
            Ok(place) => descriptions[place] = description,
            Err(place) => descriptions.insert(place, description),
        }
        if descriptions.len() > 1 {
            self.contested.insert(key.clone());
        }
        key
    }

    /// A file does not describe an object any more.
    pub(super) fn withdraw(&mut self, file: &Path, key: &ObjectKey) {
        let Some(descriptions) = self.described.get_mut(key) else {
            return;
        };
        let Ok(place) = descriptions.binary_search_by(|one| (*one.file).cmp(file)) else {
            return;
        };
        let in_force = || descriptions.last().map(|last| last.object.clone());
        self.before.entry(key.clone()).or_insert_with(in_force);
        descriptions.remove(place);
        if descriptions.len() < 2 {
            self.contested.remove(key);
        }
        if descriptions.is_empty() {
            self.described.remove(key);
        }
    }

    /// What differs from what was in force when this was last called.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        let described = &self.described;
        let differing = self.before.drain().filter_map(|(key, before)| {
            let now = described
                .get(&key)
                .and_then(|descriptions| Some(&descriptions.last()?.object));
            match now {
                Some(object) => {
                    (before.as_ref() != Some(object)).then(|| Change::Apply(object.clone()))
                }
                None => before.is_some().then_some(Change::Remove(key)),
            }
        });
        differing.collect()
    }

    /// Descriptions that do not count, since a later file has one too.
    pub(super) fn overruled(&self) -> impl Iterator<Item = Problem> {
        let contested = self.contested.iter();
        let descriptions = contested.filter_map(|key| {
            let (last, others) = self.described.get(key)?.split_last()?;
            Some((key, last, others))
        });
        descriptions.flat_map(|(key, last, others)| {
            others.iter().map(move |one| Problem {
                file: one.file.to_path_buf(),
                document: one.document,
                object: key.to_string(),
                field: String::new(),
                message: format!("also stands in {}, which counts", last.file.display()),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pod;
    use netpol_policy::model::Pod;

    fn path(name: &str) -> Arc<Path> {
        Path::new(name).into()
    }

    /// A pod, told apart by its UID.
    fn web(uid: &str) -> Object {
        let mut web = Pod::clone(&pod("prod", "web"));
        web.uid = uid.into();
        Object::Pod(web)
    }

    fn key() -> ObjectKey {
        ObjectKey::of(&web(""))
    }

    #[test]
    fn only_what_differs_is_a_change() {
        let mut objects = Objects::default();
        objects.describe(&path("a"), 1, web("1"));
        assert_eq!(objects.take_changes(), [Change::Apply(web("1"))]);
        objects.describe(&path("a"), 2, web("1"));
        assert_eq!(objects.take_changes(), []);
        objects.describe(&path("a"), 2, web("2"));
        objects.describe(&path("a"), 2, web("1"));
        assert_eq!(objects.take_changes(), [], "there and back");
        objects.withdraw(&path("a"), &key());
        assert_eq!(objects.take_changes(), [Change::Remove(key())]);
    }

    #[test]
    fn an_object_that_moves_to_another_file_does_not_change() {
        let mut objects = Objects::default();
        objects.describe(&path("a"), 1, web("1"));
        objects.take_changes();
        objects.withdraw(&path("a"), &key());
        objects.describe(&path("b"), 1, web("1"));
        assert_eq!(objects.take_changes(), []);
    }

    #[test]
    fn of_several_files_the_last_counts_and_the_others_are_told() {
        let mut objects = Objects::default();
        objects.describe(&path("b"), 1, web("2"));
        objects.describe(&path("a"), 3, web("1"));
        assert_eq!(objects.take_changes(), [Change::Apply(web("2"))]);
        let overruled: Vec<_> = objects.overruled().collect();
        assert_eq!(overruled.len(), 1);
        assert_eq!(
            (overruled[0].file.as_path(), overruled[0].document),
            (Path::new("a"), 3)
        );
        assert_eq!(overruled[0].object, "Pod prod/web");
        assert_eq!(overruled[0].message, "also stands in b, which counts");

        objects.withdraw(&path("b"), &key());
        assert_eq!(objects.take_changes(), [Change::Apply(web("1"))]);
        assert_eq!(objects.overruled().count(), 0);
    }
}
