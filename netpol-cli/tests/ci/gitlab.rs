//! GitLab CI.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::notes::Notes;
use crate::scratch::{Proposal, Scratch, said};
use crate::{example, text};

/// How a job ended.
struct Job {
    scratch: Scratch,
    script: Output,
    /// The one note that was posted: request line and body.
    note: (String, String),
}

/// Runs the job as a runner does: `before_script` and `script` in one shell, until a line fails; then `after_script` in
/// another one, whatever came of the first.
fn run(proposal: Proposal) -> Job {
    let pipeline = example("gitlab-ci.yaml");
    let job = &pipeline["network-policies"];
    // Where the artifact of the other job is unpacked.
    let scratch = Scratch::new(proposal, "history.jsonl.gz");
    let notes = Notes::listen();
    let lines = |field: &str| -> Vec<String> {
        let lines = job[field].as_array().unwrap().iter();
        lines.map(|line| text(line).to_owned()).collect()
    };
    let shell = |lines: &[String]| {
        let file = scratch.path("script.sh");
        fs::write(&file, lines.join("\n")).unwrap();
        let mut command = scratch.command("sh");
        for (name, value) in job["variables"].as_object().unwrap() {
            command.env(name, text(value));
        }
        command
            .arg("-e")
            .arg(file)
            .env("CI_PROJECT_DIR", scratch.checkout())
            .env("CI_PROJECT_ID", "7")
            .env("CI_MERGE_REQUEST_IID", "12")
            .env("CI_MERGE_REQUEST_DIFF_BASE_SHA", scratch.base())
            .env("CI_API_V4_URL", notes.url())
            .env("NETPOL_NOTES", "token")
            .output()
            .unwrap()
    };
    let script = shell(&[lines("before_script"), lines("script")].concat());
    let after = shell(&lines("after_script"));
    let artifacts = &job["artifacts"];
    for path in artifacts["paths"].as_array().unwrap() {
        assert!(!scratch.read(text(path)).is_empty(), "{}", said(&script));
    }
    assert!(
        scratch
            .read(text(&artifacts["reports"]["junit"]))
            .starts_with("<?xml")
    );
    // Or nobody would answer.
    assert!(after.status.success(), "{}", said(&after));
    let note = notes.one();
    Job {
        scratch,
        script,
        note,
    }
}

#[test]
fn a_change_that_breaks_nothing_passes_and_is_noted() {
    let job = run(Proposal::Renamed);
    assert_eq!(job.script.status.code(), Some(0), "{}", said(&job.script));
    assert!(!job.scratch.read("replay.xml").contains("<failure"));
}

#[test]
fn a_change_that_breaks_traffic_is_stopped_and_noted() {
    let job = run(Proposal::BreaksWeb);
    assert_eq!(job.script.status.code(), Some(1), "{}", said(&job.script));
    let (request, body) = &job.note;
    assert_eq!(request, "POST /projects/7/merge_requests/12/notes HTTP/1.1");
    let (name, value) = form_urlencoded::parse(body.as_bytes()).next().unwrap();
    assert_eq!((&*name, &*value), ("body", &*job.scratch.read("replay.md")));
    assert!(value.contains("shop/web"), "{value}");
    assert!(job.scratch.read("replay.xml").contains("<failure"));
}

#[test]
fn the_job_runs_for_merge_requests_with_the_commit_that_they_began_at() {
    let pipeline = example("gitlab-ci.yaml");
    let job = &pipeline["network-policies"];
    assert_eq!(
        job["rules"][0]["if"],
        "$CI_PIPELINE_SOURCE == \"merge_request_event\""
    );
    assert_eq!(job["variables"]["GIT_DEPTH"], Value::from("0"));
    assert_eq!(job["needs"][0]["artifacts"], true);
}
