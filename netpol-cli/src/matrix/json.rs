//! A matrix as one JSON object; docs/matrix.md shows it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use netpol_policy::matrix::{Access, Cell, Omitted, Party, PortSet};
use serde::Serialize;

use super::Shown;

#[derive(Serialize)]
struct PartyJson<'a> {
    /// What `from` and `to` of the cells name.
    id: String,
    #[serde(flatten)]
    is: Kind<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Kind<'a> {
    Workload {
        namespace: &'a str,
        kind: &'a str,
        name: &'a str,
        /// What tells these pods from others of the workload; empty where no policy does.
        variant: &'a str,
        /// Live pods; none where only the template is known.
        pods: Vec<&'a str>,
    },
    Pod {
        namespace: &'a str,
        name: &'a str,
    },
    Outside {
        blocks: Vec<BlockJson>,
    },
}

#[derive(Serialize)]
struct BlockJson {
    cidr: String,
    except: Vec<String>,
}

#[derive(Serialize)]
struct CellJson {
    from: String,
    to: String,
    access: &'static str,
    allowed: Ports,
    undecided: Ports,
    denied: Denied,
    caveats: Vec<&'static str>,
}

#[derive(Serialize)]
struct Denied {
    /// `egress`, `ingress` or `both`; `null` where nothing is denied.
    by: Option<&'static str>,
    egress: Ports,
    ingress: Ports,
}

/// Ranges by protocol, first and last port each.
type Ports = BTreeMap<String, Vec<[u16; 2]>>;

#[derive(Serialize)]
struct OmittedJson {
    host_network_pods: usize,
    finished_pods: usize,
    not_asked: usize,
    cluster_blocks: Vec<String>,
}

/// Writes the object, with a party or a cell on each line.
pub(super) fn write(out: &mut impl Write, shown: &Shown<'_>) -> io::Result<()> {
    out.write_all(b"{\"parties\":[")?;
    list(out, shown.parties().into_iter().map(party))?;
    out.write_all(b"],\n\"cells\":[")?;
    list(
        out,
        shown.pairs().map(|(from, to, one)| cell(from, to, one)),
    )?;
    out.write_all(b"],\n\"omitted\":")?;
    serde_json::to_writer(&mut *out, &omitted(&shown.matrix.omitted))?;
    out.write_all(b"}\n")
}

fn list(out: &mut impl Write, items: impl Iterator<Item = impl Serialize>) -> io::Result<()> {
    for (index, item) in items.enumerate() {
        let separator: &[u8] = if index == 0 { b"\n" } else { b",\n" };
        out.write_all(separator)?;
        serde_json::to_writer(&mut *out, &item)?;
    }
    Ok(())
}

fn party(party: &Party) -> PartyJson<'_> {
    let is = match party {
        Party::Pods(pods) => match &pods.kind {
            Some(kind) => Kind::Workload {
                namespace: &pods.namespace,
                kind,
                name: &pods.name,
                variant: &pods.variant,
                pods: pods.live.iter().map(AsRef::as_ref).collect(),
            },
            None => Kind::Pod {
                namespace: &pods.namespace,
                name: &pods.name,
            },
        },
        Party::Outside(outside) => Kind::Outside {
            blocks: outside
                .blocks
                .iter()
                .map(|block| BlockJson {
                    cidr: block.cidr.to_string(),
                    except: block.except.iter().map(ToString::to_string).collect(),
                })
                .collect(),
        },
    };
    PartyJson {
        id: party.to_string(),
        is,
    }
}

fn cell(from: &Party, to: &Party, cell: &Cell) -> CellJson {
    CellJson {
        from: from.to_string(),
        to: to.to_string(),
        access: match cell.access() {
            Access::All => "all",
            Access::Part => "part",
            Access::Undecided => "undecided",
            Access::None => "none",
        },
        allowed: ports(&cell.allowed),
        undecided: ports(&cell.undecided),
        denied: Denied {
            by: cell.denier().map(|denier| denier.as_str()),
            egress: ports(&cell.denied_by_egress),
            ingress: ports(&cell.denied_by_ingress),
        },
        caveats: cell.caveats.iter().map(|caveat| caveat.as_str()).collect(),
    }
}

fn ports(set: &PortSet) -> Ports {
    set.iter()
        .map(|(protocol, ranges)| {
            let ranges = ranges.iter().map(|range| [range.first, range.last]);
            (protocol.to_string(), ranges.collect())
        })
        .collect()
}

fn omitted(omitted: &Omitted) -> OmittedJson {
    OmittedJson {
        host_network_pods: omitted.host_network_pods,
        finished_pods: omitted.finished_pods,
        not_asked: omitted.not_asked,
        cluster_blocks: omitted
            .inner_blocks
            .iter()
            .map(ToString::to_string)
            .collect(),
    }
}
