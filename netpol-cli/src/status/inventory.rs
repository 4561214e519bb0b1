//! What an agent knows of the cluster, and what it could not make use of.

use jiff::Timestamp;
use netpol_api::{
    json::Time,
    v1::{InventoryError, InventoryStatus, PolicyCount, watch::State},
    word::Word,
};

use super::page::{Page, age, counted};

pub(super) fn section(page: &mut Page, inventory: &InventoryStatus, now: Timestamp) {
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
pub(super) fn policies(inventory: &InventoryStatus) -> String {
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
