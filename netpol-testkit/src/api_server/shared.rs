//! What the handle and the serving thread share.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::faults::Faults;
use super::port_forward::PodPort;
use super::store::Store;
use super::users::Users;

/// Verb (`get`, `create`, …) and resource as kubectl writes it (`pods`, `pods/portforward`,
/// `networkpolicies.networking.k8s.io`), or verb and path of what is no resource.
pub type VerbAndResource = (String, String);

/// The state of the server.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) users: Users,
    pub(crate) faults: Faults,
    /// How often the token was replaced.
    pub(crate) token_rotations: u64,
    /// `spec` of the SubjectAccessReviews answered.
    pub(crate) access_reviews: Vec<serde_json::Value>,
    /// Requests so far, those refused too.
    pub(crate) requests: BTreeMap<VerbAndResource, u64>,
    /// Watch streams that are open, by resource.
    pub(crate) watches: BTreeMap<String, usize>,
    /// Where connections to ports of pods lead.
    pub(crate) port_forwards: BTreeMap<PodPort, SocketAddr>,
}

impl State {
    /// The bearer token that is good now.
    pub(crate) fn token(&self) -> String {
        format!("testkit-token-{}", self.token_rotations)
    }
}

/// The state behind a lock, and word of its changes.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    changes: watch::Sender<()>,
}

impl Shared {
    pub(crate) fn new() -> Self {
        let state = State {
            store: Store::new(),
            users: Users::new(),
            faults: Faults::default(),
            token_rotations: 0,
            access_reviews: Vec::new(),
            requests: BTreeMap::new(),
            watches: BTreeMap::new(),
            port_forwards: BTreeMap::new(),
        };
        Self {
            state: Mutex::new(state),
            changes: watch::Sender::new(()),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A panic in another holder is that test's failure; the state is still one to look at.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes whoever waits for that.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.changes.send_replace(());
        result
    }

    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Waits while the server is paused.
    pub(crate) async fn resumed(&self) {
        self.until(|state| !state.faults.paused).await;
    }

    /// Waits until the state satisfies `condition`.
    pub(crate) async fn until(&self, condition: impl Fn(&State) -> bool) {
        let mut changes = self.changes();
        while !condition(&self.state()) {
            // The sender is ours: this cannot fail.
            let _ = changes.changed().await;
        }
    }
}
