//! Generated traffic between the pods of a hundred nodes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use netpol_api::v1::Flow;

use crate::world::{Connection, ended};

pub(crate) const NODES: usize = 100;
/// When it begins (ms).
pub(crate) const START: u64 = 1000;

/// Connections that begin one after the other, most of them between two nodes.
#[derive(Clone, Copy)]
pub(crate) struct Traffic {
    pub(crate) connections: usize,
    pub(crate) a_second: u64,
}

impl Traffic {
    fn connection(self, number: usize) -> Connection {
        let first = START + number as u64 * 1000 / self.a_second;
        Connection {
            source: number % NODES,
            destination: (number * 7 + number / NODES) % NODES,
            port: number as u32,
            first,
            last: first + 40,
        }
    }

    fn views(self, number: usize) -> impl Iterator<Item = (usize, Flow)> {
        let connection = self.connection(number);
        let views = if connection.source == connection.destination {
            [Some((connection.source, connection.on_one_node())), None]
        } else {
            [
                Some((connection.source, connection.at_source())),
                Some((connection.destination, connection.at_destination())),
            ]
        };
        views.into_iter().flatten()
    }

    /// What a node has kept of it, made as it is asked for.
    pub(crate) fn kept_by(self, node: usize) -> Kept {
        Box::new(
            (0..self.connections)
                .filter(move |number| {
                    let connection = self.connection(*number);
                    connection.source == node || connection.destination == node
                })
                .flat_map(move |number| self.views(number))
                .filter(move |(seen_by, _)| *seen_by == node)
                .map(|(_, flow)| ended(flow)),
        )
    }
}

pub(crate) type Kept = Box<dyn Iterator<Item = Flow>>;

/// Source's port is the number of the connection.
pub(crate) fn identity(flow: &Flow) -> (usize, u32) {
    let port = flow.source.as_ref().map_or(0, |end| end.port);
    (port as usize % NODES, port)
}

/// When each view arrives, and of which node.
pub(crate) struct Arrivals<D> {
    traffic: Traffic,
    next: usize,
    delay: D,
    on_the_way: BinaryHeap<Reverse<(u64, usize, usize)>>,
}

impl<D: Fn(usize) -> u64> Arrivals<D> {
    /// `delay`: from the last packet to the relay, by node (ms).
    pub(crate) fn of(traffic: Traffic, delay: D) -> Self {
        Self {
            traffic,
            next: 0,
            delay,
            on_the_way: BinaryHeap::new(),
        }
    }
}

impl<D: Fn(usize) -> u64> Iterator for Arrivals<D> {
    type Item = (u64, usize, Flow);

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.traffic.connections {
            let connection = self.traffic.connection(self.next);
            let earliest = self.on_the_way.peek().map(|Reverse((time, ..))| *time);
            if earliest.is_some_and(|earliest| earliest < connection.last) {
                break;
            }
            for (node, _) in self.traffic.views(self.next) {
                let arrives = connection.last + (self.delay)(node);
                self.on_the_way.push(Reverse((arrives, node, self.next)));
            }
            self.next += 1;
        }
        let Reverse((time, node, number)) = self.on_the_way.pop()?;
        let mut views = self.traffic.views(number);
        let (_, flow) = views.find(|(seen_by, _)| *seen_by == node)?;
        Some((time, node, flow))
    }
}
