//! Loss of power: of what was written and not flushed, the disk has any part, torn at any sector.

use std::io;
use std::sync::{Arc, Mutex};

use netpol_policy::history::Party;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};
use redb::StorageBackend;

use super::batch::{Expected, at, batch, group, whole};
use super::{kept, open, options};
use crate::history::store::file::FileId;
use crate::history::store::{Open, Store};

const SECTOR: usize = 512;

/// A disk with a cache that is lost with the power.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    /// As programs see it.
    seen: Vec<u8>,
    /// As it was at the last flush.
    flushed: Vec<u8>,
    /// Since then, in order: the new length, or sectors from here on.
    pending: Vec<Pending>,
    /// The next flush reaches the disk, and says that it did not.
    lies: bool,
    /// Loses the power at each flush, in what is found then.
    losses: Option<Losses>,
}

#[derive(Debug)]
struct Losses {
    random: TestRng,
    /// Of four sectors that were not flushed, so many survive.
    share: u32,
    found: Vec<Vec<u8>>,
}

#[derive(Clone, Debug)]
enum Pending {
    Length(usize),
    Sector(usize, Vec<u8>),
}

impl Content {
    /// What is found when the power is back: any part of what was pending.
    fn after_loss(&self, random: &mut TestRng, share: u32) -> Vec<u8> {
        let mut found = self.flushed.clone();
        for pending in &self.pending {
            if random.next_u32() % 4 >= share {
                continue;
            }
            match pending {
                Pending::Length(length) => found.resize(*length, 0),
                Pending::Sector(offset, data) => {
                    let end = offset + data.len();
                    // Written, and the length it needs was not.
                    if end <= found.len() {
                        found[*offset..end].copy_from_slice(data);
                    }
                }
            }
        }
        found
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        let content = self.0.lock().unwrap();
        let read = content.seen.get(offset..offset + out.len());
        out.copy_from_slice(read.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).unwrap();
        let mut content = self.0.lock().unwrap();
        content.seen.resize(length, 0);
        content.pending.push(Pending::Length(length));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut content = self.0.lock().unwrap();
        if let Some(mut losses) = content.losses.take() {
            let found = content.after_loss(&mut losses.random, losses.share);
            losses.found.push(found);
            content.losses = Some(losses);
        }
        content.flushed = content.seen.clone();
        content.pending.clear();
        if std::mem::take(&mut content.lies) {
            return Err(io::Error::other("the disk said no"));
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        let mut content = self.0.lock().unwrap();
        content.seen[offset..offset + data.len()].copy_from_slice(data);
        let mut from = offset;
        for sector in data.chunks(SECTOR) {
            content.pending.push(Pending::Sector(from, sector.to_vec()));
            from += sector.len();
        }
        Ok(())
    }
}

/// A store on such a disk, with what is in the file of `directory`.
fn on(disk: &Disk, directory: &std::path::Path) -> Store {
    let file = directory.join("history.redb");
    let bytes = std::fs::read(&file).unwrap();
    *disk.0.lock().unwrap() = Content {
        seen: bytes.clone(),
        flushed: bytes,
        ..Content::default()
    };
    let mut store = Store::new(&options(directory));
    let (_, database, _, index) = store.place.read(disk.clone(), None).unwrap();
    store.open = Some(Open {
        database,
        file: FileId::at(&file).unwrap(),
        index,
    });
    store
}

#[test]
fn of_a_write_that_is_on_disk_though_it_was_said_to_have_failed_nothing_stays_that_is_not_told_again()
 {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()).unwrap());
    let disk = Disk::default();
    let mut store = on(&disk, directory.path());
    store.write(&batch(1), at(0)).unwrap();
    disk.0.lock().unwrap().lies = true;
    store.write(&batch(2), at(0)).unwrap_err();
    let found = disk.0.lock().unwrap().flushed.clone();
    let file = directory.path().join("history.redb");
    std::fs::write(&file, &found).unwrap();
    // It is there: whoever starts now finds it.
    let copy = tempfile::tempdir().unwrap();
    std::fs::write(copy.path().join("history.redb"), &found).unwrap();
    assert_eq!(whole(&open(copy.path()).unwrap().1), Ok(2));
    // The memory took it for not written. What was only in that batch has gone in the meantime, and nobody says so.
    let mut changes = batch(2);
    changes
        .edges
        .retain(|(key, _)| key.source == Party::Pods(group("web")));
    store.write(&changes, at(0)).unwrap();
    drop(store);
    let (_, history) = open(directory.path()).unwrap();
    let mut expected = Expected::default();
    expected.take(batch(1));
    expected.take(changes);
    assert_eq!(Expected::of(&history), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_batch_that_was_written_is_there_after_a_loss_of_power(
        seed in any::<[u8; 32]>(),
        batches in 1_u64..5,
        share in 0_u32..=4,
    ) {
        let directory = tempfile::tempdir().unwrap();
        drop(open(directory.path()).unwrap());
        let disk = Disk::default();
        let mut store = on(&disk, directory.path());
        for number in 1..=batches {
            store.write(&batch(number), at(0)).unwrap();
        }
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        disk.0.lock().unwrap().losses = Some(Losses { random, share, found: Vec::new() });
        store.write(&batch(batches + 1), at(0)).unwrap();
        let mut losses = disk.0.lock().unwrap().losses.take().unwrap();
        let idle = disk.0.lock().unwrap().after_loss(&mut losses.random, losses.share);
        drop(store);
        prop_assert!(!losses.found.is_empty(), "a batch is flushed");
        let writing = losses.found.into_iter().map(|found| (found, batches));
        for (bytes, least) in writing.chain([(idle, batches + 1)]) {
            let copy = tempfile::tempdir().unwrap();
            std::fs::write(copy.path().join("history.redb"), bytes).unwrap();
            let (_, history) = open(copy.path()).unwrap();
            let found = whole(&history).map_err(TestCaseError::fail)?;
            prop_assert!((least..=batches + 1).contains(&found), "{} of {}", found, least);
            prop_assert_eq!(kept(copy.path()), Vec::<String>::new());
        }
    }
}
