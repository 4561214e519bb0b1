//! Figures of certificates for Prometheus.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::server::ServerTls;

const EXPIRY: &str = "certificate_expiry_timestamp_seconds";
const RELOADS: &str = "certificate_reloads";
const RELOAD_FAILURES: &str = "certificate_reload_failures";

/// Tells when certificates are over, and how following their files goes.
#[derive(Clone, Debug)]
pub struct CertificateCollector(Arc<ServerTls>);

impl CertificateCollector {
    /// The figures, without the prefix of all figures and the suffix of counters.
    pub const NAMES: [&str; 3] = [EXPIRY, RELOADS, RELOAD_FAILURES];

    /// For a server's certificates.
    #[must_use]
    pub fn new(tls: Arc<ServerTls>) -> Self {
        Self(tls)
    }
}

impl Collector for CertificateCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let report = self.0.report();
        // Of several authorities, the one that is over first.
        let mut ends = BTreeMap::new();
        for facts in &report.certificates {
            let end = facts
                .not_after
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            let end = i64::try_from(end.as_secs()).unwrap_or(i64::MAX);
            let first = ends.entry(facts.role).or_insert(end);
            *first = end.min(*first);
        }
        let mut family = encoder.encode_descriptor(
            EXPIRY,
            "When the certificate in use expires, seconds since 1970, by what it is used for",
            None,
            MetricType::Gauge,
        )?;
        for (role, end) in ends {
            let gauge = ConstGauge::new(end);
            gauge.encode(family.encode_family(&[("role", role.as_str())])?)?;
        }
        for (name, help, count) in [
            (
                RELOADS,
                "Changes of certificates, keys or authorities that are in use",
                report.reloads,
            ),
            (
                RELOAD_FAILURES,
                "Changes of certificates, keys or authorities that could not be used",
                report.reload_failures,
            ),
        ] {
            let counter = ConstCounter::new(count);
            let descriptor = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(descriptor)?;
        }
        Ok(())
    }
}
