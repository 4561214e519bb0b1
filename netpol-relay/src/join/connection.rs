//! A connection, by the views of its nodes that are there so far.

use netpol_api::v1;

use super::joined::joined;
use super::same::in_order;
use super::view::{Key, NodeIndex, View};
use crate::merge::instant::Nanos;

/// Bytes that it takes without its views.
const FOOTPRINT: usize = 256;

#[derive(Debug)]
pub(super) struct Connection {
    /// The source's first where there are two; `None` twice where it was told and no other view can come.
    pub(super) views: [Option<Box<View>>; 2],
    /// Node, id and revision of each view.
    pub(super) known: Vec<(NodeIndex, String, u64)>,
    pub(super) key: Option<Key>,
    pub(super) given: Option<String>,
    /// There is something that did not go out yet, since then.
    pub(super) changed: Option<Nanos>,
    /// Places in the order that wait for it.
    pub(super) places: u32,
    /// Changes whenever it begins or ceases to wait.
    pub(super) touched: u64,
}

impl Connection {
    /// About the bytes it takes.
    pub(super) fn weight(&self) -> usize {
        let views: usize = self.views.iter().flatten().map(|view| view.weight).sum();
        FOOTPRINT + views
    }

    /// Adds the other view.
    pub(super) fn join(&mut self, view: View) {
        if let [Some(first), second @ None] = &mut self.views {
            let comes_first =
                in_order(&view, first).is_some_and(|(source, _)| source.node == view.node);
            *second = Some(Box::new(view));
            if comes_first {
                self.views.swap(0, 1);
            }
        }
    }

    /// What goes out.
    pub(super) fn give(&mut self, slack: Nanos) -> Option<v1::Flow> {
        let flow = match &self.views {
            [Some(source), Some(destination)] => {
                let mut flow = joined(source, destination, slack);
                let both = [source, destination].map(|view| view.flow.revision.max(1));
                flow.revision = both[0].saturating_add(both[1]);
                flow.id = match &self.given {
                    Some(id) => id.clone(),
                    None => destination.flow.id.clone(),
                };
                flow
            }
            // No other view can come: what is left to know is its revision.
            _ if self.key.is_none() => self.views[0].take()?.flow,
            [one, other] => one.as_ref().or(other.as_ref())?.flow.clone(),
        };
        self.given.get_or_insert_with(|| flow.id.clone());
        Some(flow)
    }
}
