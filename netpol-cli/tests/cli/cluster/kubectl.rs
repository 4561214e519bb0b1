//! As kubectl runs it.

use std::path::Path;

use netpol_testkit::{Requirement, requirement::require};

use super::*;
use crate::call;

#[tokio::test]
async fn kubectl_finds_it_by_its_name() {
    if !require(&[Requirement::Command("kubectl")]) {
        return;
    }
    let world = World::start(Script::new(Play::of(story()))).await;
    let programs = Path::new(env!("CARGO_BIN_EXE_kubectl-flows"))
        .parent()
        .unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = [programs.to_owned()]
        .into_iter()
        .chain(std::env::split_paths(&path));
    let mut command = call("kubectl", &["flows", "list", "-A", "--context", "testkit"]);
    command
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("KUBECONFIG", world.kubeconfig());
    let output = command.output().await.unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(text(&output.stdout).lines().count(), 3);
}

#[tokio::test]
async fn its_help_speaks_of_kubectl() {
    let output = call(env!("CARGO_BIN_EXE_kubectl-flows"), &["watch", "--help"])
        .output()
        .await
        .unwrap();
    assert!(
        text(&output.stdout).contains("Usage: kubectl flows watch [OPTIONS]"),
        "{}",
        text(&output.stdout)
    );
}
