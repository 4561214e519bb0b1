//! What the SARIF 2.1.0 schema requires of the parts that are written, and what code scanning needs beyond it.

use serde_json::Value;

use crate::run::{Recorded, directory};
use crate::shop;

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("{pointer} of {value}"))
}

/// Panics where something is missing.
pub(crate) fn check(log: &Value) {
    assert_eq!(text(log, "/version"), "2.1.0");
    assert!(text(log, "/$schema").ends_with("sarif-schema-2.1.0.json"));
    let [run] = log["runs"].as_array().unwrap().as_slice() else {
        panic!("{log}");
    };
    assert!(!text(run, "/tool/driver/name").is_empty());
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for rule in rules {
        for required in ["/id", "/shortDescription/text", "/fullDescription/text"] {
            assert!(!text(rule, required).is_empty());
        }
    }
    assert!(run["invocations"][0]["executionSuccessful"].is_boolean());
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(result["ruleId"], rules[index]["id"]);
        assert!(["error", "warning", "note"].contains(&text(result, "/level")));
        assert!(!text(result, "/message/text").is_empty());
        assert!(!text(result, "/partialFingerprints/netpolFinding~1v1").is_empty());
        for location in result["locations"].as_array().into_iter().flatten() {
            let uri = text(location, "/physicalLocation/artifactLocation/uri");
            let is_safe = |c: char| c.is_ascii_graphic() && !"<>\"{}|\\^`".contains(c);
            assert!(uri.chars().all(is_safe), "{uri}");
            if let Some(region) = location["physicalLocation"].get("region") {
                assert!(region["startLine"].as_u64().unwrap() >= 1);
            }
        }
    }
}

#[test]
fn a_finding_stands_at_the_rule_that_is_behind_it() {
    let recorded = Recorded::of(&shop::history());
    let log: Value = serde_json::from_str(&recorded.proposed(&["-o", "sarif"])).unwrap();
    check(&log);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let line_of = |what: &str| {
        let found = results
            .iter()
            .find(|result| text(result, "/message/text").contains(what));
        let place = &found.unwrap_or_else(|| panic!("{what}"))["locations"][0]["physicalLocation"];
        let file = text(place, "/artifactLocation/uri").to_owned();
        let line = place["region"]["startLine"].as_u64().unwrap();
        let path = directory().join(&file);
        let manifest = std::fs::read_to_string(path).unwrap();
        let index = usize::try_from(line - 1).unwrap();
        (file, manifest.lines().nth(index).unwrap().trim().to_owned())
    };
    assert_eq!(
        line_of("Newly denied: shop/web"),
        ("proposed/db.yaml".into(), "- from:".into())
    );
    assert_eq!(
        line_of("Newly allowed: batch/report"),
        ("proposed/api.yaml".into(), "- from:".into())
    );
}
