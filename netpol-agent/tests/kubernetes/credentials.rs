//! Tokens, certificates and kubeconfigs that are not good.

use std::process::Command;
use std::time::{Duration, Instant};

use netpol_testkit::api_server::Certificate;
use netpol_testkit::artifact;
use netpol_testkit::requirement::require_root;

use crate::scene::{Scene, every_watch, wait_for, watch};

const UNTRUSTED: &str = "the certificate of the API server cannot be trusted: ";

#[test]
fn a_token_that_expired_is_told() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    let agent = scene.agent();
    wait_for(&agent, |status| {
        status["pods"] == 2 && every_watch(status, "following")
    });
    scene.server.expire_token();
    scene.server.cut_streams();
    let status = wait_for(&agent, |status| watch(status, "pods")["state"] == "failing");
    let error = watch(&status, "pods")["error"].as_str().unwrap();
    assert!(
        error.contains("401") && error.contains("expired"),
        "{error}"
    );
    assert_eq!(status["pods"], 2);
    scene.server.renew_token();
    wait_for(&agent, |status| every_watch(status, "following"));
    agent.stop().unwrap();
}

#[test]
fn a_certificate_is_checked_and_may_be_shown() {
    if !require_root() {
        return;
    }
    let scene = Scene::with(Some(Certificate::Valid));
    let server = &scene.server;
    let agent = scene.agent_with(|path| server.kubeconfig_with_client_certificate(path).unwrap());
    wait_for(&agent, |status| {
        status["pods"] == 2 && every_watch(status, "following")
    });
    agent.stop().unwrap();

    let agent = scene.agent_with(|path| server.kubeconfig_with_other_authority(path).unwrap());
    let status = wait_for(&agent, |status| every_watch(status, "failing"));
    let error = watch(&status, "pods")["error"].as_str().unwrap();
    assert!(error.starts_with(UNTRUSTED), "{error}");
    agent.stop().unwrap();
}

#[test]
fn a_certificate_that_is_not_good_is_told() {
    if !require_root() {
        return;
    }
    for (certificate, why) in [
        (Certificate::Expired, "expired"),
        (Certificate::OtherHost, "not valid for name"),
    ] {
        let scene = Scene::with(Some(certificate));
        let agent = scene.agent();
        let status = wait_for(&agent, |status| every_watch(status, "failing"));
        let error = watch(&status, "pods")["error"].as_str().unwrap();
        assert!(
            error.starts_with(UNTRUSTED) && error.contains(why),
            "{error}"
        );
        agent.stop().unwrap();
    }
}

/// What the agent says when it does not start.
fn refusal(arguments: &[&str]) -> String {
    let agent = artifact::binary("netpol-agent").unwrap();
    let mut command = Command::new(agent);
    command
        .args(arguments)
        .env_remove("KUBERNETES_SERVICE_HOST");
    let output = command.output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_credential_plugin_that_never_ends_is_told() {
    if !require_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = directory.path().join("kubeconfig");
    let plugin = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
        "clusters": [{ "name": "c", "cluster": { "server": "http://127.0.0.1:1" } }],
        "users": [{ "name": "u", "user": { "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "sleep",
            "args": ["60"],
            "interactiveMode": "Never",
        } } }],
    });
    std::fs::write(&kubeconfig, plugin.to_string()).unwrap();
    let socket = directory.path().join("agent.sock");
    let begin = Instant::now();
    let refusal = refusal(&[
        "--socket",
        socket.to_str().unwrap(),
        "--kubeconfig",
        kubeconfig.to_str().unwrap(),
    ]);
    assert!(begin.elapsed() < Duration::from_secs(40));
    assert!(
        refusal.contains(
            "the credential plugin of the kubeconfig for http://127.0.0.1:1/ did not end"
        ),
        "{refusal}"
    );
}

#[test]
fn credentials_that_cannot_be_used_are_told_at_once() {
    if !require_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("agent.sock");
    let socket = socket.to_str().unwrap();
    let nothing = refusal(&["--socket", socket]);
    assert!(
        nothing.contains(
            "give --inventory DIR, or --kubeconfig FILE, or run in a pod with a service account"
        ),
        "{nothing}"
    );
    let missing = refusal(&["--socket", socket, "--kubeconfig", "/nonexistent/config"]);
    assert!(
        missing.contains("cannot use the kubeconfig /nonexistent/config"),
        "{missing}"
    );
}
