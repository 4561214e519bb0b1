//! Stores that were written by another version, and such as nobody can read.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use netpol_testkit::{AgentProcess, artifact};
use redb::{Database, ReadableDatabase as _, ReadableTableMetadata as _, TableDefinition};

use crate::stage::{Stage, ask, can_run, connections, settled};

/// What the directory of the store holds, in order.
fn names(stage: &Stage) -> Vec<String> {
    let files = fs::read_dir(stage.store()).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// What `flows status` warns of the store; empty where that is nothing.
fn warning(agent: &AgentProcess) -> String {
    let status = ask(agent, &["status"]);
    let mut warnings = status["warnings"].as_array().into_iter().flatten();
    let of_store = warnings.find_map(|one| one.as_str().filter(|one| one.contains("history.redb")));
    of_store.unwrap_or_default().to_owned()
}

/// A store that was put to use, then changed: it is kept under another name with this word, told, and begun anew. `is_as_it_was`
/// looks at what was kept.
fn is_set_aside(
    word: &str,
    reason: &str,
    change: impl Fn(&Path),
    is_as_it_was: impl Fn(&Path) -> bool,
) {
    let stage = Stage::new("");
    let agent = stage.agent(&[]);
    stage.talk("ci/build", "data/db", 5432, 3);
    assert_eq!(stage.wait_for_connections(&agent, 5432, 3), 3);
    agent.stop().unwrap();
    let store = stage.store().join("history.redb");
    change(&store);

    let agent = stage.agent(&[]);
    let told = settled(|| warning(&agent), |told| !told.is_empty());
    assert!(told.contains(reason), "{told:?}: {}", agent.log());
    let before = names(&stage);
    let [new, kept] = &before[..] else {
        panic!("{before:?}: {}", agent.log());
    };
    assert_eq!(new, "history.redb");
    assert!(kept.starts_with(&format!("history.redb.{word}-")), "{kept}");
    assert!(told.contains(kept.as_str()) && agent.log().contains(kept.as_str()));
    assert!(is_as_it_was(&stage.store().join(kept)));

    // Evidence begins anew, and says so: nothing of before is claimed.
    stage.talk("ci/build", "data/db", 5432, 2);
    assert_eq!(stage.wait_for_connections(&agent, 5432, 2), 2);
    let history = stage.remembered(&agent);
    let node = &history.nodes[0];
    // Midnight cuts one in two.
    assert!((1..=2).contains(&node.intervals.len()), "{node:#?}");
    agent.stop().unwrap();
    let agent = stage.agent(&[]);
    assert_eq!(stage.wait_for_connections(&agent, 5432, 2), 2);
    assert_eq!(warning(&agent), "");
    assert_eq!(names(&stage), before);
    agent.stop().unwrap();
}

#[test]
fn a_store_of_a_later_version_is_kept_and_another_is_begun() {
    const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
    const EDGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("edges");
    if !can_run() {
        return;
    }
    let make_later = |store: &Path| {
        let database = Database::open(store).unwrap();
        let transaction = database.begin_write().unwrap();
        let mut meta = transaction.open_table(META).unwrap();
        meta.insert("version", "999").unwrap();
        drop(meta);
        transaction.commit().unwrap();
    };
    let is_later = |store: &Path| {
        let database = Database::open(store).unwrap();
        let transaction = database.begin_read().unwrap();
        let meta = transaction.open_table(META).unwrap();
        let version = meta.get("version").unwrap().unwrap();
        let edges = transaction.open_table(EDGES).unwrap();
        version.value() == "999" && !edges.is_empty().unwrap()
    };
    let reason = "a later version of the agent wrote it";
    is_set_aside("newer", reason, make_later, is_later);
}

#[test]
fn a_store_that_is_damaged_is_kept_and_another_is_begun() {
    const NOISE: [u8; 64] = [0x5a; 64];
    if !can_run() {
        return;
    }
    // All but the first page, which names the format.
    let scribble = |store: &Path| {
        let file = fs::File::options().write(true).open(store).unwrap();
        let pages = file.metadata().unwrap().len() / 4096;
        for page in 1..pages {
            file.write_all_at(&NOISE, page * 4096 + 100).unwrap();
        }
    };
    let is_scribbled = |store: &Path| fs::read(store).unwrap()[4096 + 100..].starts_with(&NOISE);
    is_set_aside("corrupt", "cannot be used", scribble, is_scribbled);
}

#[test]
fn a_store_of_an_older_version_is_taken_over() {
    if !can_run() {
        return;
    }
    let stage = Stage::new("");
    fs::create_dir_all(stage.store()).unwrap();
    let old: PathBuf = "netpol-agent/src/history/store/tests/version-1.redb".into();
    let old = artifact::workspace().join(old);
    fs::copy(old, stage.store().join("history.redb")).unwrap();
    // What is in it is of a day long ago.
    let agent = stage.agent(&["--history-retention", "3650d"]);
    let before = settled(|| stage.remembered(&agent), |now| !now.edges.is_empty());
    assert!(!before.edges.is_empty(), "{}", agent.log());
    stage.talk("ci/build", "data/db", 5432, 2);
    let known = connections(&before, 5432);
    assert_eq!(
        stage.wait_for_connections(&agent, 5432, known + 2),
        known + 2
    );
    agent.stop().unwrap();
    assert_eq!(names(&stage), ["history.redb"], "nothing was set aside");
}
