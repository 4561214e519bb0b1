//! Two views put together as one flow.

use netpol_api::agreement::agreement;
use netpol_api::v1::{self, Agreement, computed, endpoint::Kind};

use super::computed::computed;
use super::observed::{Side, observed};
use super::view::View;
use crate::merge::instant::{Nanos, of_stamp};

/// The flow that both views are of. Id and revision are left to the caller.
///
/// Counters are those of the source's interface, else of the destination's, as an agent has them that sees both; never
/// the sum. Times are the nodes' own: the earliest and the latest, unless the clocks are known to differ by more than
/// `slack`; then both are those of the node whose clock is nearer to the relay's.
pub(super) fn joined(source: &View, destination: &View, slack: Nanos) -> v1::Flow {
    let (from, to) = (&source.flow, &destination.flow);
    let (observed, side) = observed(source, destination);
    let computed = computed(from, to);
    let says = computed
        .as_ref()
        .map_or(computed::Verdict::Unknown, v1::Computed::verdict);
    let agreement = agreement(&observed, says);
    let decisive = match side {
        Side::Source => [from, to],
        Side::Destination => [to, from],
    };
    let counted = if from.vantages.is_empty() && !to.vantages.is_empty() {
        to
    } else {
        from
    };
    let (first_seen, last_seen) = times(source, destination, slack);
    let mut flow = v1::Flow {
        id: String::new(),
        revision: 0,
        first_seen,
        last_seen,
        node: to.node.clone(),
        protocol: from.protocol,
        ip_protocol: from.ip_protocol,
        source: better_known(&from.source, &to.source),
        destination: better_known(&to.destination, &from.destination),
        service: from.service.clone().or_else(|| to.service.clone()),
        direction_inferred: from.direction_inferred && to.direction_inferred,
        mid_stream: from.mid_stream && to.mid_stream,
        icmp: from.icmp.or(to.icmp),
        vantages: vantages(from).chain(vantages(to)).collect(),
        forward: counted.forward,
        reply: counted.reply,
        state: from.state.max(to.state),
        observed: Some(observed),
        computed,
        agreement: agreement.into(),
        summary: String::new(),
    };
    flow.summary = summary(&flow, decisive);
    flow
}

fn vantages(flow: &v1::Flow) -> impl Iterator<Item = v1::Vantage> {
    flow.vantages.iter().map(|vantage| v1::Vantage {
        node: flow.node.clone(),
        ..vantage.clone()
    })
}

/// What the end's own node says of it, unless the other knows more.
fn better_known(home: &Option<v1::Endpoint>, away: &Option<v1::Endpoint>) -> Option<v1::Endpoint> {
    let knows = |end: &Option<v1::Endpoint>| {
        end.as_ref().map_or(0, |end| match end.kind() {
            Kind::Pod | Kind::Node => 3,
            Kind::Service => 2,
            Kind::World | Kind::Unknown => 1,
            Kind::Unspecified => 0,
        })
    };
    let better = if knows(away) > knows(home) {
        away
    } else {
        home
    };
    better.clone().or_else(|| home.clone())
}

type Stamp = Option<prost_types::Timestamp>;

fn times(source: &View, destination: &View, slack: Nanos) -> (Stamp, Stamp) {
    let apart = source.ahead.abs_diff(destination.ahead);
    if apart > slack.unsigned_abs() {
        let nearer = if source.ahead.abs_diff(0) < destination.ahead.abs_diff(0) {
            &source.flow
        } else {
            &destination.flow
        };
        return (nearer.first_seen, nearer.last_seen);
    }
    let flows = || [&source.flow, &destination.flow].into_iter();
    let moment = |stamp: &prost_types::Timestamp| of_stamp(Some(stamp));
    let first = flows()
        .filter_map(|flow| flow.first_seen)
        .min_by_key(moment);
    let last = flows().filter_map(|flow| flow.last_seen).max_by_key(moment);
    (first, last)
}

/// The sentence of the view that came to the same end, the decisive one's first; where neither did, one of our own.
fn summary(flow: &v1::Flow, decisive: [&v1::Flow; 2]) -> String {
    let end = |flow: &v1::Flow| (flow.is_blocked(), flow.agreement());
    if let Some(same) = decisive.iter().find(|view| end(view) == end(flow)) {
        return same.summary.clone();
    }
    match flow.agreement() {
        Agreement::Agree if flow.is_blocked() => format!("denied by {}", deniers(flow)),
        Agreement::DeniedButForwarded => format!("denied by {}, yet forwarded", deniers(flow)),
        Agreement::AllowedButDropped => {
            format!(
                "allowed by policy, dropped by something else{}",
                place(flow)
            )
        }
        Agreement::Agree => String::new(),
        Agreement::Undetermined | Agreement::Unspecified => decisive[0].summary.clone(),
    }
}

/// The policies of the directions that are denied.
fn deniers(flow: &v1::Flow) -> String {
    let sides = flow
        .computed
        .iter()
        .flat_map(|says| says.egress.iter().chain(&says.ingress))
        .filter(|side| side.verdict() == computed::Verdict::Denied);
    let mut names: Vec<String> = sides
        .flat_map(|side| &side.denied_by)
        .filter_map(|denial| denial.policy.as_ref())
        .map(|policy| match policy.namespace.as_str() {
            "" => policy.name.clone(),
            namespace => format!("{namespace}/{}", policy.name),
        })
        .collect();
    names.dedup();
    if names.is_empty() {
        "policy".to_owned()
    } else {
        names.join(", ")
    }
}

/// What dropped it and on which node, to be read after other words.
fn place(flow: &v1::Flow) -> String {
    let evidence = flow.observed.as_ref().and_then(|o| o.evidence.as_ref());
    let Some(drop) = evidence.and_then(|evidence| evidence.drop.as_ref()) else {
        return String::new();
    };
    let at = match drop.location.as_str() {
        "" => String::new(),
        location => format!(" at {location}"),
    };
    format!(": {}{at} on {}", drop.reason, drop.node)
}
