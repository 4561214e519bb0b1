//! The two views of a connection between nodes become one flow.
//!
//! ```text
//! source's node ───── view ─┐ same protocol, addresses, ports;       ┌─ observed   who saw what arrived
//!                           ├─ times that fit ──► one connection ──► ┤  computed   each end's own node
//! destination's node ─ view ┘                                        └─ joined     the rest
//! ```
//!
//! What is not joined, and stays two flows (nothing is guessed):
//!
//! - a connection whose source address is translated on the way: the destination's node never sees the real one;
//! - one through a Service whose backend the source's node has not seen;
//! - one whose direction the two nodes take differently, having seen no opening packet;
//! - two views that were both let go as flows of their own before it showed that they belong together;
//! - a view that comes when the other has been forgotten.
//!
//! A flow's `id` is that of its view which went out first, the destination's where both did at once. Its `revision` is the
//! sum of both views' revisions, so it goes up whichever node tells more. A view alone goes out as the agent sent it.

mod computed;
mod connection;
mod joined;
mod observed;
mod same;
pub(crate) mod view;

use std::collections::{HashMap, VecDeque};

use netpol_api::v1;

use crate::merge::instant::Nanos;
use connection::Connection;
use same::{distance, paired};
pub use view::NodeIndex;
use view::{Key, View};

/// Of connections on the same addresses and ports, so many may still find their other view: a node that makes up
/// ever new ones costs no more than itself.
const CANDIDATES: usize = 16;

/// Limits of the memory for connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How much clocks may differ beyond what is known of them.
    pub(crate) slack: Nanos,
    /// Connections remembered; the one that was told of least lately is forgotten.
    pub(crate) connections: usize,
    /// About the bytes they may take.
    pub(crate) bytes: usize,
}

/// Number of a connection in one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ConnectionId(u64);

/// What became of a flow that was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// There is something to tell of this connection.
    Changed(ConnectionId),
    /// That revision, or a later one, was there before.
    Known,
}

/// What a place in the order comes to.
#[derive(Debug)]
pub(crate) enum Released {
    /// The connection's next revision goes here.
    Flow(Box<v1::Flow>),
    /// Another place tells, or has told, all there is.
    Merged,
}

/// Every connection of a stream that is not forgotten.
#[derive(Debug)]
pub(crate) struct Join {
    limits: Limits,
    connections: HashMap<ConnectionId, Connection>,
    by_view: HashMap<(NodeIndex, String), ConnectionId>,
    by_key: HashMap<Key, VecDeque<ConnectionId>>,
    /// Those that do not wait to go out, by when they last did; entries that are not a connection's latest are skipped.
    resting: VecDeque<(ConnectionId, u64)>,
    next: u64,
    touches: u64,
    bytes: usize,
}

