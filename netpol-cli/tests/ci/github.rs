//! GitHub Actions.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::scratch::{Proposal, Scratch, said};
use crate::{example, text};

/// How a job ended.
struct Job {
    scratch: Scratch,
    /// Of each step that was run: its name, and how it ended.
    steps: Vec<(String, Output)>,
    /// Steps of the service's own.
    uses: Vec<String>,
}

/// Runs the job as a runner does: steps in order, until one fails.
fn run(proposal: Proposal) -> Job {
    let workflow = example("github-actions.yaml");
    let job = &workflow["jobs"]["replay"];
    assert_eq!(text(&job["defaults"]["run"]["shell"]), "bash");
    let history = text(&job["env"]["HISTORY"]);
    let scratch = Scratch::new(proposal, history);
    let mut done = Job {
        scratch,
        steps: Vec::new(),
        uses: Vec::new(),
    };
    for step in job["steps"].as_array().unwrap() {
        let name = text(&step["name"]).to_owned();
        if let Some(uses) = step["uses"].as_str() {
            done.take(uses, &step["with"]);
            continue;
        }
        let output = done.shell(text(&step["run"]), &job["env"]);
        let is_failed = !output.status.success();
        done.steps.push((name, output));
        if is_failed {
            break;
        }
    }
    done
}

impl Job {
    /// As `shell: bash` is documented: a file, run with `-eo pipefail`.
    fn shell(&self, script: &str, env: &Value) -> Output {
        let file = self.scratch.path("step.sh");
        fs::write(&file, script).unwrap();
        let mut command = self.scratch.command("bash");
        for (name, value) in env.as_object().unwrap() {
            command.env(name, text(value));
        }
        command
            .args(["--noprofile", "--norc", "-eo", "pipefail"])
            .arg(file)
            .env("GITHUB_WORKSPACE", self.scratch.checkout())
            .env("GITHUB_BASE_REF", "main")
            .env("GITHUB_STEP_SUMMARY", self.scratch.path("summary.md"))
            .output()
            .unwrap()
    }

    /// A step of the service's own: what it is given has to be there.
    fn take(&mut self, uses: &str, with: &Value) {
        let (action, version) = uses.split_once('@').unwrap();
        assert!(version.starts_with('v'), "{uses}");
        match action {
            "actions/checkout" => assert_eq!(with["fetch-depth"], 0),
            "marocchino/sticky-pull-request-comment" => {
                assert!(!self.scratch.read(text(&with["path"])).is_empty());
            }
            "github/codeql-action/upload-sarif" => {
                let sarif = self.scratch.read(text(&with["sarif_file"]));
                let sarif: Value = serde_json::from_str(&sarif).unwrap();
                assert_eq!(sarif["version"], "2.1.0");
            }
            "actions/upload-artifact" => {
                assert!(self.scratch.read(text(&with["path"])).starts_with("<?xml"));
            }
            other => panic!("{other} is not known"),
        }
        self.uses.push(action.to_owned());
    }

    /// How the last step that was run ended.
    fn last(&self) -> &(String, Output) {
        self.steps.last().unwrap()
    }
}

#[test]
fn a_change_that_breaks_nothing_passes() {
    let job = run(Proposal::Renamed);
    let (name, output) = job.last();
    assert_eq!(
        (&**name, output.status.code()),
        ("Gate", Some(0)),
        "{}",
        said(output)
    );
    let sarif: Value = serde_json::from_str(&job.scratch.read("replay.sarif")).unwrap();
    assert_eq!(
        sarif["runs"][0]["results"],
        serde_json::json!([]),
        "{sarif:#}"
    );
}

#[test]
fn a_change_that_breaks_traffic_is_stopped_and_told_in_every_report() {
    let job = run(Proposal::BreaksWeb);
    let (name, output) = job.last();
    assert_eq!(
        (&**name, output.status.code()),
        ("Gate", Some(1)),
        "{}",
        said(output)
    );
    assert_eq!(job.uses.len(), 4);
    let comment = job.scratch.read("replay.md");
    for words in ["shop/web", "shop/db", "5432", "42"] {
        assert!(comment.contains(words), "{words}:\n{comment}");
    }
    assert_eq!(
        fs::read_to_string(job.scratch.path("summary.md")).unwrap(),
        comment
    );
    let sarif: Value = serde_json::from_str(&job.scratch.read("replay.sarif")).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(
        place["artifactLocation"]["uri"], "policies/db.yaml",
        "{sarif:#}"
    );
    let line = place["region"]["startLine"].as_u64().unwrap();
    let policy = job.scratch.read("policies/db.yaml");
    assert!(
        (1..=policy.lines().count() as u64).contains(&line),
        "{line}"
    );
    let junit = job.scratch.read("replay.xml");
    assert!(
        junit.contains("<failure") && junit.contains("shop/web"),
        "{junit}"
    );
}
