//! Watch streams: what they tell, how they end, and how a client goes on after that.

use super::*;

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
async fn metadata_alone_is_sent_to_who_asks_for_no_more() {
    let server = ApiServer::start().unwrap();
    server.apply(pod("shop", "web", "node-1")).unwrap();
    let config = watcher::Config::default().streaming_lists();
    for config in [watcher::Config::default(), config] {
        let metadata: Api<PartialObjectMeta<Pod>> = Api::all(client(&server).await);
        let mut stream = pin!(watcher::watcher(metadata, config));
        assert!(matches!(next(stream.as_mut()).await, Event::Init));
        let event = next(stream.as_mut()).await;
        assert!(matches!(&event, Event::InitApply(found) if found.name_any() == "web"));
        assert!(matches!(next(stream.as_mut()).await, Event::InitDone));
    }
}

#[tokio::test]
async fn streams_that_end_early_are_opened_again_without_a_list() {
    let server = ApiServer::start().unwrap();
    server.end_streams_after(Some(Duration::from_millis(50)));
    let mut stream = pin!(watcher::watcher(
        pods(&server).await,
        watcher::Config::default()
    ));
    assert!(initial(stream.as_mut()).await.is_empty());
    let reading = async {
        let event = next(stream.as_mut()).await;
        assert!(
            matches!(&event, Event::Apply(pod) if pod.name_any() == "web"),
            "{event:?}"
        );
    };
    let changing = async {
        eventually(|| count(&server, "watch", "pods") >= 3).await;
        server.apply(pod("shop", "web", "node-1")).unwrap();
    };
    tokio::join!(reading, changing);
    assert_eq!(count(&server, "list", "pods"), 1);
}

#[tokio::test]
async fn event_of_which_a_part_had_arrived_when_the_stream_was_cut_comes_again() {
    let server = ApiServer::start().unwrap();
    let pods = pods(&server).await;
    let mut stream = pin!(watcher::watcher(pods, watcher::Config::default()));
    assert!(initial(stream.as_mut()).await.is_empty());
    let reading = async {
        let event = next(stream.as_mut()).await;
        assert!(
            matches!(&event, Event::Apply(pod) if pod.name_any() == "web"),
            "{event:?}"
        );
    };
    let cutting = async {
        eventually(|| server.watches("pods") == 1).await;
        server.slow(100.try_into().ok());
        server.apply(pod("shop", "web", "node-1")).unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.cut_streams();
        server.slow(None);
    };
    tokio::join!(reading, cutting);
    assert_eq!(count(&server, "watch", "pods"), 2);
}
