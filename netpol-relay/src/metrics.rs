//! Figures for Prometheus. Labels come from fixed vocabularies, but for the names of nodes, of which there are as many as
//! there are nodes.

use std::sync::{Arc, OnceLock};

use netpol_api::v1::node_state::State;
use netpol_api::word::Word;
use netpol_transport::tls::{CertificateCollector, ServerTls};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use crate::nodes::{Node, Nodes};

/// Every figure that is counted.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Streams being served.
    pub streams: Gauge,
    /// Items written to streams.
    pub delivered: Counter,
    /// Flows that the filter of a stream, or its reader's rights, left out after they were joined.
    pub filtered: Counter,
    /// Flows that were put together from what two nodes saw.
    pub joined: Counter,
    /// Items that came from agents.
    pub received: Counter,
    /// Attempts to connect to an agent after the first.
    pub reconnections: Counter,
    lost: Family<LossLabels, Counter>,
    certificates: Arc<OnceLock<CertificateCollector>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LossLabels {
    reason: String,
}

impl Metrics {
    /// Counts items that the relay itself lost. Reasons are of a fixed vocabulary.
    pub fn lost(&self, reason: &str, count: u64) {
        let reason = reason.to_owned();
        self.lost
            .get_or_create(&LossLabels { reason })
            .inc_by(count);
    }

    /// Tells of the certificates of the TCP door. There is one such door.
    pub fn certificates(&self, tls: Arc<ServerTls>) {
        self.certificates
            .get_or_init(|| CertificateCollector::new(tls));
    }

    /// The text that Prometheus reads (OpenMetrics).
    ///
    /// # Errors
    /// Only when formatting fails, which writing to a string does not.
    pub fn render(&self, nodes: &Arc<Nodes>) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::with_prefix("netpol_relay");
        registry.register("streams", "Streams being served", self.streams.clone());
        for (name, help, counter) in [
            (
                "stream_items_delivered",
                "Items written to streams",
                &self.delivered,
            ),
            (
                "stream_items_filtered",
                "Flows that a filter, or a reader's rights, left out after they were joined",
                &self.filtered,
            ),
            (
                "flows_joined",
                "Flows put together from what two nodes saw",
                &self.joined,
            ),
            (
                "agent_items_received",
                "Items that came from agents",
                &self.received,
            ),
            (
                "agent_connection_attempts",
                "Attempts to connect to an agent again",
                &self.reconnections,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register(
            "lost",
            "Items lost by the relay itself, by why",
            self.lost.clone(),
        );
        registry.register_collector(Box::new(NodeFigures(nodes.clone())));
        if let Some(certificates) = self.certificates.get() {
            registry.register_collector(Box::new(certificates.clone()));
        }
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// What is told of each node, as of now.
#[derive(Debug)]
struct NodeFigures(Arc<Nodes>);

#[derive(Debug, EncodeLabelSet)]
struct NodeLabel {
    node: String,
}

#[derive(Debug, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

impl Collector for NodeFigures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let nodes = self.0.all();
        let states = State::WORDS.iter().map(|(state, word)| {
            let count = nodes.iter().filter(|node| node.state == *state).count();
            (StateLabel { state: word }, gauge(count as f64))
        });
        encode_all(
            &mut encoder,
            "nodes",
            "Nodes, by how well their flows are had",
            states,
        )?;
        let followed = nodes
            .iter()
            .map(|node| (label(node), gauge(f64::from(node.state == State::Followed))));
        encode_all(
            &mut encoder,
            "node_followed",
            "1 where the flows of the node are had, 0 where they are late or missing",
            followed,
        )?;
        let clocks = nodes.iter().filter_map(|node| {
            let clock = node.answer.as_ref()?.clock?;
            Some((label(node), gauge(clock.ahead as f64 / 1e9)))
        });
        encode_all(
            &mut encoder,
            "node_clock_ahead_seconds",
            "How far the clock of the node is ahead of the relay's",
            clocks,
        )
    }
}

fn label(node: &Node) -> NodeLabel {
    NodeLabel {
        node: node.name.clone(),
    }
}

fn gauge(value: f64) -> ConstGauge<f64> {
    ConstGauge::new(value)
}

fn encode_all<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    figures: impl Iterator<Item = (L, ConstGauge<f64>)>,
) -> Result<(), std::fmt::Error> {
    let mut figures = figures.peekable();
    if figures.peek().is_none() {
        return Ok(());
    }
    let kind = prometheus_client::metrics::MetricType::Gauge;
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, gauge) in figures {
        gauge.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::{Duration, Instant, SystemTime};

    use super::*;
    use crate::discovery::{AgentAddress, Discovered, Expected, Whereabouts};
    use crate::nodes::{Answer, Clock};

    fn one_node() -> Arc<Nodes> {
        let nodes = Arc::new(Nodes::default());
        let address = AgentAddress::Tcp("10.0.0.1:4245".to_owned());
        let found = Discovered {
            agents: vec![Expected {
                node: Some("n1".to_owned()),
                whereabouts: Whereabouts::At(address.clone()),
            }],
            ..Discovered::default()
        };
        let now = SystemTime::now();
        nodes.expect(&found, now);
        nodes.update(&address, |agent| {
            agent.answer = Some(Answer {
                status: Arc::default(),
                clock: Some(Clock::compare(now, now, Duration::ZERO)),
                heard: Instant::now(),
            });
        });
        nodes
    }

    #[test]
    fn every_metric_has_a_line_and_every_line_a_metric() {
        let metrics = Metrics::default();
        metrics.lost("slow_subscriber", 7);
        let text = metrics.render(&one_node()).unwrap();
        for line in [
            "netpol_relay_lost_total{reason=\"slow_subscriber\"} 7\n",
            "netpol_relay_nodes{state=\"unreachable\"} 1.0\n",
            "netpol_relay_node_followed{node=\"n1\"} 0.0\n",
            "netpol_relay_node_clock_ahead_seconds{node=\"n1\"} 0.0\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        let registered: BTreeSet<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE netpol_relay_")?.split(' ').next())
            .collect();
        let documented: BTreeSet<_> = include_str!("../../docs/metrics.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `netpol_relay_")?.split('`').next())
            .map(|name| name.trim_end_matches("_total"))
            .collect();
        assert_eq!(documented, registered);
    }
}
