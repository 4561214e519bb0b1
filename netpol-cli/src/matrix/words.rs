//! Cells in words.

use netpol_policy::matrix::{Access, Cell, PortSet};

/// What is allowed: `all`, `TCP 80,443`, `-` for nothing; `?` before what cannot be decided, and `*` behind what has a caveat.
pub(super) fn allowed(cell: &Cell) -> String {
    let mut words = match cell.access() {
        Access::None => return "-".to_owned(),
        Access::Undecided => String::new(),
        Access::All | Access::Part => cell.allowed.to_string(),
    };
    if !cell.undecided.is_empty() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push('?');
        words.push_str(&cell.undecided.to_string());
    } else if !cell.caveats.is_empty() {
        words.push('*');
    }
    words
}

/// What is denied and by whom: `ingress`, `egress except TCP 80`; empty where nothing is.
pub(super) fn denied(cell: &Cell) -> String {
    let Some(denier) = cell.denier() else {
        return String::new();
    };
    let denier = denier.as_str();
    match cell.access() {
        Access::None => denier.to_owned(),
        Access::All | Access::Part | Access::Undecided => {
            format!("{denier} except {}", allowed(cell))
        }
    }
}

/// Ports of one protocol: `all`, or `80,8000-8999`.
pub(super) fn ports(set: &PortSet, protocol: netpol_policy::model::Protocol) -> String {
    if set.is_whole(protocol) {
        return "all".to_owned();
    }
    let ranges = set.ranges(protocol).iter().map(ToString::to_string);
    ranges.collect::<Vec<_>>().join(",")
}
