//! Tokens, certificates and kubeconfigs that are not good.

use std::process::Command;

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

#[test]
fn credentials_that_cannot_be_used_are_told_at_once() {
    let refusal = |arguments: &[&str]| {
        let agent = artifact::binary("netpol-agent").unwrap();
        let mut command = Command::new(agent);
        command
            .args(arguments)
            .env_remove("KUBERNETES_SERVICE_HOST");
        let output = command.output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
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
