//! What a change of a world does to its answers, whatever they are.

use netpol_policy::verdict::{Decision, DirectionVerdict, Verdict};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::Library;
use crate::generator::{self, Case};

/// A direction, and the rules of it in a policy and in a rule.
const INGRESS: (&str, &str) = ("Ingress", "ingress");
const EGRESS: (&str, &str) = ("Egress", "egress");

/// Before and after, for each request.
fn both(case: &Case, after: &[Value]) -> Vec<(String, Verdict, Verdict)> {
    let (before, after) = (Library::new(&case.objects()), Library::new(after));
    let ask = |request| {
        (
            format!("{request:?}"),
            before.ask(request),
            after.ask(request),
        )
    };
    case.requests.iter().map(ask).collect()
}

fn decisions(verdict: &Verdict) -> [Decision; 2] {
    [verdict.egress.decision, verdict.ingress.decision]
}

fn with_policies(case: &Case, policies: &[Value]) -> Vec<Value> {
    [&*case.cluster, policies].concat()
}

/// Where some NetworkPolicy stands; None where there is none.
fn network_policy(policies: &[Value], choice: &Index) -> Option<usize> {
    let all: Vec<usize> = (0..policies.len())
        .filter(|at| policies[*at]["kind"] == "NetworkPolicy")
        .collect();
    (!all.is_empty()).then(|| *choice.get(&all))
}

/// Rules 2 and 4.
fn types(spec: &Value) -> Vec<&'static str> {
    let has = |list: &Value| list.as_array().is_some_and(|list| !list.is_empty());
    let listed = |name: &str| {
        spec["policyTypes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one == name)
    };
    let isolates = |direction| match (has(&spec["policyTypes"]), direction) {
        (true, direction) => listed(direction),
        (false, "Ingress") => true,
        (false, _) => has(&spec["egress"]),
    };
    [INGRESS.0, EGRESS.0]
        .into_iter()
        .filter(|one| isolates(one))
        .collect()
}

