//! What callers see who may read some namespaces, one, or all.

use std::time::{Duration, SystemTime};

use netpol_api::v1;
use netpol_api::v1::read_history_response::Item;
use netpol_history::file::read_any;
use netpol_policy::history::add_up;
use netpol_testkit::api_server::User;
use prost::Message;
use tokio::time::{sleep, timeout};
use tonic::Code;

use crate::scene::{FLOWS, PATIENCE, Scene, read};

fn all() -> v1::WatchFlowsRequest {
    v1::WatchFlowsRequest::default()
}

fn tells(message: &impl Message, text: &str) -> bool {
    let bytes = message.encode_to_vec();
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

#[tokio::test]
async fn owner_of_the_destination_sees_who_was_blocked_by_address_and_which_policy_did_it() {
    let scene = Scene::start().await;
    scene.drop_between("192.0.2.1", "192.0.2.2", 9).await;
    scene.keep(1).await;
    scene
        .server
        .add_token("jane", User::new("jane").group("prod-team"));
    scene
        .server
        .grant("prod-team", "watch", FLOWS, Some("prod"));
    let flows = read(&mut scene.caller("jane").await, all()).await.unwrap();
    let [flow] = &*flows else {
        panic!("{flows:#?}")
    };
    let (source, destination) = (
        flow.source.as_ref().unwrap(),
        flow.destination.as_ref().unwrap(),
    );
    assert!(source.withheld && !destination.withheld);
    assert_eq!((&*source.address, &*destination.pod), ("10.0.0.1", "web"));
    assert_eq!(
        flow.summary,
        "prod/restrict-traffic: no ingress rule admits 10.0.0.1"
    );
    assert!(!tells(flow, "build") && !tells(flow, "ci"), "{flow:#?}");
    scene.stop().await;
}

#[tokio::test]
async fn owner_of_the_source_does_not_see_whose_policy_it_was() {
    let scene = Scene::start().await;
    scene.keep(1).await;
    scene.server.add_token("joe", User::new("joe"));
    scene.server.grant("joe", "watch", FLOWS, Some("ci"));
    let flows = read(&mut scene.caller("joe").await, all()).await.unwrap();
    let computed = flows[0].computed.as_ref().unwrap();
    assert_eq!(computed.verdict(), v1::computed::Verdict::Denied);
    assert!(computed.ingress.as_ref().unwrap().withheld);
    assert_eq!(
        flows[0].summary,
        "denied by a policy of a namespace that you may not read"
    );
    for name in ["web", "prod", "restrict-traffic"] {
        assert!(!tells(&flows[0], name), "{name}: {:#?}", flows[0]);
    }
    scene.stop().await;
}

#[tokio::test]
async fn a_filter_tells_nothing_of_what_is_withheld() {
    let scene = Scene::start().await;
    scene.keep(1).await;
    scene.server.add_token("jane", User::new("jane"));
    scene.server.grant("jane", "watch", FLOWS, Some("prod"));
    let mut jane = scene.caller("jane").await;
    let end = |end: v1::EndpointFilter| v1::FlowFilter {
        source: Some(end),
        ..v1::FlowFilter::default()
    };
    let of = |text: &str| vec![text.to_owned()];
    let guesses = [
        end(v1::EndpointFilter {
            pod: of("ci/build"),
            ..Default::default()
        }),
        end(v1::EndpointFilter {
            label_selector: of("app=build"),
            ..Default::default()
        }),
        end(v1::EndpointFilter {
            namespace: vec!["ci".into(), "prod".into()],
            ..Default::default()
        }),
    ];
    for filter in guesses {
        let asked = v1::WatchFlowsRequest {
            filter: Some(filter.clone()),
            ..all()
        };
        assert_eq!(read(&mut jane, asked).await.unwrap(), [], "{filter:?}");
        let asked = v1::WatchFlowsRequest {
            exclude: Some(filter.clone()),
            ..all()
        };
        assert_eq!(read(&mut jane, asked).await.unwrap().len(), 1, "{filter:?}");
    }
    // What is not withheld can be asked for.
    let policy = v1::FlowFilter {
        policy: of("prod/restrict-traffic"),
        ..Default::default()
    };
    let asked = v1::WatchFlowsRequest {
        filter: Some(policy.clone()),
        ..all()
    };
    assert_eq!(read(&mut jane, asked.clone()).await.unwrap().len(), 1);
    scene.server.add_token("joe", User::new("joe"));
    scene.server.grant("joe", "watch", FLOWS, Some("ci"));
    let mut joe = scene.caller("joe").await;
    assert_eq!(read(&mut joe, asked).await.unwrap(), []);
    assert_eq!(read(&mut joe, all()).await.unwrap().len(), 1);
    scene.stop().await;
}

#[tokio::test]
async fn who_may_read_all_namespaces_sees_everything() {
    let scene = Scene::start_with("--tls-client-ca DIR/ca.crt").await;
    scene.drop_between("192.0.2.1", "192.0.2.2", 9).await;
    scene.keep(1).await;
    scene.server.add_token("root", User::new("root"));
    scene.server.grant("root", "watch", FLOWS, None);
    let everything = read(&mut scene.by_socket().await.unwrap(), all())
        .await
        .unwrap();
    assert_eq!(everything.len(), 2);
    for caller in [
        scene.caller("root").await,
        scene.caller_with_certificate().await,
    ] {
        let mut caller = caller;
        assert_eq!(read(&mut caller, all()).await.unwrap(), everything);
    }
    scene.stop().await;
}

#[tokio::test]
async fn status_names_objects_to_those_alone_who_may_get_it() {
    let scene = Scene::start().await;
    scene.keep(1).await;
    let mut whole = scene.by_socket().await.unwrap();
    let whole = whole.get_status(v1::GetStatusRequest {}).await.unwrap();
    assert!(tells(whole.get_ref(), "ci/build") && tells(whole.get_ref(), "veth-build"));

    scene.server.add_token("jane", User::new("jane"));
    let mut jane = scene.caller("jane").await;
    let seen = jane
        .get_status(v1::GetStatusRequest {})
        .await
        .unwrap()
        .into_inner();
    for name in ["build", "web", "veth-", &scene.server.url()] {
        assert!(!tells(&seen, name), "{name}: {seen:#?}");
    }
    assert_eq!(seen.node, "node-1");
    assert_eq!(seen.inventory.as_ref().unwrap().pods, 2);
    assert!(
        seen.warnings[0].contains("status.observer.netpol"),
        "{:?}",
        seen.warnings
    );

    scene.server.add_token("root", User::new("root"));
    scene
        .server
        .grant("root", "get", "status.observer.netpol", None);
    let mut root = scene.caller("root").await;
    let seen = root.get_status(v1::GetStatusRequest {}).await.unwrap();
    assert!(tells(seen.get_ref(), "ci/build"));
    let refused = read(&mut root, all()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    scene.stop().await;
}

#[tokio::test]
async fn history_is_the_lines_of_a_whole_file_of_the_node() {
    let scene = Scene::start_with("--authorization-cache 1 --history DIR/history").await;
    scene.keep(3).await;
    scene.server.add_token("root", User::new("root"));
    scene.server.grant("root", "watch", FLOWS, None);
    let ask = async |since: Option<SystemTime>| {
        let request = v1::ReadHistoryRequest {
            since: since.map(Into::into),
        };
        let mut root = scene.caller("root").await;
        let mut stream = root.read_history(request).await.unwrap().into_inner();
        let mut file = Vec::new();
        while let Some(response) = stream.message().await.unwrap() {
            assert_eq!(response.node, "node-1");
            match response.item.unwrap() {
                Item::Lines(lines) => {
                    assert_eq!(lines.last(), Some(&b'\n'));
                    file.extend(lines);
                }
                Item::Missing(why) => panic!("{why}"),
            }
        }
        let read = read_any(&*file, |_| {}).unwrap();
        assert_eq!(read.problems.iter().count(), 0, "{:?}", read.problems);
        add_up(read.parts)
    };
    let remembered = async {
        loop {
            let history = ask(None).await;
            let seen: u64 = history
                .edges
                .iter()
                .map(|edge| edge.totals.connections)
                .sum();
            // The store is named once it is open.
            if seen == 3 && !history.nodes[0].store.is_empty() {
                return history;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let history = timeout(PATIENCE, remembered).await.unwrap();
    assert_eq!(&*history.nodes[0].name, "node-1");
    assert_eq!(history.missing, []);
    let later = SystemTime::now() + Duration::from_secs(60);
    let nothing_new = ask(Some(later)).await;
    assert_eq!((nothing_new.edges, nothing_new.uses), (vec![], vec![]));
    assert_eq!(nothing_new.nodes[0].store, history.nodes[0].store);
    assert_eq!(nothing_new.nodes[0].intervals, []);
    scene.stop().await;
}
