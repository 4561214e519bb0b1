//! One file for each format.

use std::fs;

use netpol_policy::history::History;

use crate::run::{Recorded, directory};
use crate::shop;

fn is_golden(name: &str, arguments: &[&str]) {
    let printed = Recorded::of(&shop::history()).proposed(arguments);
    let path = directory().join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &printed).unwrap();
    }
    assert_eq!(printed, fs::read_to_string(&path).unwrap(), "{name}");
}

#[test]
fn text_says_what_changes_for_whom_and_what_it_rests_on() {
    is_golden("shop.txt", &[]);
    is_golden("shop.wide.txt", &["-o", "wide"]);
    is_golden("shop.now.txt", &["--labels", "now"]);
}

#[test]
fn json_holds_all_of_it() {
    is_golden("shop.json", &["-o", "json"]);
}

#[test]
fn markdown_is_a_comment_on_a_pull_request() {
    is_golden("shop.md", &["-o", "markdown"]);
}

#[test]
fn sarif_names_files_and_lines() {
    is_golden("shop.sarif", &["-o", "sarif"]);
}

#[test]
fn junit_fails_what_is_to_fail() {
    is_golden("shop.xml", &["-o", "junit"]);
}

#[test]
fn a_history_without_policies_says_so() {
    let history = History {
        policies: Vec::new(),
        ..shop::history()
    };
    let text = Recorded::of(&history).proposed(&[]);
    let sentence = "Before the change no policy is in force, as far as is known.\n";
    assert!(text.contains(sentence), "{text}");
    assert!(text.starts_with("3 policies change: + shop/api, + shop/db, + shop/web.\n"));
}

#[test]
fn policies_that_stay_change_nothing() {
    let recorded = Recorded::of(&shop::history());
    let output = recorded.replay(&["--manifests", "in-force.yaml"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with(
            "No policy changes.\nOf the traffic that was seen: 2534 connections unchanged.\n"
        ),
        "{text}"
    );
}

#[test]
fn the_documentation_shows_what_is_printed() {
    let page = directory().join("../../../docs/replay.md");
    let page = fs::read_to_string(page).unwrap();
    let shown = Recorded::of(&shop::history()).proposed(&[]);
    assert!(
        page.contains(&shown),
        "docs/replay.md shows another:\n{shown}"
    );
}
