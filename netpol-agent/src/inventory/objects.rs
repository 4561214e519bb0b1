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
                file: Some(one.file.to_path_buf()),
                document: one.document,
                object: key.to_string(),
                field: String::new(),
                message: format!("also stands in {}, which counts", last.file.display()),
            })
        })
    }
}

#[cfg(test)]
mod tests;
