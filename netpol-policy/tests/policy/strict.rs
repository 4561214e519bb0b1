//! `--strict`: what the API server would refuse, although it could be evaluated.

mod objects;
mod warnings;

use netpol_policy::manifest::{self, ManifestError};

/// One of each kind as the API server takes it, with more than an evaluation needs.
const VALID: &str = r#"
apiVersion: v1
kind: Pod
metadata:
  name: web-1.a
  namespace: prod
  labels: {app.kubernetes.io/name: web, empty: ''}
  annotations: {Example.com/Note: 'any text', plain: ''}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web, uid: u1, controller: true}]
  creationTimestamp: null
spec:
  containers:
  - name: web
    image: web:1
    ports: [{name: http, containerPort: 80}, {containerPort: 81, protocol: UDP, hostPort: 0}]
    resources: {limits: {cpu: 1, memory: 1Gi}}
    livenessProbe: {httpGet: {path: /, port: http}}
    env: [{name: A, value: b}]
  initContainers: [{name: side, image: side, restartPolicy: Always, ports: [{name: http, containerPort: 82}]}]
  volumes: [{name: data, emptyDir: {}}]
status: {phase: Running, podIP: 10.0.0.1, startTime: '2026-01-01T00:00:00Z'}
---
{apiVersion: v1, kind: Namespace, metadata: {name: prod}}
---
{apiVersion: v1, kind: Node, metadata: {name: node-1.example.com}, spec: {podCIDR: 10.0.0.0/24, podCIDRs: [10.0.0.0/24]},
 status: {addresses: [{type: InternalIP, address: 192.168.0.1}], capacity: {cpu: '4'}}}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, clusterIP: 10.96.0.1,
 ports: [{name: http, port: 80, targetPort: http}, {name: dns, port: 80, protocol: UDP, targetPort: 53}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: none}, spec: {clusterIP: None}}
---
{apiVersion: v1, kind: Service, metadata: {name: far}, spec: {type: ExternalName, externalName: example.com.}}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: web-1, labels: {kubernetes.io/service-name: web}},
 addressType: IPv4, endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}], ports: [{name: http, port: 80}]}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p}, spec: {podSelector: {}, policyTypes: [Ingress],
 ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: 80, endPort: 81}]}]}}
---
{apiVersion: policy.networking.k8s.io/v1alpha1, kind: AdminNetworkPolicy, metadata: {name: p},
 spec: {priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: [10.0.0.0/8]}, {pods: {namespaceSelector: {}, podSelector: {}}}]}]},
 status: {conditions: []}}
---
{apiVersion: policy.networking.k8s.io/v1alpha1, kind: BaselineAdminNetworkPolicy, metadata: {name: default},
 spec: {subject: {namespaces: {}}}}
---
{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: p},
 spec: {tier: Admin, priority: 1, subject: {namespaces: {}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 2, selector: {matchLabels: {app: web}},
 template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web}]}}}}
---
{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {serviceName: db, selector: {matchLabels: {app: db}},
 template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: db}]}}}}
---
{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: log}, spec: {selector: {matchLabels: {app: log}},
 template: {metadata: {labels: {app: log}}, spec: {hostNetwork: true, containers: [{name: log, image: log,
  ports: [{containerPort: 9, hostPort: 9}]}]}}}}
---
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-1}, spec: {selector: {matchExpressions: [{key: app, operator: Exists}]},
 template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web}]}}}}
---
{apiVersion: v1, kind: ReplicationController, metadata: {name: old}, spec: {template: {metadata: {labels: {app: old}},
 spec: {containers: [{name: old, image: old}]}}}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: load}, spec: {template: {spec: {restartPolicy: Never,
 containers: [{name: load, image: load}]}}}}
---
{apiVersion: batch/v1, kind: CronJob, metadata: {name: tidy}, spec: {schedule: '@daily', jobTemplate: {spec: {template:
 {spec: {restartPolicy: OnFailure, containers: [{name: tidy, image: tidy}]}}}}}}
"#;

fn errors(text: &str) -> Vec<ManifestError> {
    manifest::parse_strict(text).errors
}

/// Fields and messages of everything that is wrong.
fn found(text: &str) -> Vec<(String, String)> {
    { errors(text).into_iter() }
        .map(|error| (error.field, error.message))
        .collect()
}

/// Each change of a valid object is wrong at one field, in these words; unless `--strict` is given, it is taken.
fn check(valid: &str, changes: &[(&str, &str, &str, &str)]) {
    assert_eq!(found(valid), [], "{valid}");
    for (part, other, field, words) in changes {
        assert!(valid.contains(part), "{part}");
        let changed = valid.replacen(part, other, 1);
        let lenient = manifest::parse(&changed);
        assert_eq!(lenient.errors, [], "{changed}");
        let found = found(&changed);
        assert_eq!(found.len(), 1, "{changed}: {found:?}");
        assert_eq!(found[0].0, *field, "{changed}: {}", found[0].1);
        assert!(found[0].1.contains(words), "{changed}: {}", found[0].1);
        assert!(manifest::parse_strict(&changed).objects.is_empty());
    }
}

#[test]
fn what_the_api_server_takes_is_taken() {
    assert_eq!(errors(VALID), []);
    let (strict, lenient) = (manifest::parse_strict(VALID), manifest::parse(VALID));
    assert_eq!(strict.objects.len(), 18);
    assert_eq!(strict, lenient);
}

