//! Names that are none, as somebody may write into a history.

use std::sync::Arc;

use netpol_policy::history::{History, MissingNode, Party, PodGroup, Port};
use netpol_policy::model::Workload;
use serde_json::Value;

use crate::run::Recorded;
use crate::{sarif, shop};

const HOSTILE: &str = "x|y</code></testcase>]]>\u{1b}[31m\u{202e}\n\n# @everyone {0} [l](javascript:a) `b` <!-- \u{0} &amp; \u{ffff}";

fn recorded() -> Recorded {
    let hostile = Arc::new(PodGroup {
        workload: Workload {
            kind: HOSTILE.into(),
            name: HOSTILE.into(),
        },
        ..PodGroup::clone(&shop::group("shop", "", "web"))
    });
    let mut history = shop::history();
    let db = shop::group("shop", "StatefulSet", "db");
    let edge = shop::edge(Party::Pods(hostile), Party::Pods(db), Port::One(5432), 3);
    history.edges.push(edge);
    Recorded::of(&History {
        missing: vec![MissingNode {
            name: HOSTILE.into(),
            reason: HOSTILE.into(),
        }],
        ..history
    })
}

fn is_clean(text: &str) {
    let is_steering = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(is_steering), "{text:?}");
}

#[test]
fn a_terminal_is_not_steered() {
    for output in ["text", "wide"] {
        let text = recorded().proposed(&["-o", output]);
        assert!(text.contains("x|y</code>"));
        is_clean(&text);
    }
}

#[test]
fn markdown_holds_no_markup_of_others() {
    let text = recorded().proposed(&["-o", "markdown"]);
    is_clean(&text);
    assert!(text.contains("x&#124;y"));
    for markup in ["@everyone", "x|y", "[l]", "`b`", "\n# ", "&amp;"] {
        assert!(!text.contains(markup), "{markup} in {text}");
    }
    let codes = text.matches("<code>").count();
    assert_eq!(codes, text.matches("</code>").count());
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        assert!(row.ends_with(" |") || row.ends_with("|"), "{row}");
        let cells = row.matches(" | ").count();
        assert!(cells == 6 || cells == 3, "{row}");
    }
}

#[test]
fn json_and_sarif_stay_whole() {
    let json: Value = serde_json::from_str(&recorded().proposed(&["-o", "json"])).unwrap();
    let rows = json["traffic"].as_array().unwrap();
    // JSON holds names as they are: who shows them cleans them.
    assert!(rows.iter().any(|row| row["source"]["name"] == HOSTILE));
    let log: Value = serde_json::from_str(&recorded().proposed(&["-o", "sarif"])).unwrap();
    sarif::check(&log);
    let results = log["runs"][0]["results"].as_array().unwrap();
    for result in results {
        let text = result["message"]["text"].as_str().unwrap();
        is_clean(text);
        assert!(!text.contains("{0}") || text.contains("{{0}}"), "{text}");
        assert!(!text.contains("[l]("), "{text}");
    }
}

#[test]
fn xml_stays_well_formed() {
    let text = recorded().proposed(&["-o", "junit"]);
    is_clean(&text);
    assert!(!text.contains('\u{ffff}'));
    let report = quick_junit::Report::deserialize_from_str(&text).unwrap();
    let cases = report
        .test_suites
        .iter()
        .flat_map(|suite| &suite.test_cases);
    assert!(
        cases
            .into_iter()
            .any(|case| case.name.contains("x|y</code>"))
    );
    assert_eq!(report.test_suites.len(), 7);
}
