//! Callers who get nothing but a status.

use clap::Parser;
use netpol_agent::config::Config;
use netpol_api::v1;
use netpol_testkit::api_server::User;
use netpol_transport::access::Access;
use netpol_transport::client::{self, Client, Token};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;

use crate::scene::{FLOWS, Scene, following, read};

async fn refused(scene: &Scene, token: &str) -> Status {
    let mut caller = scene.caller(token).await;
    let status = caller
        .get_status(v1::GetStatusRequest {})
        .await
        .unwrap_err();
    let flows = caller.watch_flows(following()).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (flows.code(), flows.message())
    );
    flows
}

#[tokio::test]
async fn without_a_good_token_there_is_nothing() {
    let scene = Scene::start().await;
    let none = refused(&scene, "").await;
    assert_eq!(none.code(), Code::Unauthenticated);
    assert!(
        none.message()
            .starts_with("a bearer token of the cluster is needed")
    );
    assert_eq!(scene.reviews("tokenreviews.authentication.k8s.io"), 0);
    let bad = refused(&scene, "guessed").await;
    assert_eq!(bad.code(), Code::Unauthenticated);
    assert!(
        bad.message()
            .starts_with("the API server does not accept the token: "),
        "{bad}"
    );
    assert!(!bad.message().contains("guessed"), "{bad}");
    scene.stop().await;
}

#[tokio::test]
async fn a_token_opens_neither_health_nor_reflection() {
    let scene = Scene::start().await;
    scene.server.add_token("root", User::new("root"));
    scene.server.grant("root", "*", "*", None);
    let (server, mut options) = scene.over_tls();
    options.token = Some(Token::Text("root".to_owned()));
    let channel = client::channel(&server, &options).await.unwrap();
    let mut reflection = ServerReflectionClient::new(channel.clone());
    let asked = tokio_stream::iter([ServerReflectionRequest::default()]);
    let status = reflection.server_reflection_info(asked).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let mut health = HealthClient::new(channel);
    let status = health
        .check(HealthCheckRequest::default())
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    scene.stop().await;
}

#[tokio::test]
async fn whoever_has_no_right_is_told_which_one_is_missing() {
    let scene = Scene::start().await;
    scene.keep(1).await;
    scene.server.add_token("jane", User::new("jane"));
    let mut jane = scene.caller("jane").await;
    let nothing = read(&mut jane, v1::WatchFlowsRequest::default())
        .await
        .unwrap_err();
    assert_eq!(nothing.code(), Code::PermissionDenied);
    assert_eq!(
        nothing.message(),
        "none of the flows here is of a namespace in which User \"jane\" can watch resource \"flows\" in API group \
         \"observer.netpol\""
    );
    let filter = v1::FlowFilter {
        any_end: Some(v1::EndpointFilter {
            namespace: vec!["prod".to_owned()],
            ..v1::EndpointFilter::default()
        }),
        ..v1::FlowFilter::default()
    };
    let named = v1::WatchFlowsRequest {
        filter: Some(filter),
        ..following()
    };
    let denied = jane.watch_flows(named).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    assert_eq!(
        denied.message(),
        "User \"jane\" cannot watch resource \"flows\" in API group \"observer.netpol\" in the namespace \"prod\""
    );
    // Rights on other resources and verbs are others.
    scene.server.grant("jane", "get", FLOWS, None);
    scene.server.grant("jane", "watch", "flows", None);
    scene.server.grant("jane", "watch", "pods", None);
    let mut jane = scene.caller("jane").await;
    read(&mut jane, v1::WatchFlowsRequest::default())
        .await
        .unwrap_err();
    scene.stop().await;
}

#[tokio::test]
async fn history_is_for_those_alone_who_may_read_every_flow() {
    let scene = Scene::start_with("--authorization-cache 1 --tls-client-ca DIR/ca.crt").await;
    for (token, namespace) in [("jane", Some("prod")), ("root", None)] {
        scene.server.add_token(token, User::new(token));
        scene.server.grant(token, "watch", FLOWS, namespace);
    }
    let ask = async |mut caller: Client| {
        let asked = caller.read_history(v1::ReadHistoryRequest::default());
        asked.await.unwrap_err()
    };
    let jane = ask(scene.caller("jane").await).await;
    assert_eq!(jane.code(), Code::PermissionDenied);
    assert_eq!(
        jane.message(),
        "history is of all namespaces: User \"jane\" cannot watch resource \"flows\" in API group \"observer.netpol\" \
         at the cluster scope"
    );
    let nobody = ask(scene.caller("").await).await;
    assert_eq!(nobody.code(), Code::Unauthenticated);
    // Those who may are told that there is none.
    for caller in [
        scene.caller("root").await,
        scene.caller_with_certificate().await,
        scene.by_socket().await.unwrap(),
    ] {
        let none = ask(caller).await;
        assert_eq!(none.code(), Code::FailedPrecondition);
        assert_eq!(
            none.message(),
            "this agent remembers no traffic: start it with --history DIR"
        );
    }
    scene.stop().await;
}

#[test]
fn manifests_alone_have_nobody_to_ask() {
    let line = "netpol-agent --inventory /manifests --listen 127.0.0.1:0 --tls-cert /c --tls-key /k --authorization \
                kubernetes";
    let config = Config::parse_from(line.split_whitespace());
    let error = Access::new(&config.serving, None)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.starts_with("--authorization kubernetes needs an API server to ask"),
        "{error}"
    );
}
