//! One file for each format.

use std::fs;

use crate::month;
use crate::run::{directory, unused};

fn is_golden(name: &str, current: &str) {
    let path = directory().join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, current).unwrap();
    }
    assert_eq!(current, fs::read_to_string(&path).unwrap(), "{name}");
}

#[track_caller]
fn prints(name: &str, arguments: &[&str]) {
    let (text, code) = unused(arguments);
    assert_eq!(code, Some(0));
    is_golden(name, &text);
}

/// The other files are of this one.
#[test]
fn the_month_is_as_it_was_written() {
    is_golden("month.jsonl", &month::file());
}

#[test]
fn text_has_a_row_for_each_entry_and_says_why() {
    prints("month.txt", &[]);
    prints("month.all.wide.txt", &["--status", "all", "-o", "wide"]);
    prints(
        "month.where.txt",
        &[
            "--manifests",
            "policies.yaml",
            "--status",
            "dangling_peer,shadowed",
        ],
    );
}

#[test]
fn json_and_yaml_hold_all_of_it() {
    prints("month.json", &["--status", "all", "-o", "json"]);
    prints("month.yaml", &["--status", "all", "-o", "yaml"]);
    let json = fs::read_to_string(directory().join("month.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["counts"]["used"], 4);
}

#[test]
fn a_patch_is_yaml_and_says_what_it_took_out() {
    prints("month.patch.yaml", &["--patch"]);
}
