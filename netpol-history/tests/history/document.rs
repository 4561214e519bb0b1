//! docs/history.md says what is so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::example::example;
use crate::round_trip::{read_back, written};

const PAGE: &str = include_str!("../../../docs/history.md");

/// Values that are not fields of the format: labels, counts by node, manifests, and the forms of a party.
const WITHIN: [&str; 6] = [
    "labels",
    "namespace_labels",
    "pods",
    "manifest",
    "source",
    "destination",
];

/// The example of the page is what the library reads and writes, with each record in it.
#[test]
fn the_example_is_a_file() {
    let start = PAGE.find("```json\n").unwrap() + "```json\n".len();
    let end = start + PAGE[start..].find("```").unwrap();
    let shown = &PAGE.as_bytes()[start..end];
    let contents = read_back(shown);
    assert_eq!(contents.problems.count(), 0, "{:?}", contents.problems);
    let again = written(&contents.parts);
    // Headers say when and by what they were written.
    assert_eq!(lines(&again)[1..], lines(shown)[1..]);
    assert_eq!(names(&lines(shown)), names(&lines(&written(&[example()]))));
}

fn lines(file: &[u8]) -> Vec<Value> {
    let lines = file.split(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn names(lines: &[Value]) -> BTreeSet<&String> {
    lines
        .iter()
        .flat_map(|line| line.as_object().unwrap().keys())
        .collect()
}

/// Every record and every field stands in a table of its own, and nothing else.
#[test]
fn all_records_and_fields_are_documented() {
    let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in lines(&written(&[example()])) {
        for (name, value) in line.as_object().unwrap() {
            collect("", value, fields.entry(name.clone()).or_default());
        }
    }
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut record = String::new();
    for line in PAGE.lines() {
        let quoted = |line: &str| Some(line.strip_prefix('`')?.split_once('`')?.0.to_owned());
        if let Some(heading) = line.strip_prefix("### ") {
            record = quoted(heading).unwrap_or_default();
        } else if line.starts_with('#') {
            record.clear();
        } else if let Some(field) = line.strip_prefix("| ").and_then(quoted)
            && !record.is_empty()
        {
            told.entry(record.clone()).or_default().insert(field);
        }
    }
    assert_eq!(told, fields);
}

/// Names of fields, those within others after a dot.
fn collect(path: &str, value: &Value, fields: &mut BTreeSet<String>) {
    let within = path.rsplit('.').next().unwrap_or_default();
    match value {
        Value::Object(object) if !WITHIN.contains(&within) => {
            for (name, value) in object {
                let dot = if path.is_empty() { "" } else { "." };
                collect(&format!("{path}{dot}{name}"), value, fields);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for item in items {
                collect(path, item, fields);
            }
        }
        _ => {
            fields.insert(path.to_owned());
        }
    }
}