/// Names of labels and their values, others for the same.
fn relabelled(value: &Value) -> Value {
    let key = |key: &str| match key {
        "app" => "example.org/component".to_owned(),
        "tier" => "app".to_owned(),
        other => other.to_owned(),
    };
    let label = |key: &str, value: &Value| match (key, value.as_str()) {
        ("kubernetes.io/metadata.name" | "kubernetes.io/service-name", _) => value.clone(),
        (_, Some("a")) => json!("b"),
        (_, Some("b")) => json!(""),
        (_, Some("")) => json!("A.1"),
        _ => value.clone(),
    };
    match value {
        Value::Object(fields) => {
            let renamed = fields
                .iter()
                .map(|(field, value)| match (field.as_str(), value) {
                    ("labels" | "matchLabels", Value::Object(labels)) => {
                        let labels = labels.iter().map(|(at, value)| (key(at), label(at, value)));
                        (field.clone(), Value::Object(labels.collect()))
                    }
                    ("matchExpressions", Value::Array(all)) => {
                        let expression = |one: &Value| {
                            let mut new = one.clone();
                            let at = one["key"].as_str().unwrap();
                            new["key"] = key(at).into();
                            if let Some(values) = one["values"].as_array() {
                                new["values"] =
                                    values.iter().map(|value| label(at, value)).collect();
                            }
                            new
                        };
                        (field.clone(), all.iter().map(expression).collect())
                    }
                    _ => (field.clone(), relabelled(value)),
                });
            Value::Object(renamed.collect())
        }
        Value::Array(items) => items.iter().map(relabelled).collect(),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(super::cases(32))]

    #[test]
    fn the_order_of_objects_does_not_matter(case in generator::cases(), turn in any::<Index>()) {
        let mut other = case.objects();
        let length = other.len();
        other.rotate_left(turn.index(length));
        other.reverse();
        for (request, before, after) in both(&case, &other) {
            prop_assert_eq!(before, after, "{}", request);
        }
    }

    #[test]
    fn a_rule_more_in_an_isolated_direction_denies_nothing(
        case in generator::cases(), at in any::<Index>(),
        from in generator::rule("from"), to in generator::rule("to"),
    ) {
        let mut policies = case.policies.clone();
        let Some(at) = network_policy(&policies, &at) else { return Ok(()) };
        let spec = &mut policies[at]["spec"];
        for direction in types(spec) {
            let (field, rule) = if direction == INGRESS.0 {
                (INGRESS.1, &from)
            } else {
                (EGRESS.1, &to)
            };
            let mut rules = spec[field].as_array().cloned().unwrap_or_default();
            rules.push(rule.clone());
            spec[field] = rules.into();
        }
        for (request, before, after) in both(&case, &with_policies(&case, &policies)) {
            for (before, after) in decisions(&before).into_iter().zip(decisions(&after)) {
                let is_worse = match before {
                    Decision::Allowed => after != Decision::Allowed,
                    Decision::Unknown => after == Decision::Denied,
                    Decision::Denied => false,
                };
                prop_assert!(!is_worse, "{}: {:?} became {:?}", request, before, after);
            }
        }
    }

    #[test]
    fn consistent_new_labels_change_nothing(case in generator::cases()) {
        let after: Vec<Value> = case.objects().iter().map(relabelled).collect();
        for (request, before, after) in both(&case, &after) {
            // What a rule wants is said in labels, so only that may differ.
            let comparable = |one: &DirectionVerdict| {
                let denied = one.denied_by.iter();
                let denied: Vec<_> = denied
                    .map(|one| (one.policy.clone(), one.reason, one.rules.clone()))
                    .collect();
                (one.decision, one.decided_by, one.allowed_by.clone(), denied, one.path.clone())
            };
            prop_assert_eq!(comparable(&before.egress), comparable(&after.egress), "{}", request);
            prop_assert_eq!(comparable(&before.ingress), comparable(&after.ingress), "{}", request);
            prop_assert_eq!(before.caveats, after.caveats, "{}", request);
        }
    }

    #[test]
    fn a_policy_split_by_its_rules_decides_the_same(case in generator::cases(), at in any::<Index>()) {
        let mut policies = case.policies.clone();
        let Some(at) = network_policy(&policies, &at) else { return Ok(()) };
        let whole = policies.swap_remove(at);
        let types = types(&whole["spec"]);
        for part in 0..4_usize {
            let mut policy = whole.clone();
            policy["metadata"]["name"] = format!("part{part}").into();
            policy["spec"]["policyTypes"] = json!(types);
            for (_, field) in [INGRESS, EGRESS] {
                let rules = whole["spec"][field].as_array();
                let rule = rules.and_then(|rules| rules.get(part));
                policy["spec"][field] = rule.into_iter().cloned().collect();
            }
            policies.push(policy);
        }
        for (request, before, after) in both(&case, &with_policies(&case, &policies)) {
            prop_assert_eq!(decisions(&before), decisions(&after), "{}", request);
        }
    }

    #[test]
    fn a_policy_once_more_under_another_name_decides_the_same(
        case in generator::cases(), at in any::<Index>(),
    ) {
        let mut once = case.policies.clone();
        once.retain(|policy| policy["kind"] != "BaselineAdminNetworkPolicy");
        if once.is_empty() {
            return Ok(());
        }
        let mut twin = at.get(&once).clone();
        twin["metadata"]["name"] = "twin".into();
        let policies = [&*case.policies, &[twin]].concat();
        for (request, before, after) in both(&case, &with_policies(&case, &policies)) {
            prop_assert_eq!(decisions(&before), decisions(&after), "{}", request);
        }
    }

    #[test]
    fn without_policies_everything_is_allowed(case in generator::cases()) {
        let library = Library::new(&case.cluster);
        for request in &case.requests {
            let verdict = library.ask(request);
            prop_assert!(!decisions(&verdict).contains(&Decision::Denied), "{:?}", request);
            // Of an address it may not be known whose it is.
            if request.addresses() == 0 {
                prop_assert_eq!(verdict.decision(), Decision::Allowed, "{:?}", request);
            }
        }
    }
}
