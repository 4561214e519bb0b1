//! Templates of workloads: the pod that stands for those they make.

use netpol_policy::connection::{Connection, End};
use netpol_policy::evaluate::evaluate;
use netpol_policy::inventory::Inventory;
use netpol_policy::manifest;
use netpol_policy::model::{Object, Phase, Protocol, Template, Workload};
use netpol_policy::verdict::Decision;

use super::support::objects;

fn template(text: &str) -> Template {
    match objects(text).pop() {
        Some(Object::Template(template)) => template,
        other => panic!("{text}: {other:?}"),
    }
}

/// Kind and name of a workload.
fn shown(workload: Option<&Workload>) -> String {
    workload.map_or_else(String::new, |workload| {
        format!("{}/{}", workload.kind, workload.name)
    })
}

const PODS: &str = "{metadata: {labels: {app: web}}, spec: {hostNetwork: true,
    containers: [{name: a, ports: [{name: http, containerPort: 80}, {containerPort: 81}]}],
    initContainers: [{name: b, restartPolicy: Always, ports: [{name: dns, containerPort: 53, protocol: UDP}]},
                     {name: c, ports: [{name: gone, containerPort: 54}]}]}}";

/// Every kind that makes pods: version, kind, and the spec around a pod template.
fn workloads(pods: &str) -> Vec<(&'static str, &'static str, String)> {
    let selected = format!("{{selector: {{matchLabels: {{app: web}}}}, template: {pods}}}");
    vec![
        ("apps/v1", "Deployment", selected.clone()),
        ("apps/v1", "StatefulSet", selected.clone()),
        ("apps/v1", "DaemonSet", selected.clone()),
        ("apps/v1", "ReplicaSet", selected),
        (
            "v1",
            "ReplicationController",
            format!("{{selector: {{app: web}}, template: {pods}}}"),
        ),
        ("batch/v1", "Job", format!("{{template: {pods}}}")),
        (
            "batch/v1",
            "CronJob",
            format!("{{schedule: '* * * * *', jobTemplate: {{spec: {{template: {pods}}}}}}}"),
        ),
    ]
}

fn written(version: &str, kind: &str, metadata: &str, spec: &str) -> String {
    format!("{{apiVersion: {version}, kind: {kind}, metadata: {{{metadata}}}, spec: {spec}}}")
}

#[test]
fn each_kind_gives_the_pod_that_stands_for_those_it_makes() {
    for (version, kind, spec) in workloads(PODS) {
        let read = template(&written(version, kind, "name: x, namespace: prod", &spec));
        assert_eq!(shown(Some(&read.workload)), format!("{kind}/x"));
        assert_eq!((&*read.namespace, read.controller.as_ref()), ("prod", None));
        let pod = &read.pod;
        assert_eq!(
            (&*pod.namespace, &*pod.name),
            ("prod", format!("x[{kind}]").as_str())
        );
        assert_eq!(pod.labels.get("app"), Some("web"), "{kind}");
        assert_eq!((pod.phase, pod.host_network), (Phase::Running, true));
        assert_eq!((pod.addresses.len(), &pod.node), (0, &None));
        assert_eq!(pod.workload.as_ref(), Some(&read.workload));
        let ports: Vec<_> = { pod.ports.iter() }
            .map(|port| (&*port.name, port.protocol, port.port))
            .collect();
        assert_eq!(
            ports,
            [("http", Protocol::Tcp, 80), ("dns", Protocol::Udp, 53)],
            "{kind}"
        );
    }
}

#[test]
fn a_job_names_its_pods_and_a_cron_job_cannot() {
    let pods = "{metadata: {labels: {app: web}}, spec: {containers: []}}";
    let labels = |version, kind, spec: &str| {
        let read = template(&written(version, kind, "name: x", spec));
        let labels: Vec<_> = { read.pod.labels.iter() }
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        labels.join(",")
    };
    let job = format!("{{template: {pods}}}");
    let named = "app=web,batch.kubernetes.io/job-name=x,job-name=x";
    assert_eq!(labels("batch/v1", "Job", &job), named);
    let manual = format!("{{manualSelector: true, template: {pods}}}");
    assert_eq!(labels("batch/v1", "Job", &manual), "app=web");
    let cron_job = format!("{{jobTemplate: {{spec: {{template: {pods}}}}}}}");
    assert_eq!(labels("batch/v1", "CronJob", &cron_job), "app=web");
    let bare = "{template: {spec: {containers: []}}}";
    assert_eq!(
        labels("batch/v1", "Job", bare),
        "batch.kubernetes.io/job-name=x,job-name=x"
    );
}

