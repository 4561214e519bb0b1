//! Each way in which a kubeconfig says who its user is, and the token that the relay is shown.

use std::{fs, os::unix::fs::PermissionsExt};

use netpol_testkit::authority::Validity;
use serde_json::json;

use super::*;

async fn world() -> World {
    World::start(Script::new(Play::of(story()))).await
}

async fn list(world: &World) {
    let output = world.flows(&["list"]).output().await.unwrap();
    assert_eq!(text(&output.stderr), "");
    assert!(output.status.success());
}

#[tokio::test]
async fn a_token_file() {
    let world = world().await;
    let file = world.dir.path().join("token");
    fs::write(&file, format!("{}\n", world.api.token())).unwrap();
    // Relative to the kubeconfig.
    world.change_kubeconfig(|config| config["users"][0]["user"] = json!({ "tokenFile": "token" }));
    list(&world).await;
    assert_eq!(
        world.relay.shown(),
        [format!("Bearer {}", world.api.token())]
    );
}

/// A plugin that notes each run and answers with this status.
fn plugin(world: &World, status: &serde_json::Value) {
    let program = world.dir.path().join("plugin");
    let answer = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": status,
    });
    let runs = world.dir.path().join("runs");
    let script = format!(
        "#!/bin/sh\necho run >> {}\necho '{answer}'\n",
        runs.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    world.change_kubeconfig(|config| {
        config["users"][0]["user"] = json!({ "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "./plugin",
            "interactiveMode": "Never",
        } });
    });
}

fn runs(world: &World) -> usize {
    let runs = fs::read_to_string(world.dir.path().join("runs")).unwrap();
    runs.lines().count()
}

#[tokio::test]
async fn a_plugin_that_gives_a_token_runs_once() {
    for expires in [None, Some("2100-01-01T00:00:00Z")] {
        let world = world().await;
        plugin(
            &world,
            &json!({ "token": world.api.token(), "expirationTimestamp": expires }),
        );
        list(&world).await;
        assert_eq!(
            world.relay.shown(),
            [format!("Bearer {}", world.api.token())]
        );
        assert_eq!(runs(&world), 1);
    }
}

#[tokio::test]
async fn a_client_certificate_gets_a_token_of_the_reader() {
    let world = world().await;
    let path = world.kubeconfig();
    world.api.kubeconfig_with_client_certificate(&path).unwrap();
    world.apply("v1", "ServiceAccount", "netpol", "netpol-reader", json!({}));
    list(&world).await;
    let shown = world.relay.shown();
    let token = shown[0].strip_prefix("Bearer ").unwrap();
    assert!(!token.is_empty() && token != world.api.token(), "{shown:?}");
}

#[tokio::test]
async fn a_relay_that_wants_no_token_is_read_without_one() {
    let world = world().await;
    let path = world.kubeconfig();
    world.api.kubeconfig_with_client_certificate(&path).unwrap();
    list(&world).await;
    assert_eq!(world.relay.shown(), [""]);
}

#[tokio::test]
async fn why_there_is_no_token_is_told_where_one_is_needed() {
    let world = world().await;
    let path = world.kubeconfig();
    world.api.kubeconfig_with_client_certificate(&path).unwrap();
    world.relay.only("x");
    assert_eq!(
        world.error(&["list"]).await,
        "flows: relay netpol/netpol-relay-0 of context testkit does not know who you are: a bearer token is needed, of 8 \
         characters (the kubeconfig's user shows no bearer token, and none could be had for netpol-reader: there is no \
         ServiceAccount netpol-reader in netpol's namespace; --token-file FILE gives one)\n"
    );
    world.apply("v1", "ServiceAccount", "netpol", "netpol-reader", json!({}));
    world.api.deny("create", "serviceaccounts/token");
    let said = world.error(&["list"]).await;
    assert!(
        said.contains("ask the cluster's administrator to allow `create` on `serviceaccounts/token` in namespace netpol"),
        "{said}"
    );
}

#[tokio::test]
async fn a_token_file_of_the_command_line_comes_first() {
    let world = world().await;
    let file = world.dir.path().join("other");
    fs::write(&file, "secret").unwrap();
    world.relay.only("secret");
    let mut command = world.flows(&["list", "--token-file"]);
    let output = command.arg(&file).output().await.unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(world.relay.shown(), ["Bearer secret"]);
}

#[tokio::test]
async fn a_certificate_of_the_command_line_is_shown_instead_of_a_token() {
    let world = world().await;
    let identity = world.authority.client("jane", Validity::Always).unwrap();
    let (certificate, key) = identity.write(world.dir.path(), "jane").unwrap();
    let mut command = world.flows(&["list"]);
    command
        .arg("--tls-cert")
        .arg(certificate)
        .arg("--tls-key")
        .arg(key);
    let output = command.output().await.unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(world.relay.shown(), [""]);
}

#[tokio::test]
async fn a_plugin_that_fails_or_is_missing_is_named() {
    let world = world().await;
    plugin(&world, &json!({}));
    fs::write(
        world.dir.path().join("plugin"),
        "#!/bin/sh\necho 'login expired' >&2\nexit 3\n",
    )
    .unwrap();
    assert_eq!(
        world.error(&["list"]).await,
        "flows: context testkit: the kubeconfig's credential plugin DIR/./plugin failed (exit status: 3): login expired\n"
    );
    fs::remove_file(world.dir.path().join("plugin")).unwrap();
    let said = world.error(&["list"]).await;
    assert!(
        said.starts_with("flows: context testkit: the kubeconfig's credential plugin DIR/./plugin cannot be started: No such file"),
        "{said}"
    );
}

#[tokio::test]
async fn acting_as_another_is_told_not_to_hold_for_the_relay() {
    let world = world().await;
    world.change_kubeconfig(|config| config["users"][0]["user"]["as"] = json!("jane"));
    let output = world.flows(&["list"]).output().await.unwrap();
    assert_eq!(
        text(&output.stderr),
        "flows: context testkit acts as jane: that holds for the API server; the relay is shown who you are\n"
    );
}
