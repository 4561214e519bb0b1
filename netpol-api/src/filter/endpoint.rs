//! Conditions on one end of a flow.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{
    FilterError, FilterProblem,
    name::{NamePattern, NamespacedPattern, WorkloadPattern},
    selector::Selector,
    texts,
};
use crate::v1;

/// One kind, satisfied by any of its values.
#[derive(Clone, Debug)]
pub(super) enum EndpointCondition {
    Namespace(Vec<NamePattern>),
    Pod(Vec<NamespacedPattern>),
    Workload(Vec<WorkloadPattern>),
    Labels(Vec<Selector>),
    Address(Vec<IpNet>),
    Port(Vec<PortRange>),
    Service(Vec<NamespacedPattern>),
}

/// One end, with what the other side dialled to reach it.
pub(super) struct FlowEnd<'a> {
    endpoint: &'a v1::Endpoint,
    dialled: Option<&'a v1::ServiceAddress>,
}

/// Inclusive.
#[derive(Clone, Copy, Debug)]
pub(super) struct PortRange {
    first: u16,
    last: u16,
}

/// Conditions of all kinds that are set, to be joined with AND.
pub(super) fn compile(
    path: &str,
    filter: &v1::EndpointFilter,
) -> Result<Vec<EndpointCondition>, FilterError> {
    use EndpointCondition as On;
    let at = |field: &str| format!("{path}.{field}");
    let mut all = Vec::new();
    all.extend(texts(&filter.namespace, at("namespace"), NamePattern::parse)?.map(On::Namespace));
    all.extend(texts(&filter.pod, at("pod"), NamespacedPattern::parse)?.map(On::Pod));
    all.extend(texts(&filter.workload, at("workload"), WorkloadPattern::parse)?.map(On::Workload));
    all.extend(
        texts(&filter.label_selector, at("label_selector"), |text| {
            text.parse::<Selector>()
        })?
        .map(On::Labels),
    );
    all.extend(texts(&filter.cidr, at("cidr"), parse_block)?.map(On::Address));
    all.extend(texts(&filter.port, at("port"), PortRange::parse)?.map(On::Port));
    all.extend(texts(&filter.service, at("service"), NamespacedPattern::parse)?.map(On::Service));
    Ok(all)
}

fn parse_block(text: &str) -> Result<IpNet, FilterProblem> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| FilterProblem::Address)
}

impl PortRange {
    fn parse(text: &str) -> Result<Self, FilterProblem> {
        let port = |text: &str| {
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            text.parse()
                .ok()
                .filter(|port| digits && *port != 0)
                .ok_or(FilterProblem::Port)
        };
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (port(first)?, port(last)?),
            None => {
                let only = port(text)?;
                (only, only)
            }
        };
        if first > last {
            return Err(FilterProblem::Port);
        }
        Ok(Self { first, last })
    }

    fn contains(self, port: u32) -> bool {
        (u32::from(self.first)..=u32::from(self.last)).contains(&port)
    }
}

impl<'a> FlowEnd<'a> {
    pub(super) fn source(flow: &'a v1::Flow) -> Option<Self> {
        flow.source.as_ref().map(|endpoint| Self {
            endpoint,
            dialled: None,
        })
    }

    pub(super) fn destination(flow: &'a v1::Flow) -> Option<Self> {
        let dialled = flow.service.as_ref();
        flow.destination
            .as_ref()
            .map(|endpoint| Self { endpoint, dialled })
    }

    /// The end's own address, and the one it was dialled by.
    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let texts = [
            Some(&self.endpoint.address),
            self.dialled.map(|service| &service.address),
        ];
        texts
            .into_iter()
            .flatten()
            .filter_map(|text| text.parse().ok())
    }

    /// The end's own port, and the one it was dialled by.
    fn ports(&self) -> impl Iterator<Item = u32> {
        [
            Some(self.endpoint.port),
            self.dialled.map(|service| service.port),
        ]
        .into_iter()
        .flatten()
    }
}

impl EndpointCondition {
    pub(super) fn holds(&self, end: &FlowEnd<'_>) -> bool {
        let endpoint = end.endpoint;
        match self {
            Self::Namespace(patterns) => patterns.iter().any(|p| p.matches(&endpoint.namespace)),
            Self::Pod(patterns) => patterns
                .iter()
                .any(|p| p.matches(&endpoint.namespace, &endpoint.pod)),
            Self::Workload(patterns) => endpoint.workload.as_ref().is_some_and(|workload| {
                patterns
                    .iter()
                    .any(|p| p.matches(&endpoint.namespace, &workload.kind, &workload.name))
            }),
            // `!app` selects pods without that label, not the whole Internet.
            Self::Labels(selectors) => {
                endpoint.kind() == v1::endpoint::Kind::Pod
                    && selectors.iter().any(|s| s.matches(&endpoint.labels))
            }
            Self::Address(blocks) => end
                .addresses()
                .any(|address| blocks.iter().any(|block| block.contains(&address))),
            Self::Port(ranges) => end
                .ports()
                .any(|port| ranges.iter().any(|range| range.contains(port))),
            Self::Service(patterns) => end.dialled.is_some_and(|service| {
                patterns
                    .iter()
                    .any(|p| p.matches(&service.namespace, &service.name))
            }),
        }
    }
}
