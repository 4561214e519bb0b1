use std::collections::BTreeMap;

use netpol_policy::model::Pod;
use proptest::prelude::*;

use super::*;
use crate::testing::pod;

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
        (overruled[0].file.as_deref(), overruled[0].document),
        (Some(Path::new("a")), 3)
    );
    assert_eq!(overruled[0].object, "Pod prod/web");
    assert_eq!(overruled[0].message, "also stands in b, which counts");

    objects.withdraw(&path("b"), &key());
    assert_eq!(objects.take_changes(), [Change::Apply(web("1"))]);
    assert_eq!(objects.overruled().count(), 0);
}

/// What happens to files: the second describes an object, or withdraws it.
#[derive(Clone, Debug)]
enum Step {
    Describe(&'static str, &'static str, u8),
    Withdraw(&'static str, &'static str),
    Take,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let file = || prop::sample::select(vec!["a", "b", "c"]);
    let name = || prop::sample::select(vec!["web", "db"]);
    let step = prop_oneof![
        4 => (file(), name(), 0..3u8).prop_map(|(file, name, uid)| Step::Describe(file, name, uid)),
        3 => (file(), name()).prop_map(|(file, name)| Step::Withdraw(file, name)),
        2 => Just(Step::Take),
    ];
    prop::collection::vec(step, 0..40)
}

fn named(name: &str, uid: u8) -> Object {
    let mut named = Pod::clone(&pod("prod", name));
    named.uid = uid.to_string().into();
    Object::Pod(named)
}

proptest! {
    #[test]
    fn changes_add_up_to_what_the_last_files_say(steps in steps()) {
        let mut objects = Objects::default();
        let mut said: BTreeMap<ObjectKey, BTreeMap<&str, Object>> = BTreeMap::new();
        let mut in_force: BTreeMap<ObjectKey, Object> = BTreeMap::new();
        for step in steps.into_iter().chain([Step::Take]) {
            match step {
                Step::Describe(file, name, uid) => {
                    let object = named(name, uid);
                    let key = objects.describe(&path(file), 1, object.clone());
                    said.entry(key).or_default().insert(file, object);
                }
                Step::Withdraw(file, name) => {
                    let key = ObjectKey::of(&named(name, 0));
                    objects.withdraw(Path::new(file), &key);
                    said.entry(key).or_default().remove(file);
                }
                Step::Take => {
                    for change in objects.take_changes() {
                        let before = in_force.remove(&change.key());
                        match change {
                            Change::Apply(object) => {
                                prop_assert_ne!(before.as_ref(), Some(&object), "nothing new");
                                in_force.insert(ObjectKey::of(&object), object);
                            }
                            Change::Runs(key, _) => unreachable!("{key}: files hold the objects themselves"),
                            Change::Remove(key) => prop_assert!(before.is_some(), "{key} was not there"),
                        }
                    }
                    let last = said.iter().filter_map(|(key, files)| {
                        Some((key.clone(), files.last_key_value()?.1.clone()))
                    });
                    prop_assert_eq!(&in_force, &last.collect());
                    let overruled: usize = said.values().map(|files| files.len().saturating_sub(1)).sum();
                    prop_assert_eq!(objects.overruled().count(), overruled);
                }
            }
        }
    }
}
