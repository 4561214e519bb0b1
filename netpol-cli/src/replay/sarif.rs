//! What was found, as a SARIF 2.1.0 log: for code scanning, at the lines of the policies that are behind it.

use std::io;

use netpol_policy::matrix::Party;
use netpol_policy::replay::{Change, Row};
use serde::Serialize;

use super::fail::Kind;
use super::found::{Found, Untold};
use super::{sentences, words};
use crate::proposed::Place;
use crate::text::clean;
use crate::traffic::{connections, time};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    invocations: [Invocation; 1],
    column_kind: &'static str,
    results: Vec<Outcome>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    name: String,
    short_description: Message,
    full_description: Message,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    /// What the answer rests on.
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Message,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Message,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location>,
    partial_fingerprints: Fingerprints,
}

/// Keeps a finding the same one from run to run, whatever its line and its counts.
#[derive(Serialize)]
struct Fingerprints {
    #[serde(rename = "netpolFinding/v1")]
    finding: String,
    /// The only one that GitHub goes by. Without it, it would be made of the line's text, and all findings of one kind at one
    /// line would be one.
    #[serde(rename = "primaryLocationLineHash")]
    hash: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_base_id: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
}

/// The log, on several lines.
pub(super) fn text(found: &Found<'_>) -> io::Result<String> {
    let results = Kind::ALL.into_iter().enumerate().flat_map(|(index, kind)| {
        let results = match kind {
            Kind::Traffic(change) => traffic(found, change),
            Kind::Opened | Kind::Closed => permitted(found, kind),
        };
        results.into_iter().map(move |result| Outcome {
            rule_id: kind.as_str(),
            rule_index: index,
            level: level(found, kind),
            ..result
        })
    });
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "flows replay",
                    version: env!("CARGO_PKG_VERSION"),
                    rules: Kind::ALL.map(|kind| rule(found, kind)).into(),
                },
            },
            invocations: [Invocation {
                execution_successful: found.insufficient().is_empty(),
                tool_execution_notifications: sentences::evidence(found)
                    .iter()
                    .map(|sentence| Notification {
                        level: "note",
                        message: message(sentence),
                    })
                    .collect(),
            }],
            column_kind: "unicodeCodePoints",
            results: results.collect(),
        }],
    };
    let mut text = serde_json::to_string_pretty(&log)?;
    text.push('\n');
    Ok(text)
}

fn level(found: &Found<'_>, kind: Kind) -> &'static str {
    if found.arguments.fail_on.has(kind) {
        return "error";
    }
    match kind {
        Kind::Traffic(Change::OtherReason) | Kind::Closed => "note",
        _ => "warning",
    }
}

fn rule(found: &Found<'_>, kind: Kind) -> Rule {
    // As the format wants names: in one word.
    let name = kind.as_str().split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        format!("{}{rest}", first.to_ascii_uppercase())
    });
    Rule {
        id: kind.as_str(),
        name: name.collect(),
        short_description: message(kind.heading()),
        full_description: message(kind.sentence()),
        default_configuration: Configuration {
            level: level(found, kind),
        },
    }
}

fn traffic(found: &Found<'_>, change: Change) -> Vec<Outcome> {
    let results = found.rows(change).map(|row| {
        let (from, to, port) = (
            words::source(row),
            words::destination(row),
            words::port(row),
        );
        let sentence = format!(
            "{}: {from} to {to} at {port}, {} seen ({}), the last at {}. Before: {}. After: {}.",
            Kind::Traffic(change).heading(),
            connections(row.seen.sum.all()),
            words::observed(&row.seen),
            time(row.seen.last),
            words::said(&row.before),
            words::said(&row.after),
        );
        outcome(&sentence, &identity(row), found.place_of(row))
    });
    let others = match change {
        Change::Unknown => found.untold(),
        _ => Vec::new(),
    };
    let others = others.into_iter().map(|Untold { what, why, place }| {
        let heading = Kind::Traffic(change).heading();
        let identity = format!("{} {why} {what}", change.as_str());
        outcome(&format!("{heading}: {what} {why}."), &identity, place)
    });
    results.chain(others).collect()
}

fn identity(row: &Row) -> String {
    let change = row.change.as_str();
    let decisions = [&row.before, &row.after].map(|said| words::decision(said.decision));
    let (source, destination, port) = (&row.source, &row.destination, words::port(row));
    format!(
        "{change} {} {source} {destination} {port}",
        decisions.join(" ")
    )
}

fn permitted(found: &Found<'_>, kind: Kind) -> Vec<Outcome> {
    let results = found.permitted(kind).map(|change| {
        let (ports, example) = words::side(change, kind);
        let place = example.and_then(|example| found.place_of_example(example));
        let example = match words::example(example) {
            example if example.is_empty() => example,
            example => format!(", such as {example}"),
        };
        let (from, to) = (words::parties(&change.from), words::parties(&change.to));
        let places = words::ports(ports);
        let sentence = format!("{}: {from} to {to} at {places}{example}.", kind.heading());
        let names = |parties: &[Party]| {
            let names = parties.iter().map(Party::to_string);
            names.collect::<Vec<_>>().join(",")
        };
        let (from, to) = (names(&change.from), names(&change.to));
        let identity = format!("{} {from} {to} {ports}", kind.as_str());
        outcome(&sentence, &identity, place)
    });
    results.collect()
}

/// Its rule is set where it is put into the log.
fn outcome(sentence: &str, identity: &str, place: Option<Place>) -> Outcome {
    let finding = clean(identity).into_owned();
    Outcome {
        rule_id: "",
        rule_index: 0,
        level: "",
        message: message(sentence),
        locations: place.map(location).into_iter().collect(),
        partial_fingerprints: Fingerprints {
            hash: format!("{:016x}:1", hash(&finding)),
            finding,
        },
    }
}

/// FNV-1a: the same in every version of this program.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn message(text: &str) -> Message {
    // In the format's messages braces are placeholders, and brackets with parentheses behind them links.
    let text = clean(text).replace('{', "{{").replace('}', "}}");
    Message {
        text: text.replace("](", "] ("),
    }
}

fn location(place: Place) -> Location {
    let is_relative = !place.file.starts_with('/');
    Location {
        physical_location: PhysicalLocation {
            artifact_location: ArtifactLocation {
                uri: uri(&place.file),
                uri_base_id: is_relative.then_some("%SRCROOT%"),
            },
            // A file that changed may have no such line any more.
            region: (!place.is_gone).then_some(Region {
                start_line: place.line.max(1),
            }),
        },
    }
}

/// A path as a reference: what a URI has a use for is escaped.
fn uri(path: &str) -> String {
    let scheme = if path.starts_with('/') { "file://" } else { "" };
    let mut uri = scheme.to_owned();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_references() {
        for (path, expected) in [
            ("policies/db.yaml", "policies/db.yaml"),
            ("a b/ü#1.yaml", "a%20b/%C3%BC%231.yaml"),
            ("/srv/db.yaml", "file:///srv/db.yaml"),
            ("<stdin>", "%3Cstdin%3E"),
        ] {
            assert_eq!(uri(path), expected);
        }
    }

    #[test]
    fn messages_hold_no_placeholders_and_no_links() {
        let text = message("a{0} [b](javascript:c)\n").text;
        assert_eq!(text, "a{{0}} [b] (javascript:c)\u{fffd}");
    }
}
