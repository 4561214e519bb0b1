//! What rules are made within: the cluster's own addresses, its workloads, and the limits that were asked for.

use std::net::IpAddr;

use ipnet::IpNet;

use super::block::BlockLimits;
use super::label::Naming;
use crate::history::History;

/// What rules are made within.
pub(crate) struct Surroundings<'a> {
    pub(crate) naming: &'a Naming,
    pub(crate) limits: BlockLimits,
    /// Peers of one namespace in a rule; more of them are the whole namespace.
    pub(crate) peers: usize,
    /// Ranges of pods, nodes and Services.
    pub(crate) cluster: Vec<IpNet>,
    /// Ranges of pods.
    pub(crate) pods: Vec<IpNet>,
    pub(crate) history: &'a History,
}

impl<'a> Surroundings<'a> {
    pub(crate) fn new(
        history: &'a History,
        naming: &'a Naming,
        limits: BlockLimits,
        peers: usize,
    ) -> Self {
        let nodes = || history.cluster.iter();
        let pods: Vec<IpNet> = nodes()
            .flat_map(|node| node.pod_cidrs.iter().map(|range| range.net()))
            .collect();
        let services = history.services.iter().flat_map(|service| {
            let addresses = service.cluster_addresses.iter();
            addresses.chain(&service.external_addresses)
        });
        let addresses = nodes().flat_map(|node| &node.addresses).chain(services);
        let cluster = addresses.map(|address| IpNet::from(*address));
        Self {
            naming,
            limits,
            peers,
            cluster: cluster.chain(pods.iter().copied()).collect(),
            pods,
            history,
        }
    }
}

/// Addresses of a node.
pub(crate) fn addresses_of<'a>(history: &'a History, node: &str) -> &'a [IpAddr] {
    let found = history.cluster.iter().find(|one| *one.name == *node);
    found.map_or(&[], |node| &node.addresses)
}
