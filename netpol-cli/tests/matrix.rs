//! `flows matrix` by the real binary: a golden file a format, and what hostile names do to each.
//!
//! `UPDATE_GOLDEN=1 cargo test -p netpol-cli --test matrix` writes what is printed now; read the difference.
#![allow(
    clippy::unwrap_used,
    reason = "clippy spares test functions, not their helpers"
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/matrix")
}

fn flows(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flows"))
        .arg("matrix")
        .args(arguments)
        .current_dir(directory())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What is printed where all goes well and there is nothing to warn about.
fn printed(arguments: &[&str]) -> String {
    let output = flows(arguments);
    let (out, err) = (output.stdout, output.stderr);
    assert_eq!(String::from_utf8(err).unwrap(), "");
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(out).unwrap()
}

fn is_golden(name: &str, arguments: &[&str]) {
    let path = directory().join(name);
    let current = printed(arguments);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &current).unwrap();
    }
    assert_eq!(current, fs::read_to_string(&path).unwrap(), "{name}");
}

const SHOP: [&str; 2] = ["--manifests", "shop.yaml"];

fn shop<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&SHOP[..], more].concat()
}

#[test]
fn a_table_shows_a_few_parties_as_a_grid() {
    is_golden("shop.allowed.txt", &SHOP);
    is_golden("shop.denied.txt", &shop(&["--show", "denied"]));
    is_golden("shop.all.txt", &shop(&["--show", "all", "-n", "shop"]));
    is_golden(
        "shop.port.txt",
        &shop(&["--to", "shop/*", "--port", "8080", "--protocol", "tcp"]),
    );
}

#[test]
fn csv_has_a_row_for_each_decision_about_a_pair() {
    is_golden("shop.csv", &shop(&["-o", "csv", "--show", "all"]));
}

#[test]
fn json_has_every_range_of_ports() {
    is_golden("shop.json", &shop(&["-o", "json"]));
}

#[test]
fn dot_and_mermaid_draw_namespaces_and_ports() {
    is_golden("shop.dot", &shop(&["-o", "dot"]));
    is_golden("shop.mmd", &shop(&["-o", "mermaid"]));
}

#[test]
fn many_parties_are_a_list() {
    let pod = |n: usize| {
        format!(
            "{{kind: Pod, apiVersion: v1, metadata: {{name: p{n}, namespace: team-{}}}, spec: {{containers: []}}}}\n---\n",
            n % 3
        )
    };
    let mut file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    let pods: String = (0..13).map(pod).collect();
    file.write_all(pods.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let text = printed(&["--manifests", path, "--from", "outside"]);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("FROM     TO          PORTS"));
    assert_eq!(lines.next(), Some("outside  team-0/p0   all"));
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("outside "))
            .count(),
        13
    );
}

const HOSTILE: [&str; 4] = ["--manifests", "hostile.yaml", "--show", "all"];
/// In the file; the outside world has no namespace.
const HOSTILE_NAMES: [(&str, &str); 3] = [
    ("", "outside"),
    ("end", "`ünï` #1; -->|y| \\"),
    // The control characters as they are written to a terminal.
    ("n\"s<b>, \u{fffd}", "a\"b\\c\u{fffd}d]|x"),
];

#[test]
fn hostile_names_read_back_from_csv() {
    let text = printed(&[&HOSTILE[..], &["-o", "csv"]].concat());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 8, "{text}");
    let mut sources: Vec<(&str, &str)> = rows.iter().map(|row| (&row[0], &row[1])).collect();
    sources.dedup();
    sources.sort_unstable();
    assert_eq!(sources, HOSTILE_NAMES);
    assert!(
        rows.iter()
            .all(|row| &row[4] == "any" && &row[5] == "all" && &row[6] == "allowed")
    );
}

#[test]
fn hostile_names_read_back_from_json_as_they_are() {
    let text = printed(&[&HOSTILE[..], &["-o", "json"]].concat());
    let document: Value = serde_json::from_str(&text).unwrap();
    let parties = document["parties"].as_array().unwrap();
    let has = |name: &str| parties.iter().any(|party| party["name"] == name);
    assert!(has("a\"b\\c\nd]|x"), "{text}");
    assert!(has("`ünï` #1; -->|y| \\"), "{text}");
}

#[test]
fn hostile_names_do_not_break_tables() {
    let text = printed(&HOSTILE);
    assert!(text.starts_with("FROM \\ TO"), "{text}");
    assert!(!text.contains('\u{202e}'), "{text}");
    // A heading, three parties, and the summary with an empty line before it.
    assert_eq!(text.lines().count(), 6, "{text}");
}

#[test]
fn hostile_names_do_not_break_mermaid() {
    let text = printed(&[&HOSTILE[..], &["-o", "mermaid"]].concat());
    for line in text.lines().filter(|line| line.contains('"')) {
        let parts: Vec<&str> = line.split('"').collect();
        assert_eq!(parts.len(), 3, "one quoted text a line: {line}");
        assert!(!parts[1].contains(['<', '>', '`', '\\']), "{line}");
    }
}

#[test]
fn graphviz_reads_dot() {
    for manifests in [&SHOP[..], &HOSTILE[..]] {
        let text = printed(&[manifests, &["-o", "dot"]].concat());
        let dot = Command::new("dot")
            .arg("-Tsvg")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut dot = match dot {
            Ok(dot) => dot,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("skipped: Graphviz is not installed");
                return;
            }
            Err(error) => panic!("dot: {error}"),
        };
        dot.stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let output = dot.wait_with_output().unwrap();
        let complaints = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{complaints}");
        let drawing = String::from_utf8(output.stdout).unwrap();
        let edges = text.lines().filter(|line| line.contains(" -> ")).count();
        assert_eq!(drawing.matches("class=\"edge\"").count(), edges);
    }
}

#[test]
fn bad_input_ends_with_2_and_says_what_is_wrong() {
    for (arguments, message) in [
        (
            vec!["--manifests", "shop.yaml", "--from", "web"],
            "flows: --from: expected NAMESPACE/NAME, which may end in `*`, or `outside`; found \"web\"\n",
        ),
        (
            vec!["--manifests", "missing.yaml"],
            "flows: --manifests missing.yaml: ",
        ),
        (
            vec![],
            "error: the following required arguments were not provided",
        ),
        (
            shop(&["--port", "0"]),
            "error: invalid value '0' for '--port <NUMBER>'",
        ),
        (shop(&["--protocol", "ICMP"]), "error: invalid value 'ICMP'"),
    ] {
        let output = flows(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with(message), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut flows = Command::new(env!("CARGO_BIN_EXE_flows"))
        .args(["matrix", "--manifests", "shop.yaml", "-o", "json"])
        .current_dir(directory())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(flows.stdout.take());
    let output = flows.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stderr, b"");
}

#[test]
fn a_full_disk_ends_with_2() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_flows"))
        .args(["matrix", "--manifests", "shop.yaml"])
        .current_dir(directory())
        .stdout(full)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("cannot write"), "{stderr}");
}
