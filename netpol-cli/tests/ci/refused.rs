//! Where nothing can be compared, the job ends with 2, whatever the gate.

use std::fs;

use crate::scratch::{Proposal, Scratch, said};
use crate::traffic;

const HISTORY: &str = "history.jsonl";

/// Replays in a check-out of the renamed file, and gives exit code and stderr.
fn refused(scratch: &Scratch, arguments: &[&str]) -> (Option<i32>, String) {
    let output = scratch
        .command("flows")
        .args(["replay", "--history", HISTORY])
        .args(arguments)
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn write(scratch: &Scratch, file: &str, text: &str) {
    fs::write(scratch.checkout().join(file), text).unwrap();
}

#[test]
fn a_policy_that_no_server_would_take_is_not_left_out() {
    let scratch = Scratch::new(Proposal::Renamed, HISTORY);
    write(
        &scratch,
        "policies/database.yaml",
        &traffic::DB.replace("ingress:", "ingres:"),
    );
    for arguments in [&["--manifests", "policies"][..], &["--base", "origin/main"]] {
        let (code, stderr) = refused(&scratch, arguments);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(
            stderr.contains("spec.ingres: expected no such field"),
            "{stderr}"
        );
        assert!(
            stderr.contains("1 error in the manifests, nothing was compared"),
            "{stderr}"
        );
    }
}

#[test]
fn what_mends_a_base_that_cannot_be_used_is_compared() {
    let scratch = Scratch::new(Proposal::Renamed, HISTORY);
    write(
        &scratch,
        "policies/database.yaml",
        &traffic::DB.replace("ingress:", "ingres:"),
    );
    let commit = |message: &str| {
        let output = scratch
            .command("git")
            .args([
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@example.com",
                "commit",
                "-q",
                "-am",
                message,
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", said(&output));
    };
    commit("break");
    write(&scratch, "policies/database.yaml", traffic::DB);
    let (code, stderr) = refused(&scratch, &["--base", "HEAD"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stderr.contains("counts as not being in force before"),
        "{stderr}"
    );
}

#[test]
fn a_policy_that_stands_twice_says_nothing_for_sure() {
    let scratch = Scratch::new(Proposal::Renamed, HISTORY);
    write(&scratch, "policies/again.yaml", traffic::DB);
    let (code, stderr) = refused(&scratch, &["--base", "origin/main"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stderr.contains("git does not track, so not read: policies/again.yaml"),
        "{stderr}"
    );
    let (code, stderr) = refused(&scratch, &["--manifests", "policies"]);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(
        stderr.contains("NetworkPolicy shop/db stands in policies/again.yaml too"),
        "{stderr}"
    );
}

#[test]
fn without_the_git_program_a_base_cannot_be_had() {
    let scratch = Scratch::new(Proposal::Renamed, HISTORY);
    let output = scratch
        .command(env!("CARGO_BIN_EXE_flows"))
        .args(["replay", "--history", HISTORY, "--base", "origin/main"])
        .env("PATH", scratch.path("bin"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("--base needs the git program"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_revision_or_a_path_that_is_not_there_is_named() {
    let scratch = Scratch::new(Proposal::Renamed, HISTORY);
    for (arguments, expected) in [
        (&["--base", "origin/master"][..], "--base origin/master: "),
        (
            &["--base", "origin/main", "--manifests", "polices"],
            "--manifests polices: git tracks no manifest there",
        ),
        (
            &["--base", "origin/main", "--manifests", "-"],
            "standard input is in no revision",
        ),
        (
            &["--manifests", "polices"],
            "--manifests polices: No such file or directory",
        ),
        (&["--head", "HEAD"], "--base <REV>"),
    ] {
        let (code, stderr) = refused(&scratch, arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(expected), "{arguments:?}: {stderr}");
    }
}

#[test]
fn standard_input_and_pruning_need_no_repository() {
    let scratch = Scratch::new(Proposal::Renamed, HISTORY);
    fs::rename(scratch.checkout().join(HISTORY), scratch.path(HISTORY)).unwrap();
    let replay = |manifests: &str, arguments: &[&str]| {
        let input = scratch.path("input.yaml");
        fs::write(&input, manifests).unwrap();
        let output = scratch
            .command("flows")
            .args(["replay", "--history", HISTORY, "--manifests", "-"])
            .args(arguments)
            .current_dir(scratch.path(""))
            .env("HOME", "/")
            .stdin(fs::File::open(input).unwrap())
            .output();
        output.unwrap()
    };
    let another = traffic::DB
        .replace("name: db", "name: web")
        .replace("app: db", "app: web");
    let kept = replay(&another, &["--fail-on", "opened"]);
    assert_eq!(kept.status.code(), Some(0), "{}", said(&kept));
    // Without its policy everybody reaches the database.
    let pruned = replay(&another, &["--fail-on", "opened", "--prune"]);
    assert_eq!(pruned.status.code(), Some(1), "{}", said(&pruned));
    // As from a program before it in a pipe that failed.
    let nothing = replay("", &["--fail-on", "none", "--prune"]);
    assert_eq!(nothing.status.code(), Some(2), "{}", said(&nothing));
}

#[test]
fn a_policy_that_is_not_evaluated_counts_where_it_changes() {
    let scratch = Scratch::new(Proposal::Renamed, HISTORY);
    let other = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: db, namespace: shop}\n";
    let git = |arguments: &[&str]| {
        let names = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let output = scratch
            .command("git")
            .args(names)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", said(&output));
    };
    write(&scratch, "policies/cilium.yaml", other);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "another kind"]);
    let (code, stderr) = refused(&scratch, &["--base", "origin/main"]);
    assert_eq!(code, Some(1), "{stderr}");
    let only_denied = ["--base", "origin/main", "--fail-on", "newly-denied"];
    assert_eq!(refused(&scratch, &only_denied).0, Some(0));
    // What is the same before and after changes nothing, whatever the name of its file.
    git(&["mv", "policies/cilium.yaml", "policies/other.yaml"]);
    assert_eq!(refused(&scratch, &["--base", "HEAD"]).0, Some(0));
    git(&["rm", "-q", "-f", "policies/other.yaml"]);
    assert_eq!(refused(&scratch, &["--base", "HEAD"]).0, Some(1));
}
