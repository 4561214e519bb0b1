//! Keeps the programs on every pod interface: at start, and as interfaces come, go and are renamed.
//!
//! Netlink messages only say that something changed; what is there is read anew each time, so no message can be missed or
//! misread. Subscription comes before the first reading.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use rtnetlink::{Handle, MulticastGroup, new_multicast_connection};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::attach::{AttachError, Attacher, Attachment};
use super::links::{self, Link, Routes, Selection};
use super::observation::{Interface, Observation};
use super::sweeper::SweepCommand;

/// How many interfaces are attached at once.
const CONCURRENT_ATTACHES: usize = 16;
/// Looked through also without a message: not every move between namespaces makes one.
const RESCAN: Duration = Duration::from_secs(5);
/// Route tables can be long; they are read at most this often.
const ROUTES: Duration = Duration::from_millis(500);

struct Watched {
    interface: Interface,
    _attachment: Option<Attachment>,
}

/// Runs until cancelled.
pub struct Interfaces {
    handle: Handle,
    selection: Selection,
    attacher: Arc<Attacher>,
    observations: mpsc::Sender<Observation>,
    sweeper: std::sync::mpsc::Sender<SweepCommand>,
    watched: HashMap<u32, Watched>,
    routes: Routes,
    routes_read: Option<Instant>,
    addresses: Vec<IpAddr>,
    permits: Arc<Semaphore>,
}

