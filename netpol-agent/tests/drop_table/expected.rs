//! What a flow has to say, and in what it differs.

use netpol_testkit::traffic::Outcome;
use serde_json::{Value, json};

use crate::case::{Case, Sent};
use crate::stage::{ALLOWED, Stage};

/// Which interface a dropped packet was on (`skb->dev`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    /// The one it came in by.
    Source,
    /// The one it was to leave by.
    Destination,
    /// None of the node's.
    Nowhere,
}

/// What has to be told of a connection that a packet was dropped of.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// What the one who tries sees of it.
    pub(crate) outcome: Outcome,
    pub(crate) verdict: &'static str,
    pub(crate) reason: &'static str,
    /// Functions that may have freed it; compilers inline, so any of them. Empty: any.
    pub(crate) locations: &'static [&'static str],
    pub(crate) class: &'static str,
    pub(crate) device: Device,
    pub(crate) node_reply: &'static str,
    pub(crate) in_node_netns: bool,
    pub(crate) has_input: bool,
    /// How the sentence begins; what a policy's denial says when `None`.
    pub(crate) summary: Option<&'static str>,
}

impl Expected {
    /// Dropped silently by a firewall of the node.
    pub(crate) const fn dropped(reason: &'static str, locations: &'static [&'static str]) -> Self {
        Self {
            outcome: Outcome::TimedOut,
            verdict: "dropped",
            reason,
            locations,
            class: "firewall",
            device: Device::Source,
            node_reply: "",
            in_node_netns: true,
            has_input: true,
            summary: None,
        }
    }

    /// Dropped and answered by a firewall of the node.
    pub(crate) const fn rejected(self, node_reply: &'static str, outcome: Outcome) -> Self {
        Self {
            verdict: "rejected",
            node_reply,
            outcome,
            ..self
        }
    }

    pub(crate) const fn on(self, device: Device) -> Self {
        Self { device, ..self }
    }

    /// Something that is no policy's doing.
    pub(crate) const fn no_policy(self, class: &'static str, summary: &'static str) -> Self {
        Self {
            class,
            summary: Some(summary),
            ..self
        }
    }

    pub(crate) const fn outcome(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }

    /// Before the kernel notes by which interface a packet came in (`skb->skb_iif`).
    pub(crate) const fn without_input(self) -> Self {
        Self {
            has_input: false,
            ..self
        }
    }

    /// With an ICMP error of the node's, which is no rejection where no firewall is behind it.
    pub(crate) const fn answered(self, outcome: Outcome) -> Self {
        Self {
            node_reply: "icmp-unreachable",
            outcome,
            ..self
        }
    }

    pub(crate) const fn in_the_pod(self, summary: &'static str) -> Self {
        Self {
            in_node_netns: false,
            summary: Some(summary),
            ..self
        }
    }

    fn is_by_firewall(&self) -> bool {
        self.class == "firewall" && self.in_node_netns
    }
}

/// Compares one flow with what its case demands.
pub(crate) fn mismatches(case: &Case, stage: &Stage, sent: &Sent, flow: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut field = |pointer: &str, wanted: Value| found.extend(difference(flow, pointer, &wanted));
    ends(case, stage, sent, &mut field);
    observation(case, stage, sent, &mut field);
    policy(case, &mut field);
    found.extend(location(&case.expected, flow));
    found.extend(summary(case, flow));
    found
}

fn ends(case: &Case, stage: &Stage, sent: &Sent, field: &mut impl FnMut(&str, Value)) {
    for (end, name, port) in [
        ("source", case.from, sent.port),
        ("destination", case.to, case.port),
    ] {
        let (namespace, pod) = name.split_once('/').unwrap();
        field(&format!("/{end}/kind"), json!("pod"));
        field(&format!("/{end}/namespace"), json!(namespace));
        field(&format!("/{end}/pod"), json!(pod));
        field(
            &format!("/{end}/address"),
            json!(case.address_of(stage, name)),
        );
        field(&format!("/{end}/port"), json!(port));
    }
    field("/protocol", json!(case.protocol.word()));
    field("/direction_inferred", json!(false));
    field(
        "/service/address",
        json!(
            case.dialled
                .map_or(String::new(), |dialled| dialled.ip().to_string())
        ),
    );
    field(
        "/service/name",
        json!(if case.dialled.is_some() { "db" } else { "" }),
    );
    field(
        "/service/port",
        json!(case.dialled.map_or(0, |dialled| dialled.port())),
    );
}

fn observation(case: &Case, stage: &Stage, sent: &Sent, field: &mut impl FnMut(&str, Value)) {
    let Expected {
        verdict,
        reason,
        class,
        device,
        node_reply,
        in_node_netns,
        has_input,
        ..
    } = case.expected;
    field("/observed/verdict", json!(verdict));
    field("/observed/evidence/node_reply", json!(node_reply));
    field("/observed/evidence/reply_seen", json!(false));
    field("/observed/evidence/refused_by_peer", json!(false));
    let drop = "/observed/evidence/drop";
    field(&format!("{drop}/reason"), json!(reason));
    field(&format!("{drop}/class"), json!(class));
    field(&format!("{drop}/packets"), json!(sent.packets));
    field(&format!("{drop}/in_node_netns"), json!(in_node_netns));
    field("/forward/packets", json!(sent.packets));
    // A RST in the destination's name is a packet of the connection; an ICMP error is one of its own.
    field("/reply/packets", json!(u64::from(node_reply == "tcp-rst")));
    let (source, destination) = (stage.interface(case.from), stage.interface(case.to));
    let on = match device {
        Device::Source => source,
        Device::Destination => destination,
        Device::Nowhere => "",
    };
    field(&format!("{drop}/interface"), json!(on));
    let input = if in_node_netns && has_input {
        source
    } else {
        ""
    };
    field(&format!("{drop}/input_interface"), json!(input));
}

fn policy(case: &Case, field: &mut impl FnMut(&str, Value)) {
    let denied = case.from != ALLOWED;
    field(
        "/computed/verdict",
        json!(if denied { "denied" } else { "allowed" }),
    );
    if denied {
        field(
            "/computed/ingress/denied_by/0/policy/namespace",
            json!("data"),
        );
        field(
            "/computed/ingress/denied_by/0/policy/name",
            json!("restrict-db"),
        );
        field(
            "/computed/ingress/denied_by/0/reason",
            json!("peer_not_selected"),
        );
    } else {
        field(
            "/computed/ingress/allowed_by/0/policy/name",
            json!("restrict-db"),
        );
    }
    let agreement = match (case.expected.is_by_firewall(), denied) {
        (true, true) => "agree",
        (true, false) => "allowed_but_dropped",
        (false, _) => "undetermined",
    };
    field("/agreement", json!(agreement));
}

fn location(expected: &Expected, flow: &Value) -> Option<String> {
    let told = flow
        .pointer("/observed/evidence/drop/location")
        .and_then(Value::as_str)
        .unwrap_or("");
    let known = expected.locations.is_empty() || expected.locations.contains(&told);
    (!known).then(|| format!("freed at {told}, not at one of {:?}", expected.locations))
}

fn summary(case: &Case, flow: &Value) -> Option<String> {
    let told = flow["summary"].as_str().unwrap_or("");
    let denial = format!("data/restrict-db: no ingress rule admits {}", case.from);
    let wanted = match case.expected.summary {
        Some(summary) => summary,
        None if case.from != ALLOWED => &denial,
        None => "allowed by policy, dropped by something else",
    };
    let blames = told.contains("restrict-db");
    let may_blame = case.expected.is_by_firewall() && case.from != ALLOWED;
    let right = told.starts_with(wanted) && blames == may_blame;
    (!right).then(|| format!("the summary is {told:?}, not {wanted:?}"))
}

/// Whether a field has another value than it should. Fields without a value are left out of the JSON form.
pub(crate) fn difference(flow: &Value, pointer: &str, wanted: &Value) -> Option<String> {
    let told = flow.pointer(pointer).unwrap_or(&Value::Null);
    let absent = *wanted == json!("") || *wanted == json!(false) || *wanted == json!(0);
    let same = told == wanted || absent && told.is_null();
    (!same).then(|| format!("{pointer} is {told}, not {wanted}"))
}

/// [`difference`] of many fields.
pub(crate) fn differences(flow: &Value, wanted: &[(&str, Value)]) -> Vec<String> {
    wanted
        .iter()
        .filter_map(|(pointer, wanted)| difference(flow, pointer, wanted))
        .collect()
}
