//! Pairs below each other, for more parties than a grid can show.

use super::args::Show;
use super::labels::Labels;
use super::table::aligned;
use super::{Shown, words};

/// A heading, and a line a pair.
pub(super) fn text(shown: &Shown<'_>, labels: &Labels) -> String {
    let headings: &[&str] = match shown.show {
        Show::Allowed => &["FROM", "TO", "PORTS"],
        Show::Denied => &["FROM", "TO", "DENIED BY"],
        Show::All => &["FROM", "TO", "PORTS", "DENIED BY"],
    };
    let mut rows = vec![headings.iter().map(ToString::to_string).collect()];
    rows.extend(shown.pairs().map(|(from, to, cell)| {
        let mut row = vec![labels.get(from), labels.get(to)];
        match shown.show {
            Show::Allowed => row.push(words::allowed(cell)),
            Show::Denied => row.push(words::denied(cell)),
            Show::All => {
                let denier = cell.denier().map_or("", |denier| denier.as_str());
                row.extend([words::allowed(cell), denier.to_owned()]);
            }
        }
        row
    }));
    aligned(&rows).0
}
