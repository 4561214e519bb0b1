//! The store on real files.

mod batch;
mod round_trip;

use std::path::Path;

use netpol_policy::history::History;

use super::{Options, Store, StoreError};
use batch::{NODE, at};

/// More than any test writes.
const LARGE: u64 = 1 << 30;

fn options(directory: &Path) -> Options {
    Options {
        directory: directory.to_owned(),
        node: NODE.into(),
        largest: LARGE,
    }
}

/// Opens what is there.
fn open(directory: &Path) -> Result<(Store, History), StoreError> {
    let mut store = Store::new(&options(directory));
    let history = store.load(at(0))?;
    Ok((store, history))
}
