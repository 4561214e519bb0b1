//! What is wrong, in words that say what to do about it.

use std::fs;

use netpol_testkit::{ApiServer, Authority, api_server::Certificate};
use serde_json::json;

use super::*;
use crate::flows;

async fn world() -> World {
    World::start(Script::new(Play::of(story()))).await
}

#[tokio::test]
async fn nothing_to_ask_names_both_that_could_be_there() {
    let output = flows(&["list"]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "flows: there is nothing to ask: no agent's socket at /run/netpol/agent.sock, and no kubeconfig at \
         /nonexistent/.kube/config; on a node, is netpol-agent running? elsewhere, give --kubeconfig FILE or --server \
         ADDRESS\n"
    );
}

#[tokio::test]
async fn an_unknown_context_lists_those_there_are() {
    let world = world().await;
    assert_eq!(
        world.error(&["list", "--context", "prod"]).await,
        "flows: the kubeconfig DIR/config has no context \"prod\"; --context takes testkit\n"
    );
}

#[tokio::test]
async fn several_kubeconfigs_are_one_and_one_that_is_missing_is_none() {
    let world = world().await;
    let other = world.dir.path().join("other");
    fs::write(
        &other,
        "{contexts: [{name: x, context: {cluster: x}}], current-context: x}",
    )
    .unwrap();
    let list = std::env::join_paths(["/nonexistent/config".into(), other, world.kubeconfig()]);
    let mut command = flows(&["list", "--context", "testkit"]);
    let output = command
        .env("KUBECONFIG", list.unwrap())
        .output()
        .await
        .unwrap();
    assert_eq!(text(&output.stderr), "");
    assert!(output.status.success());
}

#[tokio::test]
async fn an_api_server_that_is_away() {
    let world = world().await;
    world.api.stop().unwrap();
    assert_eq!(
        world.error(&["list"]).await,
        "flows: context testkit (URL/): nothing listens at the address of the API server (connection refused)\n"
    );
}

#[tokio::test]
async fn an_api_server_with_another_certificate() {
    let world = world().await;
    let path = world.kubeconfig();
    world.api.kubeconfig_with_other_authority(&path).unwrap();
    let said = world.error(&["list"]).await;
    assert!(
        said.starts_with(
            "flows: context testkit (URL/): the certificate of the API server cannot be trusted ("
        ),
        "{said}"
    );
    assert!(
        said.ends_with("is the kubeconfig this cluster's?\n"),
        "{said}"
    );
    drop(ApiServer::builder().tls(Certificate::Expired));
}

#[tokio::test]
async fn an_expired_token() {
    let world = world().await;
    world.api.expire_token();
    assert_eq!(
        world.error(&["list"]).await,
        "flows: context testkit (URL/): the API server does not accept the credentials (401 Unauthorized): the token or \
         certificate is wrong, has expired or was revoked; log in again\n"
    );
}

#[tokio::test]
async fn rights_that_are_missing_are_named_as_a_role_grants_them() {
    for (verb, resource, begins, asks) in [
        (
            "list",
            "pods",
            "flows: context testkit (URL/): pods is forbidden: User ",
            "allow `list` on `pods` in namespace netpol",
        ),
        (
            "get",
            "pods/portforward",
            "flows: no connection to relay netpol/netpol-relay-0 of context testkit through the API server: pods ",
            "allow `get, create` on `pods/portforward` in namespace netpol",
        ),
        (
            "get",
            "configmaps",
            "flows: it cannot be told whether relay netpol/netpol-relay-0 of context testkit is really netpol's: \
             configmaps \"netpol-ca\" is forbidden",
            "allow `get` on `configmaps` in namespace netpol; --tls-ca FILE names the authority",
        ),
    ] {
        let world = world().await;
        world.api.deny(verb, resource);
        let said = world.error(&["list"]).await;
        assert!(said.starts_with(begins), "{said}");
        assert!(
            said.contains("(403 Forbidden); ask the cluster's administrator to "),
            "{said}"
        );
        assert!(said.ends_with(&format!("{asks}\n")), "{said}");
    }
}

#[tokio::test]
async fn no_netpol_in_that_namespace() {
    let world = world().await;
    assert_eq!(
        world.error(&["list", "--netpol-namespace", "other"]).await,
        "flows: there is no netpol in namespace other of context testkit: no pod is labelled \
         app.kubernetes.io/name=netpol-relay or netpol-agent; is it in another namespace? (--netpol-namespace)\n"
    );
}

