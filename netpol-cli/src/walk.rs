//! The way of a connection through tiers and policies, as text for a person.
//!
//! ```text
//! netpol_policy::explain::Walk ─► text ─► header, a section a direction, remedies, caveats
//!                        Quotes ───┘ rules    each peer and port, with the policy's own text
//! ```
//!
//! `flows eval` shows what decided; `flows explain` shows everything.

pub(crate) mod json;
mod page;
mod quote;
mod rules;
mod sides;
mod words;

use netpol_policy::connection::Connection;
use netpol_policy::explain::{EndFacts, EndKind, Remedy, Walk, caveat, explain};
use netpol_policy::inventory::Inventory;
use netpol_policy::verdict::{Caveat, Decision, Direction, Verdict};

use crate::question::Answer;

use self::page::{BOLD, DIM, PLAIN, Page};
pub(crate) use self::quote::{Quote, Quotes};

/// How much to tell.
#[derive(Clone, Copy)]
pub(crate) enum Detail<'a> {
    /// What decided.
    Short,
    /// Everything that was asked, with the policies' own text.
    Full(&'a dyn Quotes),
}

/// Connections that went the same way.
pub(crate) struct Path {
    pub(crate) verdict: Verdict,
    /// The walk of the first.
    pub(crate) walk: Walk,
    /// The others.
    pub(crate) same: Vec<Connection>,
}

/// A question, the answer, and the ways that its connections went.
pub(crate) struct Told {
    /// Such as `ci/build → prod/db  TCP port 5432`.
    pub(crate) question: String,
    pub(crate) decision: Decision,
    pub(crate) caveats: Vec<Caveat>,
    /// At least one.
    pub(crate) paths: Vec<Path>,
}

impl Told {
    /// Walks the connections of a question.
    pub(crate) fn new(inventory: &Inventory, answer: &Answer) -> Self {
        let request = &answer.request;
        let mut question = format!("{} → {}  {}", request.from, request.to, request.protocol);
        if let Some(port) = &request.port {
            question.push_str(&format!(" port {port}"));
        }
        let mut paths: Vec<Path> = Vec::new();
        for (connection, own) in &answer.connections {
            match paths.iter_mut().find(|path| path.verdict == *own) {
                Some(path) => path.same.push(connection.clone()),
                None => paths.push(Path {
                    verdict: own.clone(),
                    walk: explain(inventory, connection, own),
                    same: Vec::new(),
                }),
            }
        }
        Self {
            question,
            decision: answer.verdict.decision(),
            caveats: answer.verdict.caveats.clone(),
            paths,
        }
    }
}

/// Columns of the terminal; what a page has where there is none.
pub(crate) fn width() -> usize {
    const PAGE: usize = 100;
    let size = terminal_size::terminal_size_of(std::io::stdout());
    size.map_or(PAGE, |(terminal_size::Width(width), _)| width.into())
}

/// The whole text; `width` in columns is where sentences are broken.
pub(crate) fn text(told: &Told, detail: Detail<'_>, width: usize) -> String {
    let mut page = Page::new(width);
    let (mark, word, style) = words::decision(told.decision);
    page.line(
        0,
        &[
            (style, &format!("{mark} {word}")),
            (BOLD, &format!("  {}", told.question)),
        ],
    );
    for path in &told.paths {
        page.blank();
        if told.paths.len() > 1 {
            let (mark, word, style) = words::decision(path.walk.decision);
            let ends = words::connection(&path.walk.connection);
            page.line(
                0,
                &[
                    (style, &format!("{mark} {word}")),
                    (BOLD, &format!("  {ends}")),
                ],
            );
        }
        self::path(&mut page, path, detail);
    }
    caveats(&mut page, told, detail);
    page.text
}

fn path(page: &mut Page, path: &Path, detail: Detail<'_>) {
    let walk = &path.walk;
    if !path.same.is_empty() {
        let others: Vec<String> = path.same.iter().map(words::connection).collect();
        page.sentence(
            0,
            &format!("The same holds for {}.", words::some(&others, 4)),
        );
    }
    if let Detail::Full(_) = detail {
        end(page, "from", &walk.source);
        end(page, "to", &walk.destination);
        page.blank();
    }
    sides::side(page, walk, &walk.egress, detail);
    sides::side(page, walk, &walk.ingress, detail);
    if let Detail::Full(_) = detail {
        remedies(page, walk);
    }
}

/// Who an end is, as far as policies can tell.
fn end(page: &mut Page, role: &str, end: &EndFacts) {
    let mut facts = vec![match end.kind {
        EndKind::Pod => "pod".to_owned(),
        EndKind::Template => "any pod of its template".to_owned(),
        EndKind::HostNetworkPod => "pod with hostNetwork".to_owned(),
        EndKind::Node => "node".to_owned(),
        EndKind::Service => "Service".to_owned(),
        EndKind::Outside => "outside of the cluster".to_owned(),
        EndKind::Unknown => "not known".to_owned(),
    }];
    let is_pod = matches!(
        end.kind,
        EndKind::Pod | EndKind::Template | EndKind::HostNetworkPod
    );
    if is_pod || end.kind == EndKind::Node {
        facts.push(words::labels("labels", &end.labels));
    }
    if let (true, Some(namespace)) = (is_pod, &end.namespace) {
        facts.push(words::labels(
            &format!("namespace {namespace}"),
            &end.namespace_labels,
        ));
    }
    if let Some(workload) = &end.workload {
        facts.push(format!("{} {}", workload.kind, workload.name));
    }
    if let Some(node) = &end.node {
        facts.push(format!("node {node}"));
    }
    match end.address {
        Some(address) if address.to_string() != end.name => facts.push(address.to_string()),
        None if is_pod => facts.push("no address".to_owned()),
        _ => {}
    }
    page.columns(
        2,
        &format!("{role:<5}"),
        PLAIN,
        &format!("{}: {}", end.name, facts.join("; ")),
    );
}

fn remedies(page: &mut Page, walk: &Walk) {
    if walk.remedies.is_empty() {
        return;
    }
    page.blank();
    page.line(0, &[(BOLD, "What would allow it")]);
    let of = |direction: Direction| {
        let remedies = walk.remedies.iter();
        remedies.filter(move |remedy| remedy.direction == direction)
    };
    let is_both = [Direction::Egress, Direction::Ingress]
        .into_iter()
        .all(|direction| of(direction).next().is_some());
    if is_both {
        page.line(2, &[(PLAIN, "It takes one of each.")]);
    }
    let list = |page: &mut Page, remedies: &mut dyn Iterator<Item = &Remedy>| {
        for remedy in remedies {
            page.columns(2, "•", PLAIN, &remedy.words);
        }
    };
    for (direction, end) in [
        (Direction::Egress, &walk.source),
        (Direction::Ingress, &walk.destination),
    ] {
        if is_both {
            let name = words::direction(direction);
            page.line(2, &[(PLAIN, &format!("{name} of {}", end.name))]);
        }
        list(page, &mut of(direction));
    }
}

fn caveats(page: &mut Page, told: &Told, detail: Detail<'_>) {
    if told.caveats.is_empty() {
        return;
    }
    page.blank();
    let is_open = told.decision == Decision::Unknown;
    let heading = if is_open {
        "What is not known"
    } else {
        "Caveats"
    };
    page.line(0, &[(BOLD, heading)]);
    for one in &told.caveats {
        page.columns(2, "•", PLAIN, caveat(*one));
        if let Detail::Full(_) = detail {
            page.line(4, &[(DIM, one.as_str())]);
        }
    }
}
