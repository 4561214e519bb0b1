//! As kubectl runs it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use netpol_testkit::{Requirement, requirement::require};
use tokio::process::Command;

use super::*;
use crate::{call, flows};

/// kubectl, with our programs and `more` on its path.
fn kubectl(world: &World, more: &Path, arguments: &[&str]) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_kubectl-flows"));
    let ours = [programs.parent().unwrap().to_owned(), more.to_owned()];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = ours.into_iter().chain(std::env::split_paths(&path));
    let mut command = call("kubectl", arguments);
    command
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("KUBECONFIG", world.kubeconfig());
    command
}

#[tokio::test]
async fn kubectl_finds_it_by_its_name() {
    if !require(&[Requirement::Command("kubectl")]) {
        return;
    }
    let world = World::start(Script::new(Play::of(story()))).await;
    let arguments = ["flows", "list", "-A", "--context", "testkit"];
    let mut command = kubectl(&world, Path::new("/nonexistent"), &arguments);
    let output = command.output().await.unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(text(&output.stdout).lines().count(), 3);
}

#[tokio::test]
async fn kubectl_completes_it() {
    if !require(&[Requirement::Command("kubectl")]) {
        return;
    }
    let world = World::start(Script::new(Play::default())).await;
    let script = flows(&["completion", "kubectl"]).output().await.unwrap();
    let program = world.dir.path().join("kubectl_complete-flows");
    fs::write(&program, script.stdout).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    for (words, first) in [
        (&["wat"][..], "watch\tShow flows as they happen"),
        (&["watch", "--context", ""], "testkit"),
        (
            &["list", "--blo"],
            "--blocked\tOnly blocked connections: dropped or rejected",
        ),
    ] {
        let arguments = [&["__complete", "flows"], words].concat();
        let mut command = kubectl(&world, world.dir.path(), &arguments);
        let output = command.output().await.unwrap();
        let said = text(&output.stdout);
        assert_eq!(
            said.lines().next().map(str::trim_end),
            Some(first),
            "{output:?}"
        );
    }
}

#[tokio::test]
async fn its_help_speaks_of_kubectl() {
    let program = env!("CARGO_BIN_EXE_kubectl-flows");
    let output = call(program, &["watch", "--help"]).output().await.unwrap();
    let help = text(&output.stdout);
    assert!(
        help.contains("Usage: kubectl flows watch [OPTIONS]"),
        "{help}"
    );
}
