//! `flows matrix`: who may talk to whom, from manifests and without a cluster.
//!
//! ```text
//! args ─► Scope ─┐
//!                ├─► netpol_policy::matrix ─► pairs that are shown ─► table | csv | json | dot | mermaid
//! manifests ─────┘                                   └─ labels, words
//! ```

mod args;
mod csv;
mod dot;
mod graph;
mod json;
mod labels;
mod list;
mod mermaid;
mod table;
mod words;

use std::io::{self, BufWriter, Write as _};

use clap::ArgMatches;
use netpol_policy::matrix::{Access, Cell, Matrix, Party, Progress};

pub(crate) use self::args::command;
use self::args::{Format, Show};
use crate::error::CliError;
use crate::manifests;
use crate::progress::Reporter;
use crate::screen;

/// Compares everybody that is asked about, and writes what is to be shown.
///
/// # Errors
/// Bad arguments, manifests that cannot be read, or an output that does not take more.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), CliError> {
    let arguments = args::read(matches)?;
    let loaded = manifests::load(matches)?;
    let mut reporter = Reporter::start();
    let matrix = Matrix::new(
        &loaded.inventory,
        &arguments.scope,
        |Progress { done, total }| {
            reporter.hear(|| format!("{done} of {total} pairs"));
        },
    );
    reporter.finish();
    let shown = Shown {
        matrix: &matrix,
        show: arguments.show,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    match arguments.format {
        Format::Table => out.write_all(table::text(&shown, screen::width()).as_bytes()),
        Format::Json => json::write(&mut out, &shown),
        Format::Csv => csv::write(&mut out, &shown),
        Format::Dot => out.write_all(dot::text(&shown).as_bytes()),
        Format::Mermaid => out.write_all(mermaid::text(&shown).as_bytes()),
    }
    .and_then(|()| out.flush())
    .or_else(CliError::of_answer)
}

/// A matrix, and which of its pairs are asked for.
struct Shown<'a> {
    matrix: &'a Matrix,
    show: Show,
}

impl Shown<'_> {
    fn has(&self, cell: &Cell) -> bool {
        match self.show {
            Show::Allowed => cell.access() != Access::None,
            Show::Denied => cell.denier().is_some(),
            Show::All => true,
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (&Party, &Party, &Cell)> {
        self.matrix.pairs().filter(|(_, _, cell)| self.has(cell))
    }

    /// Rows, then columns that are no rows: everybody once, in order.
    fn parties(&self) -> Vec<&Party> {
        let mut parties: Vec<&Party> = self.matrix.rows.iter().collect();
        let names: std::collections::HashSet<String> =
            parties.iter().map(|party| party.to_string()).collect();
        let columns = self.matrix.columns.iter();
        parties.extend(columns.filter(|party| !names.contains(&party.to_string())));
        parties
    }
}