#[test]
fn pods_of_a_replica_set_and_of_a_job_belong_to_what_controls_those() {
    let pods = "{metadata: {labels: {app: web}}, spec: {containers: []}}";
    for (version, kind, spec) in workloads(pods) {
        for (owner, workload) in [
            ("Deployment", "Deployment/owner"),
            ("CronJob", "CronJob/owner"),
            ("Operator", "itself"),
        ] {
            let metadata = format!(
                "name: x, ownerReferences: [{{apiVersion: a/v1, kind: Other, name: z, uid: v}}, {{apiVersion: a/v1, kind: {owner}, name: owner, uid: u, controller: true}}]"
            );
            let read = template(&written(version, kind, &metadata, &spec));
            assert_eq!(shown(read.controller.as_ref()), format!("{owner}/owner"));
            let itself = format!("{kind}/x");
            let expected = if workload == "itself" {
                &itself
            } else {
                workload
            };
            assert_eq!(shown(read.pod.workload.as_ref()), expected);
            assert_eq!(shown(read.pod.controller.as_ref()), itself);
        }
    }
}

#[test]
fn bad_templates_are_refused_with_the_field() {
    let refused = |text: &str| {
        let mut read = manifest::parse(text);
        assert!(read.objects.is_empty(), "accepted: {text}");
        let error = read.errors.pop().unwrap();
        assert!(error.object.unwrap().ends_with(" default/x"));
        (error.field, error.message)
    };
    let port = |port: &str| {
        format!(
            "{{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: a, ports: [{{name: b, {port}}}]}}]}}}}"
        )
    };
    for (pods, field, words) in [
        (
            "{}".to_owned(),
            ".spec",
            "expected a pod's spec, found none",
        ),
        (
            "{metadata: {labels: {app: web}}}".to_owned(),
            ".spec",
            "found none",
        ),
        ("3".to_owned(), "", "invalid type"),
        (
            "{spec: {containers: 3}}".to_owned(),
            ".spec.containers",
            "invalid type",
        ),
        (
            port("containerPort: 0"),
            ".spec.containers[0].ports[0].containerPort",
            "found 0",
        ),
        (
            port("containerPort: 80, protocol: ICMP"),
            ".spec.containers[0].ports[0].protocol",
            "\"ICMP\"",
        ),
    ] {
        for (version, kind, spec) in workloads(&pods) {
            let (found, message) = refused(&written(version, kind, "name: x", &spec));
            let template = if kind == "CronJob" {
                "spec.jobTemplate.spec.template"
            } else {
                "spec.template"
            };
            assert_eq!(
                found,
                format!("{template}{field}"),
                "{kind} {pods}: {message}"
            );
            assert!(message.contains(words), "{kind} {pods}: {message}");
        }
    }
    let other = "{metadata: {labels: {app: db}}, spec: {containers: []}}";
    for (version, kind, spec) in &workloads(other)[..5] {
        let (field, message) = refused(&written(version, kind, "name: x", spec));
        assert_eq!(field, "spec.template.metadata.labels", "{kind}");
        assert!(message.contains("app=web"), "{message}");
    }
    let (field, _) = refused("{apiVersion: apps/v1beta1, kind: Deployment, metadata: {name: x}}");
    assert_eq!(field, "");
    let (field, _) = refused("{apiVersion: batch/v1, kind: CronJob, metadata: {name: x}}");
    assert_eq!(field, "spec.jobTemplate.spec.template.spec");
}

#[test]
fn a_directory_of_plain_application_manifests_can_be_asked() {
    let world = objects(
        "
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: prod},
 spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: []}}}}
---
{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: prod},
 spec: {selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}},
  spec: {containers: [{name: c, ports: [{name: sql, containerPort: 5432}]}]}}}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: load, namespace: prod}, spec: {template: {spec: {containers: []}}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: db, namespace: prod},
 spec: {podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: sql}],
  from: [{podSelector: {matchLabels: {app: web}}}, {podSelector: {matchLabels: {job-name: load}}}]}]}}
",
    );
    let inventory = Inventory::new(world);
    let end = |kind: &str, name: &str| {
        let workload = Workload {
            kind: kind.into(),
            name: name.into(),
        };
        let pod = inventory.pods_of("prod", &workload).remove(0);
        End::Pod { pod, address: None }
    };
    let ask = |from: End, port| {
        let to = end("StatefulSet", "db");
        let connection = Connection::new(from, to, Protocol::Tcp, Some(port));
        evaluate(&inventory, &connection).ingress.decision
    };
    assert_eq!(ask(end("Deployment", "web"), 5432), Decision::Allowed);
    assert_eq!(ask(end("Deployment", "web"), 80), Decision::Denied);
    assert_eq!(ask(end("Job", "load"), 5432), Decision::Allowed);
    assert_eq!(ask(end("StatefulSet", "db"), 5432), Decision::Denied);
}
