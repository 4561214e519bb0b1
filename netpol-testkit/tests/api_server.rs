//! The API server double, as a client of `kube` sees it.

use std::pin::{Pin, pin};
use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{DynamicObject, ListParams, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Config, ResourceExt, discovery};
use netpol_testkit::ApiServer;
use netpol_testkit::api_server::custom_resource_definition;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);

fn pod(namespace: &str, name: &str, node: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "namespace": namespace, "name": name },
        "spec": { "nodeName": node, "containers": [] },
    })
}

/// A client made from the server's kubeconfig file, as the agent makes its own.
async fn client(server: &ApiServer) -> Client {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kubeconfig");
    server.kubeconfig(&path).unwrap();
    let kubeconfig = Kubeconfig::read_from(&path).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    Client::try_from(config.unwrap()).unwrap()
}

async fn pods(server: &ApiServer) -> Api<Pod> {
    Api::all(client(server).await)
}

/// The next item that is no error, in time. Errors are what scenarios cause.
async fn next<T>(mut stream: Pin<&mut impl Stream<Item = watcher::Result<T>>>) -> T {
    let found = async {
        loop {
            if let Ok(item) = stream.next().await.expect("a watcher has no end") {
                return item;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found)
        .await
        .expect("no event in time")
}

/// Reads a watcher's events up to the end of its beginning, and returns the names it began with.
async fn initial<S>(mut stream: Pin<&mut S>) -> Vec<String>
where
    S: Stream<Item = watcher::Result<Event<Pod>>>,
{
    let mut names = Vec::new();
    loop {
        match next(stream.as_mut()).await {
            Event::Init => names.clear(),
            Event::InitApply(pod) => names.push(pod.name_any()),
            Event::InitDone => return names,
            other => panic!("{other:?} before the end of the beginning"),
        }
    }
}

async fn eventually(condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, met)
        .await
        .expect("condition not met in time");
}

fn count(server: &ApiServer, verb: &str, resource: &str) -> u64 {
    let asked = (verb.to_owned(), resource.to_owned());
    server.requests().get(&asked).copied().unwrap_or_default()
}

#[tokio::test]
async fn list_shows_the_stored_objects_by_namespace_and_field() {
    let server = ApiServer::start().unwrap();
    server.apply(pod("shop", "web", "node-1")).unwrap();
    server.apply(pod("shop", "db", "node-2")).unwrap();
    server.apply(pod("ci", "build", "node-1")).unwrap();
    let client = client(&server).await;

    let names = |pods: Vec<Pod>| pods.iter().map(ResourceExt::name_any).collect::<Vec<_>>();
    let everywhere = Api::<Pod>::all(client.clone());
    let list = everywhere.list(&ListParams::default()).await.unwrap();
    assert_eq!(list.metadata.resource_version.as_deref(), Some("4"));
    assert_eq!(names(list.items), ["build", "db", "web"]);
    let shop = Api::<Pod>::namespaced(client.clone(), "shop");
    assert_eq!(
        names(shop.list(&ListParams::default()).await.unwrap().items),
        ["db", "web"]
    );
    let here = ListParams::default().fields("spec.nodeName=node-1");
    assert_eq!(
        names(everywhere.list(&here).await.unwrap().items),
        ["build", "web"]
    );
    assert!(shop.get("web").await.unwrap().uid().is_some());
    let error = shop.get("nobody").await.unwrap_err().to_string();
    assert!(error.contains("pods \"nobody\" not found"), "{error}");
    assert_eq!(count(&server, "list", "pods"), 3);
    assert_eq!(count(&server, "get", "pods"), 2);
}

#[tokio::test]
async fn pages_of_a_list_show_one_state() {
    let server = ApiServer::start().unwrap();
    for index in 0..5 {
        server
            .apply(pod("shop", &format!("web-{index}"), "node-1"))
            .unwrap();
    }
    let pods = pods(&server).await;
    let first = pods.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!(first.items.len(), 2);
    assert_eq!(first.metadata.remaining_item_count, Some(3));
    server.delete("Pod", "shop", "web-3").unwrap();
    server.apply(pod("shop", "web-35", "node-1")).unwrap();
    let token = first.metadata.continue_.unwrap();
    let rest = pods
        .list(&ListParams::default().continue_token(&token))
        .await
        .unwrap();
    let names: Vec<_> = rest.items.iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, ["web-2", "web-3", "web-4"]);
    assert_eq!(
        rest.metadata.resource_version,
        first.metadata.resource_version
    );

    server.forget_history();
    let error = pods
        .list(&ListParams::default().continue_token(&token))
        .await
        .unwrap_err();
    assert!(matches!(error, kube::Error::Api(status) if status.code == 410));
}