#[test]
fn fields_that_nobody_knows_and_fields_that_stand_twice() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: a, image: a}]\n";
    check(
        pod,
        &[
            (
                "kind: Pod",
                "kind: Pod\nsepc: {}",
                "sepc",
                "expected no such field",
            ),
            (
                "{name: a}",
                "{name: a, lables: {}}",
                "metadata.lables",
                "expected no such field",
            ),
            (
                "image: a",
                "image: a, port: []",
                "spec.containers[0].port",
                "expected no such field",
            ),
        ],
    );
    let policy = "{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: p},
        spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}}";
    let peer = "spec.ingress[0].from[0]";
    check(
        policy,
        &[
            (
                "from: [{namespaces",
                "from: [{namespace",
                &format!("{peer}.namespace"),
                "expected no such field",
            ),
            (
                "from: [{namespaces: {}}",
                "from: [{}",
                peer,
                "expected one field, found none",
            ),
        ],
    );
    // In whatever form it is written, and in all items of a List.
    for text in [
        r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "name": "a"}}"#,
        r#"[{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b"}, "kind": "Namespace"}]"#,
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  name: a\n",
        "{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {b: c, b: c}}}",
    ] {
        let found = found(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].1.contains("duplicate"), "{text}: {found:?}");
    }
    let version = "[{kind: Namespace, metadata: {name: a}}, {apiVersion: 1, kind: Namespace, metadata: {name: b}}]";
    let versions: Vec<_> = found(version).into_iter().map(|(field, _)| field).collect();
    assert_eq!(versions, ["apiVersion", "apiVersion"]);
    assert_eq!(
        errors("{apiVersion: v1, kind: NamespaceList, items: [{metadata: {name: a}}]}"),
        []
    );
}

#[test]
fn errors_name_the_document_and_the_object_and_all_are_told() {
    let text = "{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n---\n\
                {apiVersion: v1, kind: Pod, metadata: {name: A_, namespace: b.c}, spec: {hostNetwrk: true, containers: []}}";
    let found: Vec<_> = errors(text)
        .into_iter()
        .map(|error| (error.document, error.object.unwrap(), error.field))
        .collect();
    let pod = |field: &str| (2, "Pod b.c/A_".to_owned(), field.to_owned());
    let expected = [
        "spec.hostNetwrk",
        "metadata.name",
        "metadata.namespace",
        "spec.containers",
    ];
    assert_eq!(found, expected.map(pod));
}

#[test]
fn names_labels_and_owners() {
    let with = |version: &str, kind: &str, rest: &str| {
        format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: abc}}{rest}}}")
    };
    let containers = "spec: {containers: [{name: a, image: a}]}";
    let name = |other, words| ("name: abc", other, "metadata.name", words);
    let subdomain = [
        name("name: Abc", "expected a DNS subdomain, found \"Abc\""),
        name("name: a_c", "expected a DNS subdomain"),
        name("name: a..c", "expected a DNS subdomain"),
    ];
    let label = [name("name: a.c", "expected a DNS label, found \"a.c\"")];
    check(&with("v1", "Pod", &format!(", {containers}")), &subdomain);
    check(&with("v1", "Node", ""), &subdomain);
    check(&with("v1", "Namespace", ""), &label);
    check(
        &with("networking.k8s.io/v1", "NetworkPolicy", ""),
        &subdomain,
    );
    let service = [
        name("name: 1abc", "begins with a letter"),
        name("name: a.c", "begins with a letter"),
    ];
    check(
        &with("v1", "Service", ", spec: {clusterIP: None}"),
        &service,
    );
    let template = format!("template: {{metadata: {{labels: {{a: b}}}}, {containers}}}");
    let set = format!(", spec: {{selector: {{matchLabels: {{a: b}}}}, {template}}}");
    check(&with("apps/v1", "StatefulSet", &set), &label);
    check(&with("apps/v1", "Deployment", &set), &subdomain);
    let cron_job = format!(", spec: {{schedule: a, jobTemplate: {{spec: {{{template}}}}}}}")
        .replace("containers:", "restartPolicy: Never, containers:");
    let long = format!("name: {}", "a".repeat(53));
    check(
        &with("batch/v1", "CronJob", &cron_job),
        &[name(&long, "at most 52 characters, found 53")],
    );
    let policy = with(
        "policy.networking.k8s.io/v1alpha2",
        "ClusterNetworkPolicy",
        ", spec: {tier: Admin, priority: 1, subject: {namespaces: {}}}",
    );
    check(&policy, &subdomain);

    let metadata = |rest: &'static str, field, words| ("name: abc", rest, field, words);
    check(
        &with("v1", "Namespace", ""),
        &[
            metadata(
                "name: abc, namespace: d",
                "metadata.namespace",
                "expected none",
            ),
            metadata(
                "name: abc, labels: {-a: b}",
                "metadata.labels",
                "label key, found \"-a\"",
            ),
            metadata(
                "name: abc, labels: {a: 'b c'}",
                "metadata.labels.a",
                "label value, found \"b c\"",
            ),
            metadata(
                "name: abc, annotations: {a b: c}",
                "metadata.annotations",
                "annotation key",
            ),
        ],
    );
    let owner = |rest: &str| {
        format!("name: abc, ownerReferences: [{{apiVersion: a/v1, kind: B, uid: u, {rest}}}]")
    };
    let two = owner(
        "name: c, controller: true}, {apiVersion: a/v1, kind: B, uid: v, name: d, controller: true",
    );
    check(
        &with("v1", "Namespace", ""),
        &[
            (
                "name: abc",
                &owner(""),
                "metadata.ownerReferences[0].name",
                "found none",
            ),
            (
                "name: abc",
                &two,
                "metadata.ownerReferences",
                "expected one controller",
            ),
        ],
    );
    check(
        &with("v1", "Pod", &format!(", {containers}")),
        &[(
            "name: abc",
            "name: abc, namespace: d.e",
            "metadata.namespace",
            "expected a DNS label",
        )],
    );
}
