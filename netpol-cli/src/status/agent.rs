//! What one agent says of itself.

use jiff::Timestamp;
use netpol_api::{
    json::Time,
    v1::{GetStatusResponse, HistoryStatus},
};

use super::{
    inventory,
    page::{Page, age},
};

pub(super) fn table(page: &mut Page, status: &GetStatusResponse, now: Timestamp) {
    let up = status.started.as_ref().and_then(Time::of).map_or_else(
        || "unknown".to_owned(),
        |Time(started)| age(now.duration_since(started)),
    );
    page.fact("node", &status.node);
    page.fact("agent", &format!("{}, up {up}", status.version));
    page.fact("kernel", &status.kernel);
    page.fact(
        "flows",
        &format!(
            "{} seen, {} blocked, {:.1} a second; {} of {} kept; {} watching",
            status.flows_seen,
            status.flows_blocked,
            status.flows_per_second,
            status.flows_kept,
            status.flows_capacity,
            status.subscribers,
        ),
    );
    if let Some(history) = &status.history {
        page.fact("history", &remembered(history, now));
    }
    for warning in &status.warnings {
        page.notable(&format!("! {warning}"));
    }
    page.heading("Capabilities");
    page.columns(status.capabilities.iter().map(|c| {
        let (mark, says) = if c.available {
            ("✓", c.detail.clone())
        } else {
            (
                "✗",
                [c.detail.as_str(), c.cost.as_str()]
                    .join(": ")
                    .trim_matches([':', ' '])
                    .to_owned(),
            )
        };
        [mark.to_owned(), c.name.clone(), says]
    }));
    page.heading("Interfaces");
    page.columns(status.interfaces.iter().map(|i| {
        let attached = if i.error.is_empty() {
            i.hook.clone()
        } else {
            format!("✗ {}", i.error)
        };
        let pod = if i.pod.is_empty() {
            "pod not known".to_owned()
        } else {
            i.pod.clone()
        };
        [format!("{} ({})", i.name, i.kind), pod, attached]
    }));
    if let Some(inventory) = &status.inventory {
        inventory::section(page, inventory, now);
    }
    if !status.exports.is_empty() {
        exports_section(page, status, now);
    }
    page.heading("Losses");
    page.losses(&status.lost);
}

/// What the agent remembers of traffic over time.
fn remembered(history: &HistoryStatus, now: Timestamp) -> String {
    let ago = |time: &Option<prost_types::Timestamp>| {
        let Time(time) = time.as_ref().and_then(Time::of)?;
        Some(age(now.duration_since(time)))
    };
    let since = ago(&history.since).map_or_else(
        || "nothing watched yet".to_owned(),
        |since| format!("of the last {since}"),
    );
    let written = ago(&history.written).map_or_else(
        || "not written yet".to_owned(),
        |written| format!("written {written} ago"),
    );
    format!(
        "{since}: {} of at most {} kinds of connections, {} parts of policies used; {written}",
        history.edges, history.edges_capacity, history.rule_uses,
    )
}

/// Whom the agent tells by itself.
fn exports_section(page: &mut Page, status: &GetStatusResponse, now: Timestamp) {
    page.heading("Telling");
    page.columns(status.exports.iter().map(|export| {
        let since = export.failing_since.as_ref().and_then(Time::of);
        let state = match (export.error.as_str(), since) {
            ("", _) => format!("{} written", export.written),
            (error, Some(Time(since))) => {
                let span = age(now.duration_since(since));
                format!("✗ {error}, for {span}; {} written", export.written)
            }
            (error, None) => format!("✗ {error}; {} written", export.written),
        };
        [export.name.clone(), export.target.clone(), state]
    }));
}