#[tokio::test]
async fn watcher_follows_in_both_ways_of_starting() {
    let lists = watcher::Config::default().page_size(1);
    for config in [lists, watcher::Config::default().streaming_lists()] {
        let server = ApiServer::start().unwrap();
        server.apply(pod("shop", "web", "node-1")).unwrap();
        server.apply(pod("shop", "db", "node-1")).unwrap();
        let mut stream = pin!(watcher::watcher(pods(&server).await, config));
        assert_eq!(initial(stream.as_mut()).await, ["db", "web"]);

        server.apply(pod("shop", "web", "node-2")).unwrap();
        server.apply(pod("shop", "web", "node-2")).unwrap();
        server.delete("Pod", "shop", "db").unwrap();
        let event = next(stream.as_mut()).await;
        let Event::Apply(changed) = event else {
            panic!("{event:?}")
        };
        assert_eq!(changed.spec.unwrap().node_name.as_deref(), Some("node-2"));
        let event = next(stream.as_mut()).await;
        assert!(
            matches!(&event, Event::Delete(pod) if pod.name_any() == "db"),
            "{event:?}"
        );
        assert_eq!(count(&server, "watch", "pods"), 1);
    }
}

#[tokio::test]
async fn selector_turns_changes_into_additions_and_deletions() {
    let server = ApiServer::start().unwrap();
    server.apply(pod("shop", "web", "node-2")).unwrap();
    let params = WatchParams::default().fields("spec.nodeName=node-1");
    let pods = pods(&server).await;
    let mut stream = pin!(pods.watch(&params, "0").await.unwrap());
    server.apply(pod("shop", "web", "node-1")).unwrap();
    assert!(matches!(
        stream.try_next().await.unwrap(),
        Some(WatchEvent::Added(_))
    ));
    server.apply(pod("shop", "web", "node-2")).unwrap();
    assert!(matches!(
        stream.try_next().await.unwrap(),
        Some(WatchEvent::Deleted(_))
    ));
}

#[tokio::test]
async fn bookmark_names_the_newest_version_of_all_resources() {
    let server = ApiServer::start().unwrap();
    let pods = pods(&server).await;
    let mut stream = pin!(pods.watch(&WatchParams::default(), "0").await.unwrap());
    eventually(|| server.watches("pods") == 1).await;
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "a" } });
    let namespace = server.apply(namespace).unwrap();
    server.send_bookmarks();
    let event = stream.try_next().await.unwrap();
    let Some(WatchEvent::Bookmark(bookmark)) = event else {
        panic!("{event:?}")
    };
    assert_eq!(
        namespace["metadata"]["resourceVersion"],
        bookmark.metadata.resource_version
    );
}

#[tokio::test]
async fn stream_ends_when_its_time_is_over() {
    let server = ApiServer::start().unwrap();
    let pods = pods(&server).await;
    let params = WatchParams::default().timeout(1);
    let stream = pods.watch(&params, "0").await.unwrap();
    let events: Vec<_> = tokio::time::timeout(PATIENCE, stream.try_collect())
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(&*events, [WatchEvent::Bookmark(_)]), "{events:?}");
    eventually(|| server.watches("pods") == 0).await;
}

