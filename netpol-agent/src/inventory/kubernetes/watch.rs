//! Follows one resource: lists it, watches it, and starts again after whatever goes wrong.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use http_body_util::BodyExt as _;
use kube::runtime::watcher::{self, DefaultBackoff, watcher};
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tower::limit::RateLimitLayer;
use tower::{Layer as _, ServiceExt as _};

use super::delivered::{Kind, Typed};
use super::health::{WatchStage, Watches};
use super::known::Event;
use super::listing::Listing;
use super::resource::Resource;
use super::trouble::Trouble;

/// How often a resource that the API server does not have is asked for.
const ASK_AGAIN: Duration = Duration::from_secs(30);

/// Requests for one resource, lists (of 500 objects) and watches, in a second: one whose watches are ended as soon as they
/// begin would be asked for again without any pause.
const REQUESTS_A_SECOND: u64 = 20;

/// Where a watch puts what it hears.
#[derive(Clone)]
pub(super) struct Outlet {
    pub(super) events: mpsc::Sender<(Resource, Event)>,
    pub(super) watches: Arc<Watches>,
}

/// Follows a resource for as long as somebody listens.
pub(super) async fn follow<K: Kind>(client: Client, outlet: Outlet) {
    let mut backoff = DefaultBackoff::default();
    let Some(mut listing) = first_listing::<K>(&client, &outlet, &mut backoff).await else {
        return;
    };
    while let Some(again) = follow_once::<K>(&client, listing, &outlet, &mut backoff).await {
        match again {
            Again::Later => sleep(ASK_AGAIN).await,
            Again::InPages => listing = Listing::InPages,
        }
    }
}

/// How to go on after a watch was given up.
enum Again {
    /// When the resource may have appeared.
    Later,
    /// At once, in the older way.
    InPages,
}

/// Finds out how lists can be read, as soon as the API server answers; `None` when nobody listens any more.
async fn first_listing<K: Kind>(
    client: &Client,
    outlet: &Outlet,
    backoff: &mut DefaultBackoff,
) -> Option<Listing> {
    loop {
        let error = match client.apiserver_version().await {
            Ok(version) => return Some(Listing::of(&version)),
            // Not everybody may ask, and the older way always works.
            Err(kube::Error::Api(_)) => return Some(Listing::InPages),
            Err(error) => watcher::Error::InitialListFailed(error),
        };
        if let Trouble::Other(trouble) = Trouble::of(&error, K::RESOURCE) {
            outlet.fail(K::RESOURCE, trouble, false).await?;
        }
        sleep(backoff.next()?).await;
    }
}

/// Follows a resource until it is found to be absent, or not to be read in this way: then a watch has nothing to go on
/// from. `None` when nobody listens any more.
async fn follow_once<K: Kind>(
    client: &Client,
    listing: Listing,
    outlet: &Outlet,
    backoff: &mut DefaultBackoff,
) -> Option<Again> {
    let heard = heard(client.clone(), K::RESOURCE, outlet.watches.clone());
    let api: Api<Typed<K>> = Api::all(heard);
    let mut events = pin!(watcher(api, listing.config()));
    loop {
        let error = match events.next().await? {
            Ok(event) => {
                // It may have come along with an error that was taken in before it.
                outlet.watches.heard(K::RESOURCE);
                outlet.pass(K::RESOURCE, event).await?;
                continue;
            }
            Err(error) => error,
        };
        if listing.is_refused(&error) {
            return Some(Again::InPages);
        }
        let was_followed = !outlet.watches.is_in_trouble(K::RESOURCE);
        let (trouble, forbidden) = match Trouble::of(&error, K::RESOURCE) {
            Trouble::Behind => continue,
            Trouble::Absent => return outlet.absent(K::RESOURCE).await,
            Trouble::Forbidden(_) if !is_installed(client, K::RESOURCE).await => {
                return outlet.absent(K::RESOURCE).await;
            }
            Trouble::Forbidden(trouble) => (trouble, true),
            Trouble::Other(trouble) => (trouble, false),
        };
        outlet.fail(K::RESOURCE, trouble, forbidden).await?;
        // Lists are what costs an API server most: those that fail one after the other wait longer and longer.
        if was_followed && !matches!(error, watcher::Error::InitialListFailed(_)) {
            *backoff = DefaultBackoff::default();
        }
        sleep(backoff.next()?).await;
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

    /// Passes on that there is no such resource.
    async fn absent(&self, resource: Resource) -> Option<Again> {
        self.watches.set_stage(resource, WatchStage::Absent);
        self.send(resource, Event::Absent).await?;
        Some(Again::Later)
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

/// Whether there is something to be forbidden: permissions are looked at first. Everybody may ask what there is; where that
/// cannot be answered, there may be.
async fn is_installed(client: &Client, resource: Resource) -> bool {
    let version = format!("{}/{}", resource.group(), resource.version());
    if resource.is_built_in() {
        return true;
    }
    match client.list_api_group_resources(&version).await {
        Ok(list) => list
            .resources
            .iter()
            .any(|one| one.name == resource.plural()),
        Err(kube::Error::Api(status)) => status.code != 404,
        Err(_) => true,
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
    let service = RateLimitLayer::new(REQUESTS_A_SECOND, Duration::from_secs(1)).layer(service);
    // No namespace is the default: all are asked for.
    Client::new(service, "")
}
