//! All that this node remembers of traffic, bounded in every part.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_policy::history::{Edge, History, NodeHistory, Party};

use super::changes::Changes;
use super::cluster::Cluster;
use super::edges::Edges;
use super::groups::Groups;
use super::intervals::{Intervals, Moment, start_of_day};
use super::policies::Policies;
use super::population::Population;
use super::uses::Uses;
use crate::flow::Lost;

/// What is remembered, and what of it is not written yet.
pub(super) struct Memory {
    node: Arc<str>,
    dialect: Arc<str>,
    /// Names the store; empty until it has been opened.
    store: Arc<str>,
    pub(super) edges: Edges,
    pub(super) uses: Uses,
    pub(super) intervals: Intervals,
    pub(super) policies: Policies,
    pub(super) population: Population,
    pub(super) cluster: Cluster,
    pub(super) groups: Groups,
}

impl Memory {
    /// Nothing is remembered yet, and so many edges will be at once.
    pub(super) fn new(node: Arc<str>, dialect: Arc<str>, edges: usize) -> Self {
        Self {
            node,
            dialect,
            store: "".into(),
            edges: Edges::new(edges),
            uses: Uses::default(),
            intervals: Intervals::default(),
            policies: Policies::default(),
            population: Population::default(),
            cluster: Cluster::default(),
            groups: Groups::default(),
        }
    }

    pub(super) fn node(&self) -> &Arc<str> {
        &self.node
    }

    /// Takes in what the store holds, also where much happened before it could be opened. Gives how many connections had to be
    /// forgotten for lack of room.
    pub(super) fn load(&mut self, history: History) -> u64 {
        for node in history.nodes {
            self.store = node.store;
            for interval in node.intervals {
                self.intervals.load(interval);
            }
        }
        for edge in history.edges {
            let edge = self.shared(edge);
            self.edges.load(edge);
        }
        for one in history.uses {
            self.uses.load(one);
        }
        for revision in history.policies {
            self.policies.load(revision);
        }
        let watched = self.intervals.last().unwrap_or(SystemTime::UNIX_EPOCH);
        for present in history.population {
            self.population.load(present, &mut self.groups, watched);
        }
        self.cluster.load(history.cluster, history.services);
        self.edges.loaded()
    }

    /// Takes in that this node watches all its interfaces but so many, and what it has lost in all until now.
    pub(super) fn watch(&mut self, now: Moment, lost: Vec<Lost>, unwatched: usize) {
        if self.intervals.watch(now, lost, unwatched) {
            self.edges.not_after(now.wall);
            self.uses.not_after(now.wall);
            self.policies.not_after(now.wall);
            self.population.not_after(now.wall);
        }
    }

    /// Forgets what was last seen more than so long ago, by whole days: so that no time is claimed to have been watched of which
    /// something is forgotten. Nothing by a clock that was just set: what it calls old may be of yesterday.
    pub(super) fn forget(&mut self, now: SystemTime, retention: Duration) {
        let horizon = now.checked_sub(retention).map(start_of_day);
        if let Some(horizon) = horizon.filter(|_| self.intervals.is_clock_believed()) {
            self.edges.forget_before(horizon);
            self.uses.forget_before(horizon);
            self.intervals.forget_before(horizon);
            self.policies.forget_before(horizon);
            self.population.forget_before(horizon);
        }
    }

    /// What the store does not hold yet. Until [`Memory::settle`] it counts as being written.
    pub(super) fn take_changes(&mut self) -> Changes {
        let (cluster, services) = self.cluster.take_changes();
        Changes {
            edges: self.edges.take_changes(),
            uses: self.uses.take_changes(),
            intervals: self.intervals.take_changes(),
            policies: self.policies.take_changes(),
            population: self.population.take_changes(),
            cluster,
            services,
        }
    }

    /// Takes in whether what was taken has been written.
    pub(super) fn settle(&mut self, is_written: bool) {
        self.edges.settle(is_written);
        self.uses.settle(is_written);
        self.intervals.settle(is_written);
        self.policies.settle(is_written);
        self.population.settle(is_written);
        self.cluster.settle(is_written);
    }

    /// The store holds nothing any more: all of it is to be written.
    pub(super) fn begin_anew(&mut self) {
        self.edges.begin_anew();
        self.uses.begin_anew();
        self.intervals.begin_anew();
        self.policies.begin_anew();
        self.population.begin_anew();
        self.cluster.begin_anew();
    }

    /// A copy of all of it.
    pub(super) fn history(&self, now: SystemTime) -> History {
        History {
            nodes: vec![NodeHistory {
                name: self.node.clone(),
                store: self.store.clone(),
                read_at: now,
                intervals: self.intervals.all(),
                dialect: self.dialect.clone(),
            }],
            missing: Vec::new(),
            edges: self.edges.iter().collect(),
            uses: self.uses.iter().collect(),
            policies: self.policies.all(),
            population: self.population.all(now),
            cluster: self.cluster.nodes(),
            services: self.cluster.services(),
        }
    }

    /// The same edge, whose groups are those that are known.
    fn shared(&mut self, mut edge: Edge) -> Edge {
        for party in [&mut edge.key.source, &mut edge.key.destination] {
            if let Party::Pods(group) = party {
                *group = self.groups.only((**group).clone());
            }
        }
        edge
    }
}
