//! Figures for Prometheus. Labels come from fixed vocabularies: no address, name or message ever becomes one.

mod watches;

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use netpol_transport::tls::{CertificateCollector, ServerTls};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::flow::{Flow, ObservedVerdict, Stage};
use crate::inventory::{POLICY_KINDS, Snapshot, Watches};
use crate::kernel::counters::SharedCounters;
use crate::kernel::metrics::KernelCollector;

/// Every figure of the daemon.
#[derive(Clone, Default)]
pub struct Metrics {
    flows: Family<VerdictLabel, Counter>,
    revisions: Counter,
    lost: Family<LossLabels, Counter>,
    kernel: Arc<SharedCounters>,
    /// Observations taken from the kernel side.
    pub observations: Counter,
    /// Connections remembered.
    pub connections: Gauge,
    /// Connections that wait for an address to become known.
    pub connections_held: Gauge,
    address_waits: Family<OutcomeLabel, Counter>,
    denied: Family<OutcomeLabel, Counter>,
    /// 1 while this node seems to enforce no policy at all.
    pub enforces_nothing: Gauge,
    /// Streams being served.
    pub subscribers: Gauge,
    inventory_generation: Gauge,
    inventory_errors: Gauge,
    inventory_warnings: Gauge,
    policies: Family<KindLabel, Gauge>,
    policies_not_evaluated: Gauge,
    /// Answers of the policy engine that are kept.
    pub verdict_cache_entries: Gauge,
    /// Items written to streams.
    pub delivered: Counter,
    /// Items that a stream's filter left out.
    pub filtered: Counter,
    certificates: Arc<OnceLock<CertificateCollector>>,
    watches: Arc<OnceLock<Arc<Watches>>>,
    exported: Family<ExportLabel, Counter>,
    export_failures: Family<ExportLabel, Counter>,
    export_up: Family<ExportLabel, Gauge>,
    history_edges: Gauge,
    history_uses: Gauge,
    history_folded: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabel {
    verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ExportLabel {
    export: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// What came of a connection with an end that nobody was known for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressWait {
    /// It became known while the connection was held.
    Learnt,
    /// It did not.
    GivenUp,
    /// It became known after the connection was published.
    ToldAgain,
    /// Too many were held already.
    NoRoom,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LossLabels {
    stage: &'static str,
    reason: &'static str,
}

impl Metrics {
    /// With the kernel side's counters beside its own.
    #[must_use]
    pub fn with_kernel(kernel: Arc<SharedCounters>) -> Self {
        Self {
            kernel,
            ..Self::default()
        }
    }

    /// Counts a published revision; a connection counts once, by what its first revision said.
    pub fn published(&self, flow: &Flow) {
        self.revisions.inc();
        if flow.revision == 1 {
            let verdict = match flow.observed.verdict {
                ObservedVerdict::Forwarded => "forwarded",
                ObservedVerdict::Dropped => "dropped",
                ObservedVerdict::Rejected => "rejected",
                ObservedVerdict::Unanswered => "unanswered",
                ObservedVerdict::Unknown => "unknown",
            };
            self.flows.get_or_create(&VerdictLabel { verdict }).inc();
        }
    }

    /// Counts a loss.
    pub fn lost(&self, stage: Stage, reason: &'static str, count: u64) {
        let stage = stage.as_str();
        self.lost
            .get_or_create(&LossLabels { stage, reason })
            .inc_by(count);
    }

    /// Counts a line or an Event that an export wrote.
    pub fn exported(&self, export: &'static str) {
        self.exported.get_or_create(&ExportLabel { export }).inc();
    }

    /// Counts a try of an export to write that failed.
    pub fn export_failed(&self, export: &'static str) {
        let label = ExportLabel { export };
        self.export_failures.get_or_create(&label).inc();
    }

    /// Notes whether an export takes what it is given.
    pub fn export_works(&self, export: &'static str, works: bool) {
        let label = ExportLabel { export };
        self.export_up.get_or_create(&label).set(works.into());
    }

    /// Notes how many edges and parts of policies are remembered, and how many edges became part of another so far.
    pub fn history(&self, edges: usize, uses: usize, folded: u64) {
        for (gauge, count) in [(&self.history_edges, edges), (&self.history_uses, uses)] {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let counted = self.history_folded.get();
        self.history_folded.inc_by(folded.saturating_sub(counted));
    }

    /// Counts what came of a connection with an end that nobody was known for.
    pub fn address_wait(&self, outcome: AddressWait) {
        let outcome = match outcome {
            AddressWait::Learnt => "learnt",
            AddressWait::GivenUp => "given_up",
            AddressWait::ToldAgain => "told_again",
            AddressWait::NoRoom => "no_room",
        };
        self.address_waits
            .get_or_create(&OutcomeLabel { outcome })
            .inc();
    }

    /// Counts what came of a connection that policies deny and that this node had to stop.
    pub fn denied(&self, outcome: &'static str) {
        self.denied.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Tells how well the resources of the API server are followed. There is one such server.
    pub fn watches(&self, watches: Arc<Watches>) {
        self.watches.get_or_init(|| watches);
    }

    /// Tells of the certificates of the TCP door. There is one such door.
    pub fn certificates(&self, tls: Arc<ServerTls>) {
        self.certificates
            .get_or_init(|| CertificateCollector::new(tls));
    }

    /// Takes the figures of the inventory that is in force from now on.
    pub fn inventory(&self, snapshot: &Snapshot) {
        let report = snapshot.report();
        for (gauge, count) in [
            (&self.inventory_errors, report.errors.len()),
            (&self.inventory_warnings, report.warnings.len()),
        ] {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let generation = i64::try_from(snapshot.generation()).unwrap_or(i64::MAX);
        self.inventory_generation.set(generation);
        self.policies_not_evaluated
            .set(report.policies_not_evaluated().into());
        for kind in POLICY_KINDS {
            let count = snapshot.sizes().policies_of(kind);
            let kind = kind.as_str();
            self.policies
                .get_or_create(&KindLabel { kind })
                .set(count.into());
        }
    }

    /// The text that Prometheus reads (OpenMetrics).
    ///
    /// # Errors
    /// Only when formatting fails, which writing to a string does not.
    pub fn render(&self) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::with_prefix("netpol");
        registry.register(
            "flows",
            "Connections published, by what was first seen of them",
            self.flows.clone(),
        );
        registry.register(
            "flow_revisions",
            "Revisions of connections published",
            self.revisions.clone(),
        );
        registry.register(
            "lost",
            "Events, packets or items lost, by where and why",
            self.lost.clone(),
        );
        registry.register(
            "observations",
            "Observations taken from the kernel side",
            self.observations.clone(),
        );
        registry.register(
            "tracked_connections",
            "Connections remembered",
            self.connections.clone(),
        );
        registry.register(
            "connections_held",
            "Connections that wait for an address to become known",
            self.connections_held.clone(),
        );
        registry.register(
            "address_waits",
            "Connections with an end that nobody was known for, by what came of waiting",
            self.address_waits.clone(),
        );
        registry.register(
            "denied_connections",
            "Connections that policies deny and that this node had to stop, by what came of them",
            self.denied.clone(),
        );
        registry.register(
            "enforces_nothing",
            "1 while this node seems to enforce no policy at all, else 0",
            self.enforces_nothing.clone(),
        );
        registry.register(
            "subscribers",
            "Streams being served",
            self.subscribers.clone(),
        );
        registry.register(
            "inventory_generation",
            "Changes of the inventory since the start",
            self.inventory_generation.clone(),
        );
        registry.register(
            "inventory_errors",
            "Objects or manifests that cannot be used as they stand",
            self.inventory_errors.clone(),
        );
        registry.register(
            "inventory_warnings",
            "Objects or manifests that can be used and are worth a look",
            self.inventory_warnings.clone(),
        );
        registry.register(
            "policies",
            "Policies in force, by kind",
            self.policies.clone(),
        );
        registry.register(
            "policies_not_evaluated",
            "Policies of kinds that are not evaluated",
            self.policies_not_evaluated.clone(),
        );
        registry.register(
            "verdict_cache_entries",
            "Answers of the policy engine that are kept",
            self.verdict_cache_entries.clone(),
        );
        registry.register(
            "stream_items_delivered",
            "Items written to streams",
            self.delivered.clone(),
        );
        registry.register(
            "stream_items_filtered",
            "Items that the filter of a stream left out",
            self.filtered.clone(),
        );
        registry.register(
            "exported",
            "Lines and Events written, by export",
            self.exported.clone(),
        );
        registry.register(
            "export_failures",
            "Tries to write that failed, by export",
            self.export_failures.clone(),
        );
        registry.register(
            "export_up",
            "1 while an export takes what it is given, else 0",
            self.export_up.clone(),
        );
        registry.register(
            "history_edges",
            "Kinds of connections remembered",
            self.history_edges.clone(),
        );
        registry.register(
            "history_rule_uses",
            "Parts of policies whose use is remembered",
            self.history_uses.clone(),
        );
        registry.register(
            "history_folded",
            "Kinds of connections that became part of another, for the sake of room",
            self.history_folded.clone(),
        );
        registry.register_collector(Box::new(KernelCollector(self.kernel.clone())));
        let watches = self.watches.get().map(Arc::as_ref);
        registry.register(
            "watch_up",
            "Whether a resource of the API server is followed",
            watches::up(watches),
        );
        registry.register(
            "watch_silence_seconds",
            "Time since the API server last said anything of a resource, be it that nothing changed",
            watches::silence(watches, SystemTime::now()),
        );
        if let Some(certificates) = self.certificates.get() {
            registry.register_collector(Box::new(certificates.clone()));
        }
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{ForeignKind, Report};
    use crate::testing::flow;

    #[test]
    fn a_connection_counts_once_and_a_loss_names_its_place() {
        let metrics = Metrics::default();
        let mut one = flow(1);
        metrics.published(&one);
        one.revision = 2;
        metrics.published(&one);
        metrics.lost(Stage::Kernel, "ring_full", 7);
        let text = metrics.render().unwrap();
        assert!(
            text.contains("netpol_flows_total{verdict=\"forwarded\"} 1\n"),
            "{text}"
        );
        assert!(text.contains("netpol_flow_revisions_total 2\n"), "{text}");
        assert!(text.contains("netpol_lost_total{stage=\"kernel\",reason=\"ring_full\"} 7\n"));
    }

    #[test]
    fn policies_count_by_kind_and_those_not_evaluated_without() {
        let metrics = Metrics::default();
        let kind = ForeignKind {
            kind: "CiliumNetworkPolicy".into(),
            api_version: "cilium.io/v2".into(),
        };
        let report = Report {
            not_evaluated: [(kind, 3)].into(),
            ..Report::default()
        };
        let snapshot = Snapshot::default().next(Vec::new(), report, SystemTime::UNIX_EPOCH);
        metrics.inventory(&snapshot);
        let text = metrics.render().unwrap();
        for line in [
            "netpol_policies{kind=\"ClusterNetworkPolicy\"} 0\n",
            "netpol_policies_not_evaluated 3\n",
            "netpol_inventory_generation 1\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }
}
