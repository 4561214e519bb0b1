//! A notice as an Event of the API (`events.k8s.io/v1`).

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::time::SystemTime;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::{Event, EventSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use netpol_policy::model::Pod;

use super::book::Notice;
use crate::flow::{Endpoint, Identity};

/// `reportingController`: a qualified name, in the API group of our own permissions.
const CONTROLLER: &str = "observer.netpol/netpol-agent";
const REASON: &str = "NetworkPolicyBlocked";
const ACTION: &str = "BlockConnection";
/// The API refuses a longer `reportingInstance`.
const LONGEST_INSTANCE: usize = 128;
/// Of a pod's name within an Event's, which may have 253 characters.
const LONGEST_STEM: usize = 230;

/// The Event of a notice; one that was told before has the same name.
pub(super) fn event(notice: &Notice, node: &str) -> Event {
    let blocked = &notice.blocked;
    let pod = &blocked.pod;
    Event {
        metadata: ObjectMeta {
            namespace: Some(pod.namespace.to_string()),
            name: Some(name(notice, node)),
            ..ObjectMeta::default()
        },
        type_: Some("Warning".to_owned()),
        reason: Some(REASON.to_owned()),
        action: Some(ACTION.to_owned()),
        note: Some(blocked.note.clone()),
        regarding: Some(pod_reference(pod)),
        related: related(&blocked.peer),
        event_time: micro_time(blocked.seen),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(node.chars().take(LONGEST_INSTANCE).collect()),
        series: series(notice),
        ..Event::default()
    }
}

/// Of a series alone, as the API wants it: two at least.
fn series(notice: &Notice) -> Option<EventSeries> {
    (notice.count > 1).then_some(())?;
    Some(EventSeries {
        count: i32::try_from(notice.count).unwrap_or(i32::MAX),
        last_observed_time: micro_time(notice.last)?,
    })
}

fn micro_time(time: SystemTime) -> Option<MicroTime> {
    Timestamp::try_from(time).ok().map(MicroTime)
}

/// The pod's name and a number that differs for each series, and for each node: another agent tells of the same pod what
/// it saw itself.
fn name(notice: &Notice, node: &str) -> String {
    let blocked = &notice.blocked;
    // Of no secret, and the same in every build.
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let number = hasher.hash_one((&blocked.key, blocked.seen, node));
    let stem: String = blocked.pod.name.chars().take(LONGEST_STEM).collect();
    let stem = stem.trim_end_matches(['-', '.']);
    format!("{stem}.{number:016x}")
}

fn pod_reference(pod: &Pod) -> ObjectReference {
    ObjectReference {
        uid: (!pod.uid.is_empty()).then(|| pod.uid.to_string()),
        ..reference("Pod", Some(&pod.namespace), &pod.name)
    }
}

fn related(peer: &Endpoint) -> Option<ObjectReference> {
    match &peer.identity {
        Identity::Pod { pod, .. } => Some(pod_reference(pod)),
        Identity::Node { node } => Some(reference("Node", None, &node.name)),
        Identity::Service { service } => Some(reference(
            "Service",
            Some(&service.namespace),
            &service.name,
        )),
        Identity::World | Identity::Unknown => None,
    }
}

fn reference(kind: &str, namespace: Option<&str>, name: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some(kind.to_owned()),
        namespace: namespace.map(ToOwned::to_owned),
        name: Some(name.to_owned()),
        ..ObjectReference::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::events::blocked::Blocked;
    use crate::events::testing::{NODE, blocked_flow};

    fn notice(count: u32) -> Notice {
        let blocked = Blocked::of(&blocked_flow(1), NODE).unwrap();
        Notice {
            count,
            last: blocked.seen + Duration::from_secs(5),
            blocked,
        }
    }

    #[test]
    fn an_event_has_what_the_api_requires() {
        let value = serde_json::to_value(event(&notice(1), NODE)).unwrap();
        let name = value["metadata"]["name"].as_str().unwrap().to_owned();
        assert_eq!(
            value,
            json!({
                "apiVersion": "events.k8s.io/v1",
                "kind": "Event",
                "metadata": { "namespace": "data", "name": name },
                "type": "Warning",
                "reason": "NetworkPolicyBlocked",
                "action": "BlockConnection",
                "note": "Ingress from ci/build (10.1.0.1), TCP 5432, was dropped: data/db: no ingress rule admits ci/build",
                "regarding": { "apiVersion": "v1", "kind": "Pod", "namespace": "data", "name": "db" },
                "related": { "apiVersion": "v1", "kind": "Pod", "namespace": "ci", "name": "build" },
                "eventTime": "1970-01-01T00:00:00.000000Z",
                "reportingController": "observer.netpol/netpol-agent",
                "reportingInstance": "node-a",
            })
        );
    }

    #[test]
    fn a_series_keeps_its_name_and_says_how_many() {
        let (first, later) = (event(&notice(1), NODE), event(&notice(7), NODE));
        assert_eq!(first.metadata.name, later.metadata.name);
        let series = later.series.unwrap();
        assert_eq!(series.count, 7);
        assert_eq!(
            series.last_observed_time.0.as_second(),
            first.event_time.unwrap().0.as_second() + 5
        );
        let elsewhere = event(&notice(1), "node-b");
        assert_ne!(elsewhere.metadata.name, later.metadata.name);
    }

    #[test]
    fn the_longest_names_still_make_a_name() {
        let mut notice = notice(1);
        let mut pod = Pod::clone(&notice.blocked.pod);
        pod.name = format!("{}-{}", "p".repeat(229), "q".repeat(23)).into();
        notice.blocked.pod = Arc::new(pod);
        let event = event(&notice, &"n".repeat(253));
        let name = event.metadata.name.unwrap();
        assert!(name.len() <= 253 && name.starts_with("ppp"), "{name}");
        let (stem, number) = name.rsplit_once('.').unwrap();
        assert!(stem.ends_with('p') && number.len() == 16, "{name}");
        assert_eq!(event.reporting_instance.unwrap().len(), 128);
    }
}
