//! A repository as a service checks it out, on a branch that somebody proposes.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::traffic;

/// A directory with the check-out and all that a runner has beside it.
pub(crate) struct Scratch(TempDir);

/// What is proposed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Proposal {
    /// The file has another name, and the policy says the same.
    Renamed,
    /// The database is for `api`, no longer for `web`.
    BreaksWeb,
}

impl Scratch {
    /// With the branch `main` at `origin`, and a topic checked out. `history` is the path of the exported history in it.
    pub(crate) fn new(proposal: Proposal, history: &str) -> Self {
        let scratch = Self(tempfile::tempdir().unwrap());
        let origin = scratch.path("origin");
        fs::create_dir_all(origin.join("policies")).unwrap();
        fs::write(origin.join("policies/db.yaml"), traffic::DB).unwrap();
        fs::create_dir(scratch.path("home")).unwrap();
        fs::create_dir(scratch.path("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_flows"), scratch.path("bin/flows")).unwrap();
        scratch.git("origin", &["init", "-q", "-b", "main"]);
        scratch.commit("origin");
        let from = format!("file://{}", origin.display());
        scratch.git("", &["clone", "-q", &from, "checkout"]);
        scratch.git("checkout", &["checkout", "-q", "-b", "topic"]);
        match proposal {
            Proposal::Renamed => {
                let names = ["mv", "policies/db.yaml", "policies/database.yaml"];
                scratch.git("checkout", &names);
            }
            Proposal::BreaksWeb => {
                let text = traffic::DB.replace("app: web", "app: api");
                fs::write(scratch.path("checkout/policies/db.yaml"), text).unwrap();
            }
        }
        scratch.commit("checkout");
        traffic::export(&scratch.checkout().join(history));
        scratch
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    pub(crate) fn checkout(&self) -> PathBuf {
        self.path("checkout")
    }

    /// A file of the check-out.
    pub(crate) fn read(&self, file: &str) -> String {
        let path = self.checkout().join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A command in the check-out, with nothing of the person's own settings.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let system = std::env::var("PATH").unwrap_or_default();
        command
            .current_dir(self.checkout())
            .env("PATH", format!("{}:{system}", self.path("bin").display()))
            .env("HOME", self.path("home"))
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            // Nobody listens there, and nobody has to.
            .env("NETPOL_SERVER", "nonsense");
        command
    }

    /// The commit that the topic began at.
    pub(crate) fn base(&self) -> String {
        let output = self.git("checkout", &["merge-base", "origin/main", "HEAD"]);
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    fn commit(&self, below: &str) -> Output {
        self.git(below, &["add", "-A"]);
        self.git(below, &["commit", "-q", "-m", "change"])
    }

    fn git(&self, below: &str, arguments: &[&str]) -> Output {
        let output = Command::new("git")
            .current_dir(self.path(below))
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
            .args(arguments)
            .env("HOME", self.path("home"))
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
        output
    }
}

/// What a command said, for a test that fails.
pub(crate) fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|one| String::from_utf8_lossy(one));
    format!("{:?}\n{out}{err}", output.status)
}