#[tokio::test]
async fn forgotten_history_makes_a_watcher_list_again() {
    let server = ApiServer::start().unwrap();
    server.apply(pod("shop", "web", "node-1")).unwrap();
    let mut stream = pin!(watcher::watcher(
        pods(&server).await,
        watcher::Config::default()
    ));
    assert_eq!(initial(stream.as_mut()).await, ["web"]);
    server.stop().unwrap();
    server.delete("Pod", "shop", "web").unwrap();
    server.apply(pod("shop", "db", "node-1")).unwrap();
    server.forget_history();
    server.restart().unwrap();
    assert_eq!(initial(stream.as_mut()).await, ["db"]);
    assert_eq!(count(&server, "list", "pods"), 2);
}

#[tokio::test]
async fn open_stream_is_told_of_forgotten_history() {
    let server = ApiServer::start().unwrap();
    let pods = pods(&server).await;
    let mut stream = pin!(pods.watch(&WatchParams::default(), "0").await.unwrap());
    eventually(|| server.watches("pods") == 1).await;
    server.forget_history();
    let event = stream.try_next().await.unwrap();
    let Some(WatchEvent::Error(status)) = event else {
        panic!("{event:?}")
    };
    assert_eq!((status.code, &*status.reason), (410, "Expired"));
    assert!(stream.try_next().await.unwrap().is_none());
}

#[tokio::test]
async fn cut_stream_goes_on_where_it_was() {
    let server = ApiServer::start().unwrap();
    server.apply(pod("shop", "web", "node-1")).unwrap();
    let mut stream = pin!(watcher::watcher(
        pods(&server).await,
        watcher::Config::default()
    ));
    assert_eq!(initial(stream.as_mut()).await, ["web"]);
    let reading = async {
        let event = next(stream.as_mut()).await;
        assert!(
            matches!(&event, Event::Apply(pod) if pod.name_any() == "db"),
            "{event:?}"
        );
    };
    let cutting = async {
        eventually(|| server.watches("pods") == 1).await;
        server.cut_streams();
        eventually(|| count(&server, "watch", "pods") == 2).await;
        server.apply(pod("shop", "db", "node-1")).unwrap();
    };
    tokio::join!(reading, cutting);
    assert_eq!(count(&server, "list", "pods"), 1);
}

#[tokio::test]
async fn stopped_server_refuses_and_comes_back_on_its_port() {
    let server = ApiServer::start().unwrap();
    server.apply(pod("shop", "web", "node-1")).unwrap();
    let pods = pods(&server).await;
    let stream = pods.watch(&WatchParams::default(), "1").await.unwrap();
    server.stop().unwrap();
    server.stop().unwrap();
    let error = pods.list(&ListParams::default()).await.unwrap_err();
    assert!(
        format!("{error:?}").contains("ConnectionRefused"),
        "{error:?}"
    );
    drop(stream);
    eventually(|| server.watches("pods") == 0).await;
    server.restart().unwrap();
    assert_eq!(
        pods.list(&ListParams::default()).await.unwrap().items.len(),
        1
    );
}

#[tokio::test]
async fn paused_server_answers_later() {
    let server = ApiServer::start().unwrap();
    let pods = pods(&server).await;
    server.pause();
    let params = ListParams::default();
    let mut list = pin!(pods.list(&params));
    let early = tokio::time::timeout(Duration::from_millis(200), list.as_mut()).await;
    assert!(early.is_err(), "a paused server has answered");
    server.resume();
    tokio::time::timeout(PATIENCE, list).await.unwrap().unwrap();
}

