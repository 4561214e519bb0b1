//! Follows one resource: lists it, watches it, and starts again after whatever goes wrong.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use http_body_util::BodyExt as _;
use kube::runtime::utils::Backoff as _;
use kube::runtime::watcher::{self, DefaultBackoff, watcher};
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tower::ServiceExt as _;

use super::delivered::{Kind, Typed};
use super::health::{WatchStage, Watches};
use super::known::Event;
use super::resource::Resource;
use super::trouble::Trouble;

/// How often a resource that the API server does not have is asked for.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// Where a watch puts what it hears.
#[derive(Clone)]
pub(super) struct Outlet {
    pub(super) events: mpsc::Sender<(Resource, Event)>,
    pub(super) watches: Arc<Watches>,
}

/// Follows a resource for as long as somebody listens.
pub(super) async fn follow<K: Kind>(client: Client, outlet: Outlet) {
    let api: Api<Typed<K>> = Api::all(heard(client, K::RESOURCE, outlet.watches.clone()));
    let mut backoff = DefaultBackoff::default();
    while let Some(pause) = follow_once(&api, &outlet, &mut backoff).await {
        sleep(pause).await;
    }
}

/// Follows a resource until it is found to be absent: then a watch has nothing to go on from. Returns when to try again;
/// `None` when nobody listens any more.
async fn follow_once<K: Kind>(
    api: &Api<Typed<K>>,
    outlet: &Outlet,
    backoff: &mut DefaultBackoff,
) -> Option<Duration> {
    let mut events = pin!(watcher(api.clone(), watcher::Config::default()));
    loop {
        match events.next().await? {
            Ok(event) => {
                backoff.reset();
                outlet.pass(K::RESOURCE, event).await?;
            }
            Err(error) => match Trouble::of(&error, K::RESOURCE) {
                Trouble::Absent => {
                    outlet.watches.set_stage(K::RESOURCE, WatchStage::Absent);
                    outlet.send(K::RESOURCE, Event::Absent).await?;
                    return Some(ASK_AGAIN);
                }
                Trouble::Behind => {}
                Trouble::Forbidden(what) => {
                    outlet.fail(K::RESOURCE, what, true).await?;
                    sleep(backoff.next()?).await;
                }
                Trouble::Other(what) => {
                    outlet.fail(K::RESOURCE, what, false).await?;
                    sleep(backoff.next()?).await;
                }
            },
        }
    }
}

impl Outlet {
    async fn pass<K: Kind>(
        &self,
        resource: Resource,
        event: watcher::Event<Typed<K>>,
    ) -> Option<()> {
        let event = match event {
            watcher::Event::Init => Event::Listing,
            watcher::Event::InitApply(object) | watcher::Event::Apply(object) => {
                Event::There(Box::new(object.delivered))
            }
            watcher::Event::Delete(object) => Event::Gone(object.delivered.key),
            watcher::Event::InitDone => {
                self.watches.set_stage(resource, WatchStage::Following);
                Event::Listed
            }
        };
        self.send(resource, event).await
    }

    async fn fail(&self, resource: Resource, what: String, forbidden: bool) -> Option<()> {
        self.watches.set_trouble(resource, what);
        self.send(resource, Event::Failed { forbidden }).await
    }

    /// Waits for room; `None` when nobody listens any more.
    async fn send(&self, resource: Resource, event: Event) -> Option<()> {
        self.events.send((resource, event)).await.ok()
    }
}

/// The client, with every sign of life noted: a watch of something that does not change gives no event for hours, only
/// bookmarks, and none at all when it comes back after an error.
fn heard(client: Client, resource: Resource, watches: Arc<Watches>) -> Client {
    let service = tower::service_fn(move |request| {
        let client = client.clone();
        async move { client.send(request).await }
    });
    let service = service.map_response(move |response| {
        if response.status().is_success() {
            watches.heard(resource);
        }
        let watches = watches.clone();
        response.map(|body| {
            body.map_frame(move |frame| {
                watches.heard(resource);
                frame
            })
        })
    });
    // Only resources of all namespaces are asked for.
    Client::new(service, "")
}