impl Join {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            connections: HashMap::new(),
            by_view: HashMap::new(),
            by_key: HashMap::new(),
            resting: VecDeque::new(),
            next: 0,
            touches: 0,
            bytes: 0,
        }
    }

    /// Connections remembered.
    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// About the bytes that they take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a node's flow in. `ahead`: how far its clock is ahead. The caller owes a [`Self::release`] for each
    /// [`Taken::Changed`].
    pub(crate) fn take(
        &mut self,
        node: NodeIndex,
        ahead: Nanos,
        flow: v1::Flow,
        now: Nanos,
    ) -> Taken {
        let name = (node, flow.id.clone());
        let revision = flow.revision;
        let view = View::new(node, ahead, flow);
        let known = self.by_view.get(&name).copied();
        let id = match known {
            Some(id) => {
                if !self.is_news(id, &name, revision) {
                    return Taken::Known;
                }
                self.update(id, view)
            }
            None => self.add(name, view),
        };
        self.touches += 1;
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.changed.get_or_insert(now);
            connection.places += 1;
            connection.touched = self.touches;
        }
        self.forget();
        Taken::Changed(id)
    }

    /// A place in the order is up. Where a later place of the same connection waits too, that one tells, as long as
    /// nothing has waited since before `patience`.
    pub(crate) fn release(&mut self, id: ConnectionId, patience: Nanos) -> Released {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Released::Merged;
        };
        connection.places = connection.places.saturating_sub(1);
        let rests = connection.places == 0;
        let is_told = connection
            .changed
            .is_some_and(|since| rests || since < patience);
        let mut flow = None;
        if is_told {
            connection.changed = None;
            let before = connection.weight();
            flow = connection.give(self.limits.slack);
            self.bytes = self.bytes + connection.weight() - before;
        }
        if rests {
            self.rest(id);
            self.forget();
        }
        flow.map_or(Released::Merged, |flow| Released::Flow(Box::new(flow)))
    }

    fn is_news(&mut self, id: ConnectionId, name: &(NodeIndex, String), revision: u64) -> bool {
        let Some(connection) = self.connections.get_mut(&id) else {
            return false;
        };
        let known = connection
            .known
            .iter_mut()
            .find(|(node, id, _)| (*node, id) == (name.0, &name.1));
        match known {
            Some((_, _, known)) if *known < revision => {
                *known = revision;
                true
            }
            _ => false,
        }
    }

    /// A later revision of a view that is known. It may have learnt what the other view is found by.
    fn update(&mut self, id: ConnectionId, view: View) -> ConnectionId {
        let Some(connection) = self.connections.get_mut(&id) else {
            return id;
        };
        let before = connection.weight();
        let node = view.node;
        let key = view.key();
        let place = connection
            .views
            .iter()
            .position(|known| known.as_ref().is_some_and(|known| known.node == node))
            .unwrap_or(0);
        connection.views[place] = Some(Box::new(view));
        self.bytes = self.bytes + connection.weight() - before;
        if connection.views.iter().all(Option::is_some) {
            return id;
        }
        if connection.key != key {
            let old = std::mem::replace(&mut connection.key, key);
            self.unindex(id, old);
            self.index(id, key);
        }
        self.unite(id)
    }

    /// Joins a connection of one view with another of one view. The one that is known to the reader stays; where both
    /// are, both do.
    fn unite(&mut self, id: ConnectionId) -> ConnectionId {
        let Some(connection) = self.connections.get(&id) else {
            return id;
        };
        let view = connection.views.iter().flatten().next();
        let Some(other) = view.and_then(|view| self.candidate(id, connection.key, view)) else {
            return id;
        };
        let is_given = |id| {
            self.connections
                .get(&id)
                .is_some_and(|connection| connection.given.is_some())
        };
        let (stays, goes) = match (is_given(id), is_given(other)) {
            (true, true) => return id,
            (false, true) => (other, id),
            _ => (id, other),
        };
        let Some(gone) = self.remove(goes) else {
            return id;
        };
        for (node, name, _) in &gone.known {
            self.by_view.insert((*node, name.clone()), stays);
        }
        if let (Some(view), Some(connection)) = (
            gone.views.into_iter().flatten().next(),
            self.connections.get_mut(&stays),
        ) {
            let before = connection.weight();
            connection.known.extend(gone.known);
            connection.join(*view);
            self.bytes = self.bytes + connection.weight() - before;
        }
        stays
    }

    /// The first that is heard of a view.
    fn add(&mut self, name: (NodeIndex, String), view: View) -> ConnectionId {
        let key = view.key();
        let known = (name.0, name.1.clone(), view.flow.revision);
        let found = self.candidate(ConnectionId(u64::MAX), key, &view);
        let id = found.unwrap_or_else(|| {
            self.next += 1;
            ConnectionId(self.next)
        });
        match self.connections.get_mut(&id) {
            Some(connection) => {
                let before = connection.weight();
                connection.known.push(known);
                connection.join(view);
                self.bytes = self.bytes + connection.weight() - before;
            }
            None => {
                let connection = Connection {
                    views: [Some(Box::new(view)), None],
                    known: vec![known],
                    key,
                    given: None,
                    changed: None,
                    places: 0,
                    touched: 0,
                };
                self.bytes += connection.weight();
                self.connections.insert(id, connection);
                self.index(id, key);
            }
        }
        // Without an id nothing can be told to be a revision of it.
        if !name.1.is_empty() {
            self.by_view.insert(name, id);
        }
        id
    }

    /// The nearest connection that lacks just this view.
    fn candidate(&self, own: ConnectionId, key: Option<Key>, view: &View) -> Option<ConnectionId> {
        let candidates = self.by_key.get(&key?)?;
        candidates
            .iter()
            .filter(|id| **id != own)
            .filter_map(|id| {
                let connection = self.connections.get(id)?;
                let [Some(one), None] = &connection.views else {
                    return None;
                };
                paired(one, view, self.limits.slack).map(|_| (distance(one, view), *id))
            })
            .min()
            .map(|(_, id)| id)
    }

    fn index(&mut self, id: ConnectionId, key: Option<Key>) {
        let Some(key) = key else { return };
        let same = self.by_key.entry(key).or_default();
        same.push_back(id);
        if same.len() > CANDIDATES {
            same.pop_front();
        }
    }

    fn unindex(&mut self, id: ConnectionId, key: Option<Key>) {
        let Some(key) = key else { return };
        if let Some(same) = self.by_key.get_mut(&key) {
            same.retain(|known| *known != id);
            if same.is_empty() {
                self.by_key.remove(&key);
            }
        }
    }

    fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        let connection = self.connections.remove(&id)?;
        self.bytes -= connection.weight();
        for (node, name, _) in &connection.known {
            self.by_view.remove(&(*node, name.clone()));
        }
        self.unindex(id, connection.key);
        Some(connection)
    }

    /// Nothing of it waits any more: from now on it may be forgotten, after those of which that was said before.
    fn rest(&mut self, id: ConnectionId) {
        self.touches += 1;
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.touched = self.touches;
            self.resting.push_back((id, self.touches));
        }
        if self.resting.len() > 2 * self.connections.len() + 1024 {
            let connections = &self.connections;
            self.resting
                .retain(|(id, touch)| is_latest(connections, *id, *touch));
        }
    }

    /// Forgets what was told of least lately, beyond the limits. What waits to go out stays.
    fn forget(&mut self) {
        while self.connections.len() > self.limits.connections || self.bytes > self.limits.bytes {
            let Some((id, touch)) = self.resting.pop_front() else {
                return;
            };
            if is_latest(&self.connections, id, touch) {
                self.remove(id);
            }
        }
    }
}

fn is_latest(
    connections: &HashMap<ConnectionId, Connection>,
    id: ConnectionId,
    touch: u64,
) -> bool {
    connections
        .get(&id)
        .is_some_and(|connection| connection.touched == touch)
}
