//! The API server that is asked: what it is told, how often, and what becomes of callers when it does not answer.

use std::time::Duration;

use netpol_api::v1;
use netpol_testkit::api_server::User;
use tonic::Code;

use crate::scene::{FLOWS, Scene, following, next, read};

const TOKEN_REVIEWS: &str = "tokenreviews.authentication.k8s.io";
const ACCESS_REVIEWS: &str = "subjectaccessreviews.authorization.k8s.io";

#[tokio::test]
async fn groups_and_extra_go_with_the_question() {
    let scene = Scene::start().await;
    let jane = User::new("jane").group("prod-team").extra("scopes", "read");
    scene.server.add_token("jane", jane);
    let mut caller = scene.caller("jane").await;
    caller.get_status(v1::GetStatusRequest {}).await.unwrap();
    let asked = &scene.server.access_reviews()[0];
    assert_eq!(asked["user"], "jane");
    assert_eq!(
        asked["groups"],
        serde_json::json!(["system:authenticated", "prod-team"])
    );
    assert_eq!(asked["extra"]["scopes"], serde_json::json!(["read"]));
    assert_eq!(asked["uid"], "uid of jane");
    let attributes = &asked["resourceAttributes"];
    assert_eq!(attributes["group"], "observer.netpol");
    assert_eq!(
        (&attributes["verb"], &attributes["resource"]),
        (&"get".into(), &"status".into())
    );
    scene.stop().await;
}

#[tokio::test]
async fn many_callers_at_once_cost_one_question() {
    let scene = Scene::start_with("").await;
    scene.keep(100).await;
    scene.server.add_token("jane", User::new("jane"));
    scene.server.grant("jane", "watch", FLOWS, Some("prod"));
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let mut caller = scene.caller("jane").await;
        readers.spawn(async move { read(&mut caller, v1::WatchFlowsRequest::default()).await });
    }
    while let Some(flows) = readers.join_next().await {
        assert_eq!(flows.unwrap().unwrap().len(), 100);
    }
    assert_eq!(scene.reviews(TOKEN_REVIEWS), 1);
    // All namespaces, and each of two.
    assert_eq!(scene.reviews(ACCESS_REVIEWS), 3);
    scene.stop().await;
}

#[tokio::test]
async fn tokens_are_taken_for_the_audience_that_is_asked_for() {
    let scene = Scene::start_with("--token-audience netpol").await;
    scene.server.add_token("for-others", User::new("jane"));
    scene
        .server
        .add_token_for("for-us", User::new("jane"), &["netpol"]);
    let mut caller = scene.caller("for-others").await;
    let refused = caller
        .get_status(v1::GetStatusRequest {})
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let mut caller = scene.caller("for-us").await;
    caller.get_status(v1::GetStatusRequest {}).await.unwrap();
    scene.stop().await;
}

#[tokio::test]
async fn away_it_lets_nobody_in_and_streams_end_when_its_answers_are_old() {
    let scene = Scene::start_with("--authorization-cache 3").await;
    scene.server.add_token("jane", User::new("jane"));
    scene.server.grant("jane", "watch", FLOWS, None);
    let mut jane = scene.caller("jane").await;
    let mut stream = jane.watch_flows(following()).await.unwrap().into_inner();
    scene.drop_from(1).await;
    next(&mut stream).await.unwrap();
    scene.server.stop().unwrap();
    // What it said a moment ago holds.
    scene.drop_from(2).await;
    next(&mut stream).await.unwrap();
    let end = next(&mut stream).await.unwrap_err();
    assert_eq!(end.code(), Code::Unavailable, "{end}");
    let refused = jane.watch_flows(following()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(
        refused.message(),
        "who you are and what you may read cannot be asked of the API server: it cannot be reached"
    );
    let mut by_socket = scene.by_socket().await.unwrap();
    let kept = read(&mut by_socket, v1::WatchFlowsRequest::default()).await;
    assert_eq!(kept.unwrap().len(), 2);

    scene.server.restart().unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    jane.watch_flows(following()).await.unwrap();
    scene.stop().await;
}

#[tokio::test]
async fn rights_that_the_agent_itself_lacks_are_told() {
    let scene = Scene::start().await;
    scene.server.add_token("jane", User::new("jane"));
    scene.server.deny("create", ACCESS_REVIEWS);
    let mut jane = scene.caller("jane").await;
    let refused = jane.get_status(v1::GetStatusRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(
        refused.message().ends_with(
            "this server may not create subjectaccessreviews.authorization.k8s.io: its service account needs the \
             ClusterRole system:auth-delegator"
        ),
        "{refused}"
    );
    scene.server.fail_requests(Some(500));
    scene.server.add_token("joe", User::new("joe"));
    let mut joe = scene.caller("joe").await;
    let refused = joe.get_status(v1::GetStatusRequest {}).await.unwrap_err();
    assert!(
        refused.message().ends_with("it answers 500 InternalError"),
        "{refused}"
    );
    scene.stop().await;
}

#[tokio::test]
async fn a_caller_who_waits_for_an_answer_holds_up_nobody_else() {
    let scene = Scene::start_with("--authorization-cache 1").await;
    scene.server.add_token("jane", User::new("jane"));
    scene.server.grant("jane", "watch", FLOWS, None);
    let mut jane = scene.caller("jane").await;
    let mut waiting = jane.watch_flows(following()).await.unwrap().into_inner();
    scene.server.pause();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let mut by_socket = scene.by_socket().await.unwrap();
    let mut other = by_socket
        .watch_flows(following())
        .await
        .unwrap()
        .into_inner();
    scene.drop_from(1).await;
    let early = tokio::time::timeout(Duration::from_secs(1), next(&mut other)).await;
    early.unwrap().unwrap();
    scene.server.resume();
    next(&mut waiting).await.unwrap();
    scene.stop().await;
}