impl Interfaces {
    /// Subscribes, attaches to what is there, and returns the task that follows changes.
    ///
    /// # Errors
    /// Netlink cannot be had.
    pub async fn start(
        selection: Selection,
        attacher: Arc<Attacher>,
        observations: mpsc::Sender<Observation>,
        sweeper: std::sync::mpsc::Sender<SweepCommand>,
        stop: CancellationToken,
    ) -> std::io::Result<tokio::task::JoinHandle<()>> {
        let (connection, handle, mut messages) = new_multicast_connection(&[
            MulticastGroup::Link,
            MulticastGroup::Ipv4Ifaddr,
            MulticastGroup::Ipv6Ifaddr,
            MulticastGroup::Ipv4Route,
            MulticastGroup::Ipv6Route,
        ])?;
        let connection = tokio::spawn(connection);
        let mut this = Self {
            handle,
            selection,
            attacher,
            observations,
            sweeper,
            watched: HashMap::new(),
            routes: Routes::default(),
            routes_read: None,
            addresses: Vec::new(),
            permits: Arc::new(Semaphore::new(CONCURRENT_ATTACHES)),
        };
        this.rescan().await;
        Ok(tokio::spawn(async move {
            let mut tick = interval(RESCAN);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = stop.cancelled() => break,
                    _ = tick.tick() => {}
                    message = messages.next() => if message.is_none() {
                        tracing::error!("netlink subscription ended; interfaces are looked through every {RESCAN:?}");
                        tick.tick().await;
                    },
                }
                // One reading answers all messages that wait.
                while let Some(Some(_)) = messages.next().now_or_never() {}
                this.rescan().await;
            }
            connection.abort();
        }))
    }

    async fn rescan(&mut self) {
        let links = match links::links(&self.handle).await {
            Ok(links) => links,
            Err(error) => {
                tracing::warn!(%error, "cannot list interfaces");
                return;
            }
        };
        if self.routes_read.is_none() {
            // The way out, and who we are, has to be known before anything is attached.
            self.read_routes().await;
            self.read_addresses().await;
        }
        let selected: HashMap<u32, Link> = links
            .into_iter()
            .map(|link| Link {
                is_uplink: self.routes.uplinks.contains(&link.ifindex),
                ..link
            })
            .filter(|link| self.selection.selects(link))
            .map(|link| (link.ifindex, link))
            .collect();
        self.forget_missing(&selected).await;
        let new: Vec<Link> = selected
            .values()
            .filter(|link| !self.watched.contains_key(&link.ifindex))
            .cloned()
            .collect();
        self.attach_all(new).await;
        self.update_known(&selected).await;
    }

    async fn forget_missing(&mut self, selected: &HashMap<u32, Link>) {
        let gone: Vec<u32> = self
            .watched
            .keys()
            .copied()
            .filter(|ifindex| !selected.contains_key(ifindex))
            .collect();
        for ifindex in gone {
            if let Some(watched) = self.watched.remove(&ifindex) {
                tracing::info!(
                    interface = watched.interface.name,
                    ifindex,
                    "interface gone"
                );
            }
            // The sweeper takes its connections out of the map, and then says that it is down.
            let _ = self.sweeper.send(SweepCommand::InterfaceDown { ifindex });
        }
    }

    async fn attach_all(&mut self, links: Vec<Link>) {
        let mut attaching = JoinSet::new();
        for link in links {
            let attacher = Arc::clone(&self.attacher);
            let permits = Arc::clone(&self.permits);
            attaching.spawn(async move {
                // The semaphore is never closed.
                let _permit = permits.acquire_owned().await;
                let result = tokio::task::spawn_blocking({
                    let link = link.clone();
                    move || attacher.attach(&link)
                })
                .await;
                (link, result)
            });
        }
        while let Some(joined) = attaching.join_next().await {
            let Ok((link, Ok(result))) = joined else {
                tracing::error!("an attach task failed");
                continue;
            };
            self.keep(link, result).await;
        }
    }

    async fn keep(&mut self, link: Link, result: Result<Attachment, AttachError>) {
        let (attachment, error) = match result {
            Ok(attachment) => {
                tracing::info!(
                    interface = link.name,
                    ifindex = link.ifindex,
                    hook = self.attacher.hook().name(),
                    "watching"
                );
                (Some(attachment), None)
            }
            Err(error) => {
                tracing::warn!(interface = link.name, ifindex = link.ifindex, %error, "cannot watch");
                (None, Some(error.to_string()))
            }
        };
        let interface = Interface {
            ifindex: link.ifindex,
            name: link.name,
            kind: link.kind,
            routed: self
                .routes
                .hosts
                .get(&link.ifindex)
                .cloned()
                .unwrap_or_default(),
            hook: attachment.as_ref().map(|_| self.attacher.hook().name()),
            error,
        };
        self.send(Observation::InterfaceUp(interface.clone())).await;
        self.watched.insert(
            link.ifindex,
            Watched {
                interface,
                _attachment: attachment,
            },
        );
    }

    async fn read_routes(&mut self) {
        match links::routes(&self.handle).await {
            Ok(routes) => self.routes = routes,
            Err(error) => tracing::warn!(%error, "cannot list routes"),
        }
        self.routes_read = Some(Instant::now());
    }

    async fn read_addresses(&mut self) {
        match links::local_addresses(&self.handle).await {
            Ok(addresses) if addresses != self.addresses => {
                self.addresses.clone_from(&addresses);
                self.send(Observation::NodeAddresses(addresses)).await;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot list addresses"),
        }
    }

    /// Tells of new names and routes.
    async fn update_known(&mut self, selected: &HashMap<u32, Link>) {
        if self.routes_read.is_none_or(|read| read.elapsed() >= ROUTES) {
            self.read_routes().await;
            self.read_addresses().await;
        }
        let mut changed = Vec::new();
        for (ifindex, watched) in &mut self.watched {
            let Some(link) = selected.get(ifindex) else {
                continue;
            };
            let routed = self.routes.hosts.get(ifindex).cloned().unwrap_or_default();
            if watched.interface.name != link.name || watched.interface.routed != routed {
                watched.interface.name.clone_from(&link.name);
                watched.interface.routed = routed;
                changed.push(watched.interface.clone());
            }
        }
        for interface in changed {
            self.send(Observation::InterfaceUp(interface)).await;
        }
    }

    async fn send(&self, observation: Observation) {
        // Fails only when the pipeline is gone, and then we are about to be stopped too.
        let _ = self.observations.send(observation).await;
    }
}
