//! Lists, single objects, discovery, and requests that are refused or late.

use super::*;

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

#[tokio::test]
async fn failing_server_says_what_is_wrong_with_it() {
    let server = ApiServer::start().unwrap();
    let pods = pods(&server).await;
    let codes = [
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
    ];
    for (code, reason) in codes {
        server.fail_requests(Some(code));
        let error = pods.list(&ListParams::default()).await.unwrap_err();
        let kube::Error::Api(status) = error else {
            panic!("{error:?}")
        };
        assert_eq!((status.code, &*status.reason), (code, reason));
    }
    server.fail_requests(None);
    pods.list(&ListParams::default()).await.unwrap();
}

#[tokio::test]
async fn list_can_ask_for_an_exact_version_but_not_for_one_to_come() {
    let server = ApiServer::start().unwrap();
    server.apply(pod("shop", "web", "node-1")).unwrap();
    server.apply(pod("shop", "db", "node-1")).unwrap();
    let pods = pods(&server).await;
    let exact = |version| {
        ListParams::default()
            .at(version)
            .matching(VersionMatch::Exact)
    };
    assert_eq!(pods.list(&exact("2")).await.unwrap().items.len(), 1);
    let error = pods.list(&exact("9")).await.unwrap_err();
    assert!(
        matches!(&error, kube::Error::Api(status) if status.code == 504),
        "{error:?}"
    );
    server.forget_history();
    let error = pods.list(&exact("2")).await.unwrap_err();
    assert!(
        matches!(&error, kube::Error::Api(status) if status.code == 410),
        "{error:?}"
    );
}
