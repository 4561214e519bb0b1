//! The kernel side's counters for Prometheus.

use std::fmt;
use std::sync::Arc;

use netpol_common::record::Counter;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;

use super::counters::SharedCounters;

/// Each counter's name and meaning.
const COUNTERS: [(Counter, &str, &str); Counter::COUNT as usize] = [
    (
        Counter::PacketsSeen,
        "packets_seen",
        "Packets seen on pod interfaces",
    ),
    (
        Counter::NotIp,
        "packets_not_ip",
        "Packets that are neither IPv4 nor IPv6",
    ),
    (
        Counter::Truncated,
        "packets_truncated",
        "Packets whose headers are cut off",
    ),
    (
        Counter::Malformed,
        "packets_malformed",
        "Packets whose headers contradict themselves",
    ),
    (
        Counter::FragmentsUnmatched,
        "fragments_unmatched",
        "Later fragments whose first fragment was not seen",
    ),
    (
        Counter::FlowsInserted,
        "flows_inserted",
        "Connections entered into the flow map",
    ),
    (
        Counter::FlowsDeleted,
        "flows_replaced",
        "Ended connections replaced by new ones",
    ),
    (
        Counter::FlowsFailed,
        "flows_refused",
        "Connections that the flow map had no room for",
    ),
    (
        Counter::FlowEventsSent,
        "flow_events_sent",
        "Flow events that the ring buffer took",
    ),
    (
        Counter::FlowEventsLost,
        "flow_events_lost",
        "Flow events that the ring buffer refused",
    ),
    (Counter::DropsSeen, "drops_seen", "Dropped packets counted"),
    (
        Counter::DropsInserted,
        "drops_inserted",
        "Kinds of drops entered into the drop map",
    ),
    (
        Counter::DropsFailed,
        "drops_refused",
        "Kinds of drops that the drop map had no room for",
    ),
    (
        Counter::DropEventsSent,
        "drop_events_sent",
        "Drop events that the ring buffer took",
    ),
    (
        Counter::DropEventsLost,
        "drop_events_lost",
        "Drop events that the ring buffer refused",
    ),
    (
        Counter::DropsUnparsed,
        "drops_unparsed",
        "Dropped packets whose headers cannot be read",
    ),
    (
        Counter::FragmentsInserted,
        "fragments_seen",
        "First fragments remembered",
    ),
];

/// Shows the totals of the last sweep.
#[derive(Debug)]
pub struct KernelCollector(pub Arc<SharedCounters>);

impl Collector for KernelCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (counter, name, help) in COUNTERS {
            let metric = ConstCounter::new(self.0.get(counter));
            let name = format!("kernel_{name}");
            let encoder = encoder.encode_descriptor(&name, help, None, metric.metric_type())?;
            metric.encode(encoder)?;
        }
        Ok(())
    }
}
