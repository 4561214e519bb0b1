//! Stores of other versions of this program, and of other nodes.

use std::fs;
use std::path::Path;

use redb::{Database, TableDefinition};

use super::batch::{Expected, at, batch, whole};
use super::{Options, Store, kept, open, options};

/// Four batches, written by the code of schema 1.
const VERSION_1: &[u8] = include_bytes!("version-1.redb");

const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");

/// Has a store say something else of itself.
fn say(directory: &Path, key: &str, value: &str) {
    let database = Database::open(directory.join("history.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    let mut meta = transaction.open_table(META).unwrap();
    meta.insert(key, value).unwrap();
    drop(meta);
    transaction.commit().unwrap();
}

#[test]
fn one_of_version_1_is_taken_over_whole_and_written_on() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("history.redb"), VERSION_1).unwrap();
    let (mut store, history) = open(directory.path()).unwrap();
    assert_eq!(whole(&history), Ok(4));
    // As they came: of version 1 they are one row each.
    assert_eq!((history.cluster.len(), history.services.len()), (2, 1));
    let id = history.nodes[0].store.clone();
    store.write(&batch(5), at(0)).unwrap();
    drop(store);
    let (_, history) = open(directory.path()).unwrap();
    assert_eq!(whole(&history), Ok(5));
    assert_eq!(history.nodes[0].store, id, "it is the same store");
    assert_eq!(kept(directory.path()), [""; 0]);
}

#[test]
fn a_step_that_fails_leaves_the_older_version_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("history.redb");
    fs::write(&file, VERSION_1).unwrap();
    let database = Database::open(&file).unwrap();
    let transaction = database.begin_write().unwrap();
    let services = TableDefinition::<u64, &[u8]>::new("services");
    let mut table = transaction.open_table(services).unwrap();
    table.insert(0, &b"[{"[..]).unwrap();
    drop(table);
    transaction.commit().unwrap();
    drop(database);
    let (_, history) = open(directory.path()).unwrap();
    assert_eq!(whole(&history), Ok(0));
    let [aside] = &*kept(directory.path()) else {
        panic!("{:?}", kept(directory.path()))
    };
    // Nodes, which came before Services, are in their one row.
    let database = Database::open(directory.path().join(format!("history.redb.{aside}"))).unwrap();
    let transaction = redb::ReadableDatabase::begin_read(&database).unwrap();
    let version = transaction.open_table(META).unwrap();
    assert_eq!(version.get("version").unwrap().unwrap().value(), "1");
    let cluster = TableDefinition::<u64, &[u8]>::new("cluster");
    let cluster = transaction.open_table(cluster).unwrap();
    assert!(cluster.get(0).unwrap().is_some());
}

#[test]
fn one_of_a_later_version_is_kept_and_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = open(directory.path()).unwrap();
    store.write(&batch(1), at(0)).unwrap();
    drop(store);
    say(directory.path(), "version", "3");
    let (mut store, history) = open(directory.path()).unwrap();
    assert_eq!(whole(&history), Ok(0));
    assert_eq!(
        kept(directory.path()),
        ["newer-2026-09-21T141320Z"],
        "by the time at which it was opened"
    );
    store.write(&batch(1), at(0)).unwrap();
    drop(store);
    // Whoever goes back to the later version finds it as it was.
    let file = |name: &str| directory.path().join(name);
    fs::rename(
        file("history.redb.newer-2026-09-21T141320Z"),
        file("history.redb"),
    )
    .unwrap();
    say(directory.path(), "version", "2");
    assert_eq!(whole(&open(directory.path()).unwrap().1), Ok(1));
}

#[test]
fn that_of_another_node_is_kept_and_not_taken_for_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = open(directory.path()).unwrap();
    store.write(&batch(1), at(0)).unwrap();
    drop(store);
    let mut store = Store::new(&Options {
        node: "node-2".into(),
        ..options(directory.path())
    });
    let history = store.load(at(0)).unwrap();
    assert_eq!(Expected::of(&history), Expected::default());
    assert_eq!(history.nodes[0].name, "node-2".into());
    let aside = "other-node-2026-09-21T141320Z";
    assert_eq!(kept(directory.path()), [aside]);
    let file = directory.path().join("history.redb");
    let file = file.display();
    assert_eq!(
        store.notices.all(),
        [format!(
            "{file} cannot be used and is begun anew: it is of node node-1, and this is node-2; what it was is kept as \
             {file}.{aside}"
        )]
    );
}
