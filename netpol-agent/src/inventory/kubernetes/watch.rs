//! Follows one resource: lists it, watches it, and starts again after whatever goes wrong.

use std::sync::Arc;

use futures::StreamExt as _;
use kube::Client;
use kube::runtime::watcher::{self, DefaultBackoff};
use tokio::sync::{mpsc, watch as latest};
use tokio::time::sleep;
use tracing::info;

use super::groups::{ASK_AGAIN, Groups};
use super::health::{WatchStage, Watches};
use super::known::Event;
use super::listing::Listing;
use super::requests::Requests;
use super::resource::Resource;
use super::stream::events;
use super::trouble::{self, Trouble};

/// Where a watch puts what it hears.
#[derive(Clone)]
pub(super) struct Outlet {
    pub(super) events: mpsc::Sender<(Resource, Event)>,
    pub(super) watches: Arc<Watches>,
}

/// Follows a resource for as long as somebody listens.
pub(super) async fn follow(
    client: Client,
    resource: Resource,
    groups: latest::Receiver<Groups>,
    outlet: Outlet,
) {
    let mut watch = Watch {
        requests: Requests::new(client.clone(), resource, outlet.watches.clone()),
        client,
        resource,
        groups,
        outlet,
        backoff: DefaultBackoff::default(),
    };
    watch.run().await;
}

/// One resource, and how it is followed.
struct Watch {
    client: Client,
    requests: Requests,
    resource: Resource,
    groups: latest::Receiver<Groups>,
    outlet: Outlet,
    backoff: DefaultBackoff,
}

/// How to go on after a watch was given up.
enum Again {
    /// When the resource may have appeared.
    Later,
    /// At once, in the older way.
    InPages,
}

/// Whatever gives `None` below does so when nobody listens any more.
impl Watch {
    async fn run(&mut self) -> Option<()> {
        self.until_installed().await?;
        let mut listing = self.first_listing().await?;
        loop {
            match self.once(listing).await? {
                Again::Later => {
                    sleep(ASK_AGAIN).await;
                    self.until_installed().await?;
                }
                Again::InPages => listing = Listing::InPages,
            }
        }
    }

    /// Waits until the API server has the group of a resource that comes with a CRD.
    async fn until_installed(&mut self) -> Option<()> {
        if self.resource.is_built_in() {
            return Some(());
        }
        loop {
            let groups = self.groups.borrow_and_update().clone();
            match (groups.has(self.resource), groups) {
                (Some(true), _) => return Some(()),
                (Some(false), _) => {
                    self.absent().await?;
                }
                (None, Groups::Failing(trouble)) => self.fail(trouble, false).await?,
                (None, _) => {}
            }
            self.groups.changed().await.ok()?;
        }
    }

    /// Finds out how lists can be read, as soon as the API server answers.
    async fn first_listing(&mut self) -> Option<Listing> {
        loop {
            let error = match self.client.apiserver_version().await {
                Ok(version) => return Some(Listing::of(&version)),
                // Not everybody may ask, and the older way always works.
                Err(kube::Error::Api(status)) if [403, 404].contains(&status.code) => {
                    let (resource, code) = (self.resource.name(), status.code);
                    info!(
                        resource,
                        code, "the API server does not tell its version: lists are read in pages"
                    );
                    return Some(Listing::InPages);
                }
                Err(error) => error,
            };
            self.fail(trouble::in_words(&error), false).await?;
            self.pause().await?;
        }
    }

    /// Follows the resource until it is found to be absent, or not to be read in this way: then a watch has nothing to go
    /// on from.
    async fn once(&mut self, listing: Listing) -> Option<Again> {
        let mut events = events(self.requests.client(), self.resource, listing.config());
        loop {
            let error = match events.next().await? {
                Ok(event) => {
                    // It may have come along with an error that was taken in before it.
                    self.outlet.watches.heard(self.resource);
                    if let Event::Listed = event {
                        let stage = WatchStage::Following;
                        self.outlet.watches.set_stage(self.resource, stage);
                    }
                    self.send(event).await?;
                    continue;
                }
                Err(error) => error,
            };
            if listing.is_refused(&error) {
                return Some(Again::InPages);
            }
            let was_followed = !self.outlet.watches.is_in_trouble(self.resource);
            let (trouble, forbidden) = match Trouble::of(&error, self.resource) {
                Trouble::Behind => continue,
                Trouble::Absent => return self.absent().await,
                Trouble::Forbidden(_) if !is_installed(&self.client, self.resource).await => {
                    return self.absent().await;
                }
                Trouble::Forbidden(trouble) => (trouble, true),
                Trouble::Other(trouble) => (trouble, false),
            };
            self.fail(trouble, forbidden).await?;
            // Lists are what costs an API server most: those that fail one after the other wait longer and longer.
            if was_followed && !matches!(error, watcher::Error::InitialListFailed(_)) {
                self.backoff = DefaultBackoff::default();
            }
            self.pause().await?;
        }
    }

    /// Waits before the next try: longer and longer, and at least as long as the API server asks for.
    async fn pause(&mut self) -> Option<()> {
        let pause = self.backoff.next()?;
        sleep(pause.max(self.requests.take_retry_after())).await;
        Some(())
    }

    /// Passes on that there is no such resource.
    async fn absent(&self) -> Option<Again> {
        let watches = &self.outlet.watches;
        watches.set_stage(self.resource, WatchStage::Absent);
        self.send(Event::Absent).await?;
        Some(Again::Later)
    }

    async fn fail(&self, what: String, forbidden: bool) -> Option<()> {
        self.outlet.watches.set_trouble(self.resource, what);
        self.send(Event::Failed { forbidden }).await
    }

    /// Waits for room.
    async fn send(&self, event: Event) -> Option<()> {
        let event = (self.resource, event);
        self.outlet.events.send(event).await.ok()
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
