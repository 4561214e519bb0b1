//! `flows status`: what the agent watches, what is degraded and why, and what was lost.

mod json;

use std::io::{self, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use jiff::{SignedDuration, Timestamp};
use netpol_api::{
    json::Time,
    v1::{
        GetStatusRequest, GetStatusResponse, InventoryError, InventoryStatus, PolicyCount,
        watch::State,
    },
    word::Word,
};

use crate::{
    args::{Output, Status},
    error::CliError,
    text::clean,
};

const HEADING: Style = Style::new().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const NOTABLE: Style = AnsiColor::Yellow.on_default();

/// Asks once and writes the answer.
pub(crate) async fn run(status: Status) -> Result<(), CliError> {
    let mut session = status
        .connection
        .open(Some(&[]), status.node.as_deref())
        .await?;
    session.announce(None);
    let answer = session.client.get_status(GetStatusRequest {}).await;
    let answer = answer
        .map_err(|error| session.call_failed(&error))?
        .into_inner();
    let mut out = AutoStream::new(io::stdout(), status.color);
    let text = match status.output {
        Output::Json => {
            let json = serde_json::to_string_pretty(&json::Status::from(&answer));
            json.map_err(|error| CliError::Output(error.into()))? + "\n"
        }
        Output::Text | Output::Wide => table(&answer, Timestamp::now()),
    };
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(CliError::Output)
}

fn table(status: &GetStatusResponse, now: Timestamp) -> String {
    let up = status.started.as_ref().and_then(Time::of).map_or_else(
        || "unknown".to_owned(),
        |Time(started)| age(now.duration_since(started)),
    );
    let mut page = Page::default();
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
        inventory_section(&mut page, inventory, now);
    }
    if !status.exports.is_empty() {
        exports_section(&mut page, status, now);
    }
    page.heading("Losses");
    page.columns(status.lost.iter().map(|l| {
        [
            l.count.to_string(),
            l.stage().word().to_owned(),
            l.reason.replace('_', " "),
        ]
    }));
    page.text
}

/// Whom the agent tells by itself.
fn exports_section(page: &mut Page, status: &GetStatusResponse, now: Timestamp) {
    page.heading("Telling");
    page.columns(status.exports.iter().map(|export| {
        let since = export.failing_since.as_ref().and_then(Time::of);
        let state = match (export.error.as_str(), since) {
            ("", _) => format!("{} written", export.written),
            (error, Some(Time(since))) => {
                format!("✗ {error}, for {}", age(now.duration_since(since)))
            }
            (error, None) => format!("✗ {error}"),
        };
        [export.name.clone(), export.target.clone(), state]
    }));
}

fn inventory_section(page: &mut Page, inventory: &InventoryStatus, now: Timestamp) {
    page.heading("Inventory");
    page.fact(
        "  source",
        &format!("{} (generation {})", inventory.source, inventory.generation),
    );
    page.fact(
        "  objects",
        &[
            counted(inventory.pods, "pod"),
            counted(inventory.namespaces, "namespace"),
            counted(inventory.services, "service"),
            counted(inventory.nodes, "node"),
        ]
        .join(", "),
    );
    page.fact("  policies", &policies(inventory));
    if !inventory.dialect.is_empty() {
        page.fact("  dialect", &inventory.dialect);
    }
    for policy in &inventory.not_evaluated {
        page.notable(&format!("  ! {}", not_evaluated(policy)));
    }
    for error in &inventory.errors {
        page.bad(&format!("  ✗ {}", problem(error)));
    }
    for warning in &inventory.warnings {
        page.notable(&format!("  ! {}", problem(warning)));
    }
    if !inventory.watches.is_empty() {
        watches_section(page, inventory, now);
    }
}

/// What is heard of each resource of the API server.
fn watches_section(page: &mut Page, inventory: &InventoryStatus, now: Timestamp) {
    page.heading("API server");
    if inventory.generation == 0 {
        page.bad("  ✗ the inventory is not there yet: flows have no names and no verdicts");
    }
    page.columns(inventory.watches.iter().map(|watch| {
        let heard = watch.heard.as_ref().and_then(Time::of).map_or_else(
            || "never heard of".to_owned(),
            |Time(heard)| format!("heard of {} ago", age(now.duration_since(heard))),
        );
        let state = match watch.state() {
            State::Failing => format!("✗ {}", watch.error),
            State::Absent => "not installed".to_owned(),
            state => state.word().to_owned(),
        };
        [watch.resource.clone(), heard, state]
    }));
}

/// Policies in force, by kind. An agent of an earlier version counts NetworkPolicies alone.
fn policies(inventory: &InventoryStatus) -> String {
    let by_kind = inventory.policies.iter();
    let by_kind: Vec<String> = by_kind
        .map(|policies| counted(policies.count, &policies.kind))
        .collect();
    if by_kind.is_empty() {
        counted(inventory.network_policies, "NetworkPolicy")
    } else {
        by_kind.join(", ")
    }
}

fn not_evaluated(policies: &PolicyCount) -> String {
    let (are, they) = match policies.count {
        1 => ("is", "it"),
        _ => ("are", "they"),
    };
    let of = match policies.api_version.as_str() {
        "" => String::new(),
        version => format!(" of {version}"),
    };
    let policies = counted(policies.count, &policies.kind);
    format!("{policies}{of} {are} not evaluated: {they} may change what is allowed")
}

/// Where, in which object, and what.
fn problem(problem: &InventoryError) -> String {
    let document = match problem.document {
        0 => String::new(),
        number => format!(" document {number}"),
    };
    let parts = [problem.object.as_str(), &problem.field, &problem.message];
    let said: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let said = said.join(": ");
    match problem.file.as_str() {
        // From an API server.
        "" => said,
        file => format!("{file}{document}: {said}"),
    }
}

/// `1 pod`, `3 CiliumNetworkPolicies`.
fn counted(count: u32, one: &str) -> String {
    match (count, one.strip_suffix('y')) {
        (1, _) => format!("1 {one}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {one}s"),
    }
}

/// Text of the answer, cleaned as it is added.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn row(&mut self, row: &str) {
        self.text.push_str(row.trim_end());
        self.text.push('\n');
    }

    fn fact(&mut self, name: &str, value: &str) {
        self.row(&format!("{name:<10} {}", clean(value)));
    }

    fn heading(&mut self, name: &str) {
        self.row(&format!("\n{HEADING}{name}{HEADING:#}"));
    }

    fn bad(&mut self, sentence: &str) {
        self.row(&format!("{BAD}{}{BAD:#}", clean(sentence)));
    }

    fn notable(&mut self, sentence: &str) {
        self.row(&format!("{NOTABLE}{}{NOTABLE:#}", clean(sentence)));
    }

    /// Aligned rows; what starts with ✗ anywhere catches the eye.
    fn columns(&mut self, rows: impl Iterator<Item = [String; 3]>) {
        let rows: Vec<[String; 3]> = rows
            .map(|row| row.map(|cell| clean(&cell).into_owned()))
            .collect();
        if rows.is_empty() {
            self.row("  none");
        }
        let widest = |column: usize| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or_default()
        };
        let (first, second) = (widest(0), widest(1));
        for [a, b, c] in &rows {
            let row = format!("  {a:<first$}  {b:<second$}  {c}");
            if [a, c].iter().any(|cell| cell.starts_with('✗')) {
                self.row(&format!("{BAD}{}{BAD:#}", row.trim_end()));
            } else {
                self.row(&row);
            }
        }
    }
}

/// The two largest units: `3d 4h`, `12m 5s`.
fn age(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m {}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests;
