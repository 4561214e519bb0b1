//! Which tables there are, and how those of older versions become those of today.

use redb::{ReadableTable as _, Table, TableDefinition, TableHandle as _, WriteTransaction};
use serde_json::Value;

use super::fault::Fault;

/// What this code writes. A change of what stands in a table makes another version, and a step in [`migrate`].
pub(super) const VERSION: u32 = 2;

/// Rows by their number. The number says nothing, and is never used for anything else.
pub(super) type Rows = TableDefinition<'static, u64, &'static [u8]>;

/// What a store says of itself.
const META: TableDefinition<'static, &str, &str> = TableDefinition::new("meta");

pub(super) const GROUPS: Rows = TableDefinition::new("groups");
pub(super) const EDGES: Rows = TableDefinition::new("edges");
pub(super) const USES: Rows = TableDefinition::new("uses");
pub(super) const INTERVALS: Rows = TableDefinition::new("intervals");
pub(super) const POLICIES: Rows = TableDefinition::new("policies");
pub(super) const POPULATION: Rows = TableDefinition::new("population");
pub(super) const CLUSTER: Rows = TableDefinition::new("cluster");
pub(super) const SERVICES: Rows = TableDefinition::new("services");

/// Whose store it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Made up at random when the store was begun.
    pub(super) store: String,
    /// The node that wrote it.
    pub(super) node: String,
}

/// Writes what a new store begins with.
pub(super) fn begin(transaction: &WriteTransaction, identity: &Identity) -> Result<(), Fault> {
    let mut meta = transaction.open_table(META)?;
    meta.insert("version", &*VERSION.to_string())?;
    meta.insert("store", &*identity.store)?;
    meta.insert("node", &*identity.node)?;
    Ok(())
}

/// Brings a store to the version of today, and says whose it is.
///
/// # Errors
/// [`Fault::Unusable`] for one of a later version: what it holds would be lost, or worse, misread.
pub(super) fn migrate(transaction: &WriteTransaction) -> Result<Identity, Fault> {
    if !transaction
        .list_tables()?
        .any(|table| table.name() == META.name())
    {
        return Err(Fault::corrupt("it does not say what it is"));
    }
    let mut meta = transaction.open_table(META)?;
    let version = text(&meta, "version")?;
    let version: u32 = version
        .parse()
        .map_err(|_| Fault::corrupt(format!("its version is \"{version}\"")))?;
    if version > VERSION {
        return Err(Fault::Unusable {
            word: "newer",
            reason: format!(
                "a later version of the agent wrote it (schema {version}, known up to {VERSION})"
            ),
        });
    }
    for version in version..VERSION {
        match version {
            1 => objects_apart(transaction)?,
            other => return Err(Fault::corrupt(format!("there is no version {other}"))),
        }
    }
    meta.insert("version", &*VERSION.to_string())?;
    Ok(Identity {
        store: text(&meta, "store")?,
        node: text(&meta, "node")?,
    })
}

fn text(meta: &Table<'_, &str, &str>, key: &str) -> Result<String, Fault> {
    let value = meta.get(key)?;
    let value = value.ok_or_else(|| Fault::corrupt(format!("it does not say its {key}")))?;
    Ok(value.value().to_owned())
}

/// From version 1 to 2. All nodes were one row, as an array, and so were all Services: each was written again when one of them
/// changed.
fn objects_apart(transaction: &WriteTransaction) -> Result<(), Fault> {
    for rows in [CLUSTER, SERVICES] {
        let mut table = transaction.open_table(rows)?;
        let Some(array) = table.remove(0)?.map(|row| row.value().to_vec()) else {
            continue;
        };
        let wrong =
            |error: serde_json::Error| Fault::corrupt(format!("row 0 of {}: {error}", rows.name()));
        let objects: Vec<Value> = serde_json::from_slice(&array).map_err(wrong)?;
        for (number, object) in (1..).zip(objects) {
            table.insert(number, object.to_string().as_bytes())?;
        }
    }
    Ok(())
}
