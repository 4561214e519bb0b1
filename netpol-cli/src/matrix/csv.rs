//! Comma-separated values as RFC 4180 has them: each pair's ports, by protocol and decision.

use std::io::{self, Write};

use netpol_policy::matrix::{Cell, Party, PortSet};

use super::args::Show;
use super::{Shown, words};
use crate::text::clean;

const HEADINGS: [&str; 8] = [
    "from_namespace",
    "from",
    "to_namespace",
    "to",
    "protocol",
    "ports",
    "decision",
    "denied_by",
];

/// Writes a heading, and all rows.
pub(super) fn write(out: &mut impl Write, shown: &Shown<'_>) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    let failed = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    };
    writer.write_record(HEADINGS).map_err(failed)?;
    for (from, to, cell) in shown.pairs() {
        for (decision, denied_by, set) in parts(cell, shown.show) {
            for (protocol, ports) in lines(&set) {
                let (from_name, to_name) = (name(from), name(to));
                let record = [
                    &*clean(from.namespace()),
                    &*clean(&from_name),
                    &*clean(to.namespace()),
                    &*clean(&to_name),
                    &protocol,
                    &ports,
                    decision,
                    denied_by,
                ];
                writer.write_record(record).map_err(failed)?;
            }
        }
    }
    writer.flush()
}

/// With the kind, without the namespace: `web[Deployment]`.
fn name(party: &Party) -> String {
    let full = party.to_string();
    match party {
        Party::Pods(pods) => full[pods.namespace.len() + 1..].to_owned(),
        Party::Outside(_) => full,
    }
}

/// The decisions that are asked for, with who denies and which ports.
fn parts(cell: &Cell, show: Show) -> Vec<(&'static str, &'static str, PortSet)> {
    let open = [
        ("allowed", "", cell.allowed.clone()),
        ("unknown", "", cell.undecided.clone()),
    ];
    let (egress, ingress) = (&cell.denied_by_egress, &cell.denied_by_ingress);
    let denied = [
        ("denied", "egress", egress.difference(ingress)),
        ("denied", "ingress", ingress.difference(egress)),
        ("denied", "both", egress.intersection(ingress)),
    ];
    let with_open = open.into_iter().filter(|_| show != Show::Denied);
    let with_denied = denied.into_iter().filter(|_| show != Show::Allowed);
    with_open
        .chain(with_denied)
        .filter(|(_, _, set)| !set.is_empty())
        .collect()
}

/// A protocol and its ports; `any` and `all` for every port of every protocol.
fn lines(set: &PortSet) -> Vec<(String, String)> {
    if set.is_all() {
        return vec![("any".to_owned(), "all".to_owned())];
    }
    set.iter()
        .map(|(protocol, _)| (protocol.to_string(), words::ports(set, protocol)))
        .collect()
}
