//! The API server double, as a client of `kube` sees it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod port_forward;
mod reading;
mod reviewing;
mod tls;
mod watching;
mod writing;

use std::path::Path;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{DynamicObject, ListParams, VersionMatch, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind, PartialObjectMeta};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Config, ResourceExt, discovery};
use netpol_testkit::ApiServer;
use netpol_testkit::api_server::{Certificate, custom_resource_definition};
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
    client_by(|path| server.kubeconfig(path)).await
}

/// A client made from the kubeconfig that `write` writes.
async fn client_by(write: impl FnOnce(&Path) -> netpol_testkit::Result<()>) -> Client {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kubeconfig");
    write(&path).unwrap();
    let kubeconfig = Kubeconfig::read_from(&path).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let mut config = config.unwrap();
    // With it the client asks for minutes before it tells of a 429, 503 or 504.
    config.default_retry = false;
    Client::try_from(config).unwrap()
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