#[tokio::test]
async fn slow_server_sends_at_its_speed() {
    let server = ApiServer::start().unwrap();
    for index in 0..10 {
        server
            .apply(pod("shop", &format!("web-{index}"), "node-1"))
            .unwrap();
    }
    let pods = pods(&server).await;
    server.slow(4000.try_into().ok());
    let start = std::time::Instant::now();
    assert_eq!(
        pods.list(&ListParams::default()).await.unwrap().items.len(),
        10
    );
    assert!(
        start.elapsed() > Duration::from_millis(400),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn denied_verb_is_refused_in_the_words_of_a_server() {
    let server = ApiServer::start().unwrap();
    let pods = pods(&server).await;
    server.deny("list", "pods");
    let error = pods.list(&ListParams::default()).await.unwrap_err();
    let kube::Error::Api(status) = error else {
        panic!("{error:?}")
    };
    assert_eq!((status.code, &*status.reason), (403, "Forbidden"));
    assert_eq!(
        status.message,
        "pods is forbidden: User \"system:serviceaccount:netpol:netpol-agent\" cannot list \
         resource \"pods\" in API group \"\" at the cluster scope"
    );
    drop(pods.watch(&WatchParams::default(), "0").await.unwrap());
    server.allow("list", "pods");
    pods.list(&ListParams::default()).await.unwrap();
    assert_eq!(count(&server, "list", "pods"), 2);
}

#[tokio::test]
async fn expired_token_is_refused_until_it_is_renewed() {
    let server = ApiServer::start().unwrap();
    let namespaces = Api::<Namespace>::all(client(&server).await);
    server.expire_token();
    let error = namespaces.list(&ListParams::default()).await.unwrap_err();
    assert!(
        matches!(&error, kube::Error::Api(status) if status.code == 401),
        "{error:?}"
    );
    server.renew_token();
    namespaces.list(&ListParams::default()).await.unwrap();
}

#[tokio::test]
async fn what_does_not_parse_arrives_as_it_is() {
    let server = ApiServer::start().unwrap();
    let pods = pods(&server).await;
    let mut stream = pin!(pods.watch(&WatchParams::default(), "0").await.unwrap());
    eventually(|| server.watches("pods") == 1).await;
    server.send_garbage("pods");
    assert!(matches!(
        stream.try_next().await,
        Err(kube::Error::SerdeError(_))
    ));
    let mut malformed = pod("shop", "web", "node-1");
    malformed["spec"]["nodeName"] = json!(["node-1"]);
    server.apply(malformed).unwrap();
    let error = pods.list(&ListParams::default()).await.unwrap_err();
    assert!(matches!(&error, kube::Error::SerdeError(_)), "{error:?}");
}

#[tokio::test]
async fn crd_that_appears_later_is_discovered_and_goes_with_its_objects() {
    let (group, kind) = ("policy.networking.k8s.io", "AdminNetworkPolicy");
    let gvk = GroupVersionKind::gvk(group, "v1alpha1", kind);
    let server = ApiServer::start().unwrap();
    let client = client(&server).await;
    assert_eq!(client.apiserver_version().await.unwrap().major, "1");
    let found = discovery::Discovery::new(client.clone())
        .run()
        .await
        .unwrap();
    assert!(found.resolve_gvk(&gvk).is_none());
    let plural = "adminnetworkpolicies";
    let api: Api<DynamicObject> = Api::all_with(
        client.clone(),
        &ApiResource::from_gvk_with_plural(&gvk, plural),
    );
    let error = api.list(&ListParams::default()).await.unwrap_err();
    assert!(
        matches!(&error, kube::Error::Api(status) if status.code == 404),
        "{error:?}"
    );
    let object = json!({
        "apiVersion": format!("{group}/v1alpha1"), "kind": kind, "metadata": { "name": "strict" },
    });
    let error = server.apply(object.clone()).unwrap_err().to_string();
    assert!(error.contains(kind), "{error}");

    let definition = custom_resource_definition(group, "v1alpha1", plural, kind, "Cluster");
    server.apply(definition).unwrap();
    server.apply(object).unwrap();
    let (resource, _) = discovery::pinned_kind(&client, &gvk).await.unwrap();
    assert_eq!(resource.plural, plural);
    let list = api.list(&ListParams::default()).await.unwrap();
    assert_eq!(list.items[0].types.as_ref().unwrap().kind, kind);

    let mut stream = pin!(api.watch(&WatchParams::default(), "0").await.unwrap());
    assert!(matches!(
        stream.try_next().await.unwrap(),
        Some(WatchEvent::Added(_))
    ));
    let name = format!("{plural}.{group}");
    server
        .delete("CustomResourceDefinition", "", &name)
        .unwrap();
    assert!(matches!(
        stream.try_next().await.unwrap(),
        Some(WatchEvent::Deleted(_))
    ));
    assert!(stream.try_next().await.unwrap().is_none());
    api.list(&ListParams::default()).await.unwrap_err();
    assert_eq!(count(&server, "watch", &name), 1);
}