#[tokio::test]
async fn a_relay_that_is_not_ready() {
    let world = world().await;
    world.apply_pod("netpol-relay", "netpol-relay-0", "worker-1", false);
    assert_eq!(
        world.error(&["list"]).await,
        "flows: relay netpol/netpol-relay-0 of context testkit is not ready: it runs, and does not say that it is ready; \
         see kubectl --context testkit -n netpol describe pod netpol-relay-0\n"
    );
}

#[tokio::test]
async fn a_relay_that_does_not_listen() {
    let world = world().await;
    world.delete_pod("netpol-relay-0");
    world.apply_pod("netpol-relay", "netpol-relay-1", "worker-1", true);
    let said = world.error(&["list"]).await;
    assert!(
        said.starts_with(
            "flows: no connection to relay netpol/netpol-relay-1 of context testkit through the API server: error \
             forwarding port 4245"
        ),
        "{said}"
    );
}

#[tokio::test]
async fn agents_without_a_relay() {
    let world = World::of("netpol-agent", "netpol", Script::new(Play::default())).await;
    world.apply_pod("netpol-agent", "netpol-agent-1", "worker-2", true);
    assert_eq!(
        world.error(&["list"]).await,
        "flows: there is no relay in namespace netpol of context testkit, and 2 agents have a part of the flows each \
         (--node asks one: worker-1, worker-2): install the relay, or ask one agent: kubectl --context testkit -n netpol \
         exec netpol-agent-0 -- flows …\n"
    );
    assert_eq!(
        world.error(&["list", "--node", "worker-9"]).await,
        "flows: no agent runs on node worker-9 of context testkit; there are agents on worker-1, worker-2\n"
    );
}

#[tokio::test]
async fn agents_that_take_no_connections_over_the_network() {
    let world = World::of("netpol-agent", "netpol", Script::new(Play::default())).await;
    let pod = json!({
        "metadata": { "labels": { "app.kubernetes.io/name": "netpol-agent" } },
        "spec": { "nodeName": "worker-1", "containers": [{ "name": "agent" }] },
        "status": { "conditions": [{ "type": "Ready", "status": "True" }] },
    });
    world.apply("v1", "Pod", "netpol", "netpol-agent-0", pod);
    let said = world.error(&["list"]).await;
    assert!(
        said.contains("and its agents take no connections over the network: install the relay"),
        "{said}"
    );
}

#[tokio::test]
async fn an_authority_that_is_missing_or_another() {
    let world = world().await;
    let other = Authority::new().unwrap();
    let data = json!({ "data": { "ca.crt": other.certificate() } });
    world.apply("v1", "ConfigMap", "netpol", "netpol-ca", data);
    assert_eq!(
        world.error(&["list"]).await,
        "flows: the certificate of relay netpol/netpol-relay-0 of context testkit is signed by no authority in ConfigMap \
         netpol/netpol-ca; --tls-ca FILE names the authority\n"
    );
    world
        .api
        .delete("ConfigMap", "netpol", "netpol-ca")
        .unwrap();
    assert_eq!(
        world.error(&["list"]).await,
        "flows: it cannot be told whether relay netpol/netpol-relay-0 of context testkit is really netpol's: there is no \
         ConfigMap netpol-ca in its namespace; --tls-ca FILE names the authority\n"
    );
    let file = world.dir.path().join("ca.crt");
    fs::write(&file, world.authority.certificate()).unwrap();
    let mut command = world.flows(&["list", "--tls-ca"]);
    assert!(command.arg(&file).status().await.unwrap().success());
    // Another name than the certificate's.
    let mut command = world.flows(&["list", "--tls-server-name", "db.shop.svc", "--tls-ca"]);
    let output = command.arg(&file).output().await.unwrap();
    let said = text(&output.stderr);
    assert!(said.contains("is not for db.shop.svc, but for"), "{said}");
}

#[tokio::test]
async fn two_servers_are_one_too_many() {
    let world = world().await;
    let output = world
        .flows(&["list", "--server", "https://x:1"])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "flows: --server and --kubeconfig name two different servers: give one of them\n"
    );
}
