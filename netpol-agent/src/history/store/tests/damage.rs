//! Files that are not what was written.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::batch::{at, batch, whole};
use super::{StoreError, kept, open};

/// A store of four batches, as the bytes of its file.
static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = open(directory.path()).unwrap();
    for number in 1..=4 {
        store.write(&batch(number), at(0)).unwrap();
    }
    drop(store);
    fs::read(directory.path().join("history.redb")).unwrap()
});

/// Opens a file of these bytes. Which batch it holds, and what was put aside.
fn open_as(bytes: &[u8]) -> (Result<u64, String>, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("history.redb"), bytes).unwrap();
    let (mut store, history) = open(directory.path()).unwrap();
    let found = whole(&history);
    let aside = kept(directory.path());
    for name in &aside {
        let name = format!("history.redb.{name}");
        let there = fs::read(directory.path().join(name)).unwrap();
        assert!(there.len() >= bytes.len(), "nothing of it is thrown away");
    }
    // Whatever it was, it is one that can be written now.
    if let Ok(number) = found {
        store.write(&batch(number + 1), at(0)).unwrap();
        drop(store);
        let (_, history) = open(directory.path()).unwrap();
        let expected = if number > 0 || aside.is_empty() {
            number + 1
        } else {
            1
        };
        assert_eq!(whole(&history), Ok(expected));
    }
    (found, aside)
}

fn is_corrupt(aside: &[String]) -> bool {
    matches!(aside, [one] if one.starts_with("corrupt-2026-"))
}

#[test]
fn what_is_no_store_is_put_aside_and_another_is_begun() {
    let whole_file = &*FILE;
    let mut other_magic = whole_file.clone();
    other_magic[0] ^= 1;
    for (name, bytes) in [
        ("empty", Vec::new()),
        ("one byte", vec![b'r']),
        ("text", b"{\"format\":\"netpol-history\"}\n".repeat(500)),
        ("zeros", vec![0; whole_file.len()]),
        ("another beginning", other_magic),
        ("only the header", whole_file[..4096].to_vec()),
    ] {
        let (found, aside) = open_as(&bytes);
        assert_eq!(found, Ok(0), "{name}");
        assert!(is_corrupt(&aside), "{name}: {aside:?}");
    }
    assert_eq!(open_as(whole_file), (Ok(4), Vec::new()));
}

#[test]
fn a_file_that_cannot_be_put_aside_is_left_and_the_error_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("history.redb");
    fs::create_dir(&file).unwrap();
    let error = open(directory.path()).unwrap_err().to_string();
    let expected = format!("{}: Is a directory", file.display());
    assert!(error.starts_with(&expected), "{error}");
}

#[test]
fn damage_while_it_runs_is_found_and_another_is_begun() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("history.redb");
    let (mut store, _) = open(directory.path()).unwrap();
    store.write(&batch(1), at(0)).unwrap();
    scribble(&file);
    // What is in memory of the file may still do for a batch or two.
    let mut number = 1;
    let error = loop {
        number += 1;
        match store.write(&batch(number), at(0)) {
            Ok(()) => scribble(&file),
            Err(error @ StoreError::BegunAnew { .. }) => break error.to_string(),
            Err(_) => {}
        }
        assert!(number < 50, "it is not found");
    };
    let expected = format!("{} was begun anew: ", file.display());
    assert!(error.starts_with(&expected), "{error}");
    assert!(is_corrupt(&kept(directory.path())));
    store.write(&batch(1), at(0)).unwrap();
    drop(store);
    assert_eq!(whole(&open(directory.path()).unwrap().1), Ok(1));
}

#[test]
fn a_damaged_file_is_closed_without_a_panic() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = open(directory.path()).unwrap();
    store.write(&batch(1), at(0)).unwrap();
    scribble(&directory.path().join("history.redb"));
    drop(store);
    let (_, history) = open(directory.path()).unwrap();
    assert_eq!(whole(&history), Ok(0));
    assert!(is_corrupt(&kept(directory.path())));
}

/// Overwrites all pages behind the header.
fn scribble(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    for byte in &mut bytes[4096..] {
        *byte = byte.wrapping_add(0x5a);
    }
    fs::write(file, bytes).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// As after a loss of power on a file system that had not written its end.
    #[test]
    fn a_truncated_file_holds_a_whole_batch_or_is_put_aside(share in 0.0..1.0_f64) {
        let whole_file = &*FILE;
        // Any length below its own.
        let length = (whole_file.len() as f64 * share) as usize;
        let (found, aside) = open_as(&whole_file[..length]);
        let found = found.map_err(TestCaseError::fail)?;
        prop_assert!(found == 0 || (3..=4).contains(&found), "batch {}", found);
        prop_assert_eq!(found == 0, is_corrupt(&aside), "{:?}", aside);
    }

    /// Checksums tell what the database itself does not look at.
    #[test]
    fn flipped_bytes_are_found_or_are_where_nothing_stands(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..40),
        in_header in any::<bool>(),
    ) {
        let mut bytes = FILE.clone();
        let end = if in_header { 512 } else { bytes.len() };
        for (place, flip) in &flips {
            bytes[place.index(end)] ^= flip;
        }
        let (found, aside) = open_as(&bytes);
        let found = found.map_err(TestCaseError::fail)?;
        prop_assert!(found == 0 || (3..=4).contains(&found), "batch {}", found);
        prop_assert_eq!(found == 0, is_corrupt(&aside), "{:?}", aside);
    }
}
