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
use netpol_policy::inventory::{Inventory, NAMESPACE_NAME_LABEL};
use netpol_policy::model::Labels;
use netpol_policy::verdict::{Caveat, Decision, Direction, Verdict};

use crate::question::Answer;

use self::page::{BOLD, DIM, PLAIN, Page};
pub(crate) use self::quote::{Quote, Quotes};

const BULLET: &str = "• ";

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

    /// Whether the connections of the question get different answers.
    fn differs(&self) -> bool {
        self.caveats.contains(&Caveat::PodsDiffer)
    }
}

/// The whole text; `width` in columns is where sentences are broken.
pub(crate) fn text(told: &Told, detail: Detail<'_>, width: usize) -> String {
    let mut page = Page::new(width);
    let (mark, mut word, style) = words::decision(told.decision);
    if told.differs() {
        word = "DIFFERS";
    }
    page.line(
        0,
        &[
            (style, &format!("{mark} {word}")),
            (BOLD, &format!("  {}", told.question)),
        ],
    );
    for path in &told.paths {
        if told.paths.len() > 1 {
            page.blank();
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
        page.blank();
        end(page, "from", &walk.source);
        end(page, "to", &walk.destination);
        if let Some(dialled) = walk.connection.dialled {
            page.line(8, &[(PLAIN, &format!("dialled as {dialled}"))]);
        }
    }
    page.blank();
    sides::side(page, walk, &walk.egress, detail);
    if let Detail::Full(_) = detail {
        page.blank();
    }
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
        EndKind::Unknown => "of the cluster, not known who".to_owned(),
    }];
    let is_pod = matches!(
        end.kind,
        EndKind::Pod | EndKind::Template | EndKind::HostNetworkPod
    );
    if is_pod || end.kind == EndKind::Node {
        facts.push(words::labels("labels", &end.labels));
    }
    if let (true, Some(namespace)) = (is_pod, &end.namespace) {
        // Everybody knows that a namespace is labelled with its name.
        let is_told = |(key, _): &(&str, &str)| *key != NAMESPACE_NAME_LABEL;
        let told: Labels = end.namespace_labels.iter().filter(is_told).collect();
        facts.push(words::labels(
            &format!("labels of namespace {namespace}"),
            &told,
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
    let sentence = format!("{}: {}", end.name, facts.join("; "));
    page.columns(2, &[(PLAIN, &format!("{role:<6}"))], &sentence);
}

fn remedies(page: &mut Page, walk: &Walk) {
    let (enough, partial): (Vec<&Remedy>, Vec<&Remedy>) =
        walk.remedies.iter().partition(|remedy| remedy.is_enough);
    let list = |page: &mut Page, indent, remedies: &[&Remedy]| {
        for remedy in remedies {
            page.columns(indent, &[(PLAIN, BULLET)], &remedy.words);
        }
    };
    if !enough.is_empty() {
        page.blank();
        page.line(0, &[(BOLD, "What would allow it")]);
        list(page, 2, &enough);
    }
    let sides = [
        (Direction::Egress, &walk.source),
        (Direction::Ingress, &walk.destination),
    ]
    .map(|(direction, end)| {
        let own = partial.iter().filter(|one| one.direction == direction);
        (direction, end, own.copied().collect::<Vec<_>>())
    });
    let are_both = sides.iter().all(|(.., remedies)| !remedies.is_empty());
    if are_both {
        page.blank();
        let heading = if enough.is_empty() {
            "What would allow it, one of each"
        } else {
            "Or one of each"
        };
        page.line(0, &[(BOLD, heading)]);
    }
    for (direction, end, remedies) in sides.iter().filter(|(.., own)| !own.is_empty()) {
        let side = format!("{} of {}", words::direction(*direction), end.name);
        if are_both {
            page.line(2, &[(PLAIN, &side)]);
            list(page, 4, remedies);
        } else {
            // The other direction is another matter.
            page.blank();
            page.line(0, &[(BOLD, "What would allow "), (BOLD, &side)]);
            list(page, 2, remedies);
        }
    }
}

fn caveats(page: &mut Page, told: &Told, detail: Detail<'_>) {
    if told.caveats.is_empty() {
        return;
    }
    page.blank();
    let is_open = told.decision == Decision::Unknown && !told.differs();
    let heading = if is_open {
        "What is not known"
    } else {
        "Caveats"
    };
    page.line(0, &[(BOLD, heading)]);
    for one in &told.caveats {
        page.columns(2, &[(PLAIN, BULLET)], caveat(*one));
        if let Detail::Full(_) = detail {
            page.line(4, &[(DIM, one.as_str())]);
        }
    }
}
