//! How well the resources of an API server are followed.

use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::inventory::{Watch, WatchStage, Watches};

/// Names of resources come from [`Resource::ALL`](crate::inventory::Resource::ALL).
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ResourceLabel {
    resource: String,
}

type SecondsGauge = Gauge<f64, AtomicU64>;

/// Resources that the API server has, with what is known of each.
fn installed(watches: Option<&Watches>) -> impl Iterator<Item = (ResourceLabel, Watch)> {
    let watches = watches.map(Watches::all).into_iter().flatten();
    let installed = watches.filter(|(_, watch)| watch.stage != WatchStage::Absent);
    installed.map(|(resource, watch)| {
        let resource = resource.name();
        (ResourceLabel { resource }, watch)
    })
}

/// Whether each is followed.
pub(super) fn up(watches: Option<&Watches>) -> Family<ResourceLabel, Gauge> {
    let up = Family::<ResourceLabel, Gauge>::default();
    for (resource, watch) in installed(watches) {
        let is_up = watch.stage == WatchStage::Following && watch.trouble.is_none();
        up.get_or_create(&resource).set(is_up.into());
    }
    up
}

/// How long nothing was heard of each; of those of which anything was heard, ever.
pub(super) fn silence(
    watches: Option<&Watches>,
    now: SystemTime,
) -> Family<ResourceLabel, SecondsGauge> {
    let silence = Family::<ResourceLabel, SecondsGauge>::default();
    for (resource, watch) in installed(watches) {
        if let Some(heard) = watch.heard {
            // Clocks are set back.
            let seconds = now.duration_since(heard).unwrap_or_default().as_secs_f64();
            silence.get_or_create(&resource).set(seconds);
        }
    }
    silence
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::inventory::Resource;
    use crate::metrics::Metrics;

    #[test]
    fn resources_that_the_api_server_has_are_told_with_their_silence() {
        let metrics = Metrics::default();
        let watches = Watches::of([Resource::Pods, Resource::Nodes, Resource::EgressFirewalls]);
        watches.heard(Resource::Pods);
        watches.set_stage(Resource::Pods, WatchStage::Following);
        watches.set_stage(Resource::EgressFirewalls, WatchStage::Absent);
        let later = SystemTime::now() + Duration::from_secs(90);
        let pods = ResourceLabel {
            resource: "pods".to_owned(),
        };
        let told = silence(Some(&watches), later);
        assert!((90.0..100.0).contains(&told.get_or_create(&pods).get()));
        let told = silence(Some(&watches), SystemTime::UNIX_EPOCH);
        assert_eq!(told.get_or_create(&pods).get(), 0.0, "never below");

        metrics.watches(Arc::new(watches));
        let text = metrics.render().unwrap();
        for line in [
            "netpol_watch_up{resource=\"pods\"} 1\n",
            "netpol_watch_up{resource=\"nodes\"} 0\n",
            "netpol_watch_silence_seconds{resource=\"pods\"} ",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert!(!text.contains("egressfirewalls"), "it is not installed");
    }
}
