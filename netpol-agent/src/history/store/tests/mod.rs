//! The store on real files.

mod batch;
mod damage;
mod disk;
mod killed;
mod power;
mod round_trip;
mod versions;

use std::path::Path;

use netpol_policy::history::History;

use super::{Notices, Options, Store, StoreError};
use batch::{NODE, at};

/// More than any test writes.
const LARGE: u64 = 1 << 30;

fn options(directory: &Path) -> Options {
    Options {
        directory: directory.to_owned(),
        node: NODE.into(),
        largest: LARGE,
        notices: Notices::default(),
    }
}

/// Opens what is there.
fn open(directory: &Path) -> Result<(Store, History), StoreError> {
    let mut store = Store::new(&options(directory));
    let history = store.load(at(0))?;
    Ok((store, history))
}

/// The files beside the store, by what follows its name.
fn kept(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| Some(name.strip_prefix("history.redb.")?.to_owned()))
        .collect();
    names.sort();
    names
}
