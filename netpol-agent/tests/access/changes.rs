//! Rights and tokens that come and go while a stream runs.

use std::time::Duration;

use netpol_testkit::api_server::User;
use tonic::Code;

use crate::scene::{FLOWS, Scene, following, next};

/// Longer than answers are taken for true.
const OVER: Duration = Duration::from_millis(1200);

#[tokio::test]
async fn a_running_stream_widens_and_narrows_as_rights_do() {
    let scene = Scene::start().await;
    scene.server.add_token("jane", User::new("jane"));
    let mut jane = scene.caller("jane").await;
    let mut stream = jane.watch_flows(following()).await.unwrap().into_inner();
    scene.drop_from(1).await;
    tokio::time::sleep(OVER).await;
    scene.server.grant("jane", "watch", FLOWS, Some("prod"));
    scene.drop_from(2).await;
    let flow = next(&mut stream).await.unwrap();
    assert_eq!(flow.source.as_ref().unwrap().port, 2);
    assert!(flow.source.unwrap().withheld);

    scene.server.grant("jane", "watch", FLOWS, Some("ci"));
    tokio::time::sleep(OVER).await;
    scene.drop_from(3).await;
    let flow = next(&mut stream).await.unwrap();
    assert_eq!(flow.source.unwrap().pod, "build");

    scene.server.revoke("jane", "watch", FLOWS, Some("prod"));
    tokio::time::sleep(OVER).await;
    scene.drop_from(4).await;
    let flow = next(&mut stream).await.unwrap();
    assert!(flow.destination.unwrap().withheld);

    scene.server.revoke("jane", "watch", FLOWS, Some("ci"));
    tokio::time::sleep(OVER).await;
    scene.drop_from(5).await;
    tokio::time::sleep(OVER).await;
    scene.server.grant("jane", "watch", FLOWS, None);
    tokio::time::sleep(OVER).await;
    scene.drop_from(6).await;
    let flow = next(&mut stream).await.unwrap();
    assert_eq!(flow.source.unwrap().port, 6, "5 was not to be seen");
    scene.stop().await;
}

#[tokio::test]
async fn a_token_that_is_revoked_ends_its_streams_also_where_nothing_happens() {
    let scene = Scene::start().await;
    scene.server.add_token("jane", User::new("jane"));
    scene.server.grant("jane", "watch", FLOWS, None);
    let mut jane = scene.caller("jane").await;
    let mut stream = jane.watch_flows(following()).await.unwrap().into_inner();
    scene.drop_from(1).await;
    next(&mut stream).await.unwrap();
    scene.server.revoke_token("jane");
    let end = next(&mut stream).await.unwrap_err();
    assert_eq!(end.code(), Code::Unauthenticated, "{end}");
    scene.stop().await;
}
