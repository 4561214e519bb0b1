//! Disks that are full or read-only, files that are as large as they may get, and files that go away.
//!
//! Disks are small tmpfs in a mount namespace of one thread: nothing of them is left when it ends.

use std::fs;
use std::path::{Path, PathBuf};

use netpol_testkit::requirement::{Requirement, require};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::batch::{at, batch, whole};
use super::{Options, Store, StoreError, kept, open, options};
use crate::history::changes::Changes;

/// Runs with a disk of so many KiB, at the path that it gets.
fn with_disk(kib: u32, test: impl FnOnce(&Path) + Send) {
    // To mount it.
    if !require(&[Requirement::Root]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let run = || {
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
        let size = format!("size={kib}k");
        let flags = MsFlags::empty();
        mount(Some("tmpfs"), path, Some("tmpfs"), flags, Some(&*size)).unwrap();
        test(path);
    };
    std::thread::scope(|scope| {
        if let Err(panic) = scope.spawn(run).join() {
            std::panic::resume_unwind(panic);
        }
    });
}

fn fill(disk: &Path) -> PathBuf {
    let file = disk.join("other");
    // Whatever still fits.
    let _ = fs::write(&file, vec![1; 64 << 20]);
    file
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost_when_there_is_room_again() {
    with_disk(8 << 10, |disk| {
        let directory = disk.join("history");
        let (mut store, _) = open(&directory).unwrap();
        store.write(&batch(1), at(0)).unwrap();
        let other = fill(disk);
        // Batches that fit into what the file has already are written; then comes one that needs more.
        let mut number = 1;
        let error = loop {
            number += 1;
            // More than any file of this disk holds.
            let mut changes = batch(number);
            changes.edges.extend(many(number, 20_000));
            match store.write(&changes, at(0)) {
                Ok(()) => {}
                Err(error) => break error,
            }
        };
        let expected = format!(
            "{}: No space left on device (os error 28)",
            directory.join("history.redb").display()
        );
        assert_eq!(error.to_string(), expected);
        assert_eq!(number, 2, "the first of them does not fit");
        // Again and again.
        for _ in 0..3 {
            let mut changes = batch(2);
            changes.edges.extend(many(2, 20_000));
            let again = store.write(&changes, at(0)).unwrap_err();
            assert_eq!(again.to_string(), expected);
        }
        fs::remove_file(other).unwrap();
        store.write(&batch(2), at(0)).unwrap();
        drop(store);
        let (_, history) = open(&directory).unwrap();
        assert_eq!(whole(&history), Ok(2));
        assert_eq!(kept(&directory), [""; 0], "full is not corrupt");
    });
}

/// Edges of their own, in great number.
fn many(
    number: u64,
    count: u32,
) -> Vec<(
    netpol_policy::history::EdgeKey,
    Option<netpol_policy::history::EdgeTotals>,
)> {
    let totals = super::batch::edge_totals(number);
    (0..count)
        .map(|edge| {
            let port = u16::try_from(edge % 60_000).unwrap();
            let key = super::batch::edge_key(&format!("many-{}", edge / 60_000), port);
            (key, Some(totals.clone()))
        })
        .collect()
}

#[test]
fn a_full_disk_keeps_a_store_from_being_begun_or_opened_and_that_passes() {
    with_disk(2 << 10, |disk| {
        let directory = disk.join("history");
        let other = fill(disk);
        let error = open(&directory).unwrap_err();
        assert!(
            matches!(&error, StoreError::Trouble { reason, .. } if reason.contains("No space left")),
            "{error}"
        );
        fs::remove_file(&other).unwrap();
        let (mut store, _) = open(&directory).unwrap();
        store.write(&batch(1), at(0)).unwrap();
        drop(store);
        let other = fill(disk);
        // It may be opened without more room, or not; never is it begun anew.
        match open(&directory) {
            Ok((_, history)) => assert_eq!(whole(&history), Ok(1)),
            Err(error) => assert!(error.to_string().contains("No space left"), "{error}"),
        }
        fs::remove_file(&other).unwrap();
        assert_eq!(whole(&open(&directory).unwrap().1), Ok(1));
        assert_eq!(kept(&directory), [""; 0]);
    });
}

#[test]
fn a_disk_that_becomes_read_only_is_told_and_may_be_written_again() {
    with_disk(8 << 10, |disk| {
        let (mut store, _) = open(disk).unwrap();
        store.write(&batch(1), at(0)).unwrap();
        drop(store);
        let remount = |flags: MsFlags| {
            let flags = MsFlags::MS_REMOUNT | flags;
            mount(None::<&str>, disk, None::<&str>, flags, None::<&str>).unwrap();
        };
        remount(MsFlags::MS_RDONLY);
        let error = open(disk).unwrap_err();
        let file = disk.join("history.redb");
        assert_eq!(
            error.to_string(),
            format!("{}: Read-only file system (os error 30)", file.display())
        );
        remount(MsFlags::empty());
        let (mut store, history) = open(disk).unwrap();
        assert_eq!(whole(&history), Ok(1));
        store.write(&batch(2), at(0)).unwrap();
        assert_eq!(kept(disk), [""; 0]);
    });
}

#[test]
fn a_file_grows_to_its_largest_size_and_no_further() {
    let directory = tempfile::tempdir().unwrap();
    let largest = 4 << 20;
    let mut store = Store::new(&Options {
        largest,
        ..options(directory.path())
    });
    store.load(at(0)).unwrap();
    store.write(&batch(1), at(0)).unwrap();
    let too_much = Changes {
        edges: many(1, 20_000),
        ..Changes::default()
    };
    let error = store.write(&too_much, at(0)).unwrap_err();
    let file = directory.path().join("history.redb");
    assert_eq!(
        error.to_string(),
        format!(
            "{}: it would grow beyond 4 MiB, all that --history-edges lets it have",
            file.display()
        )
    );
    assert!(fs::metadata(&file).unwrap().len() <= largest);
    // What fits is written.
    store.write(&batch(2), at(0)).unwrap();
    drop(store);
    let (_, history) = open(directory.path()).unwrap();
    assert_eq!(whole(&history), Ok(2));
    assert_eq!(kept(directory.path()), [""; 0]);
}

#[test]
fn a_file_that_is_gone_is_begun_anew_under_the_same_name_and_everything_is_asked_for() {
    let above = tempfile::tempdir().unwrap();
    let directory = above.path().join("history");
    let (mut store, history) = open(&directory).unwrap();
    let id = history.nodes[0].store.clone();
    store.write(&batch(1), at(0)).unwrap();
    fs::remove_dir_all(&directory).unwrap();
    let error = store.write(&batch(2), at(0)).unwrap_err();
    let file = directory.join("history.redb");
    assert_eq!(
        error.to_string(),
        format!("{} was begun anew: it was gone", file.display())
    );
    assert!(matches!(error, StoreError::BegunAnew { .. }));
    // Everything, then what changes.
    store.write(&batch(1), at(0)).unwrap();
    store.write(&batch(2), at(0)).unwrap();
    drop(store);
    let (_, history) = open(&directory).unwrap();
    assert_eq!(whole(&history), Ok(2));
    assert_eq!(history.nodes[0].store, id);
}

#[test]
fn another_store_in_its_place_is_put_aside() {
    let [here, there] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (mut store, _) = open(here.path()).unwrap();
    store.write(&batch(1), at(0)).unwrap();
    drop(open(there.path()).unwrap());
    let file = |directory: &tempfile::TempDir| directory.path().join("history.redb");
    fs::rename(file(&there), file(&here)).unwrap();
    let error = store.write(&batch(2), at(0)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("it has taken the place of store"),
        "{error}"
    );
    assert_eq!(kept(here.path()), ["other-2026-09-21T141320Z"]);
    store.write(&batch(1), at(0)).unwrap();
    drop(store);
    assert_eq!(whole(&open(here.path()).unwrap().1), Ok(1));
}
