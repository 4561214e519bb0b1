//! Objects that clients create and patch.

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::events::v1::Event as KubernetesEvent;
use kube::Resource;
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::events::{self, EventType, Recorder, Reporter};

use super::*;

#[tokio::test]
async fn created_and_patched_object_is_stored_and_watched() {
    let server = ApiServer::start().unwrap();
    let maps = Api::<ConfigMap>::namespaced(client(&server).await, "shop");
    let watch = maps.watch(&WatchParams::default(), "1").await.unwrap();
    let mut watch = pin!(watch);
    let map = json!({ "metadata": { "name": "settings" }, "data": { "a": "1", "b": "2" } });
    let map: ConfigMap = serde_json::from_value(map).unwrap();
    let created = maps.create(&PostParams::default(), &map).await.unwrap();
    assert!(created.uid().is_some());
    let again = maps.create(&PostParams::default(), &map).await.unwrap_err();
    assert!(
        matches!(&again, kube::Error::Api(status) if status.reason == "AlreadyExists"),
        "{again:?}"
    );
    let params = PatchParams::default();
    let patch = Patch::Merge(json!({ "data": { "a": null, "c": "3" } }));
    maps.patch("settings", &params, &patch).await.unwrap();
    let patch = Patch::Strategic(json!({ "data": { "d": "4" } }));
    let patched = maps.patch("settings", &params, &patch).await.unwrap();
    let data: Vec<_> = patched.data.unwrap().into_keys().collect();
    assert_eq!(data, ["b", "c", "d"]);
    assert_eq!(server.objects("configmaps")[0]["data"]["d"], "4");
    let mut kinds = Vec::new();
    for _ in 0..3 {
        kinds.push(match watch.try_next().await.unwrap() {
            Some(WatchEvent::Added(_)) => "added",
            Some(WatchEvent::Modified(_)) => "modified",
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(kinds, ["added", "modified", "modified"]);
    assert_eq!(count(&server, "patch", "configmaps"), 2);
}

#[tokio::test]
async fn what_a_server_would_not_write_is_refused() {
    let server = ApiServer::start().unwrap();
    let maps = Api::<ConfigMap>::namespaced(client(&server).await, "shop");
    let patch = Patch::Merge(json!({ "data": {} }));
    let code = |error: kube::Error| match error {
        kube::Error::Api(status) => status.code,
        other => panic!("{other:?}"),
    };
    let params = PatchParams::default();
    let missing = maps.patch("settings", &params, &patch).await.unwrap_err();
    assert_eq!(code(missing), 404);
    let apply = Patch::Apply(json!({ "apiVersion": "v1", "kind": "ConfigMap" }));
    let params = PatchParams::apply("tests");
    let unknown = maps.patch("settings", &params, &apply).await.unwrap_err();
    assert_eq!(code(unknown), 415);
    let elsewhere = json!({ "metadata": { "name": "settings", "namespace": "bank" } });
    let elsewhere: ConfigMap = serde_json::from_value(elsewhere).unwrap();
    let error = maps.create(&PostParams::default(), &elsewhere).await;
    assert_eq!(code(error.unwrap_err()), 400);
    let error = maps.delete("settings", &Default::default()).await;
    assert_eq!(code(error.unwrap_err()), 405);
    server.deny("create", "configmaps");
    let error = maps.create(&PostParams::default(), &elsewhere).await;
    assert_eq!(code(error.unwrap_err()), 403);
    assert!(server.objects("configmaps").is_empty());
}

#[tokio::test]
async fn recorder_of_kube_writes_its_events_here() {
    let server = ApiServer::start().unwrap();
    server.apply(pod("shop", "web", "node-1")).unwrap();
    let client = client(&server).await;
    let pods = Api::<Pod>::namespaced(client.clone(), "shop");
    let reference = pods.get("web").await.unwrap().object_ref(&());
    let reporter = Reporter {
        controller: "netpol".to_owned(),
        instance: Some("node-1".to_owned()),
    };
    let recorder = Recorder::new(client.clone(), reporter);
    let event = events::Event {
        type_: EventType::Warning,
        reason: "ConnectionBlocked".to_owned(),
        note: Some("port 5432".to_owned()),
        action: "Connect".to_owned(),
        secondary: None,
    };
    for _ in 0..3 {
        recorder.publish(&event, &reference).await.unwrap();
    }
    let stored = server.objects("events.events.k8s.io");
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0]["series"]["count"], 3);
    assert_eq!(stored[0]["regarding"]["name"], "web");
}

#[tokio::test]
async fn event_that_lacks_a_field_or_is_about_another_namespace_is_refused() {
    let server = ApiServer::start().unwrap();
    let events = Api::<KubernetesEvent>::namespaced(client(&server).await, "shop");
    let whole = json!({
        "metadata": { "name": "e" },
        "regarding": { "kind": "Pod", "namespace": "shop", "name": "web" },
        "reportingController": "netpol", "reportingInstance": "node-1",
        "action": "Connect", "reason": "Blocked", "type": "Warning",
        "eventTime": "2026-01-01T00:00:00.000000Z",
    });
    let cases = [
        ("/reason", json!(null), "reason: Required value"),
        ("/eventTime", json!(null), "eventTime: Required value"),
        ("/reportingInstance", json!("x".repeat(129)), "Too long"),
        ("/type", json!("Error"), "Normal or Warning"),
        ("/note", json!("x".repeat(1025)), "note: Too long"),
        (
            "/regarding",
            json!({ "namespace": "bank" }),
            "does not match",
        ),
    ];
    for (field, value, expected) in cases {
        let mut event = whole.clone();
        event[&field[1..]] = value;
        let event: KubernetesEvent = serde_json::from_value(event).unwrap();
        let error = events.create(&PostParams::default(), &event).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(expected), "{field}: {error}");
    }
    let event: KubernetesEvent = serde_json::from_value(whole).unwrap();
    events.create(&PostParams::default(), &event).await.unwrap();
}
