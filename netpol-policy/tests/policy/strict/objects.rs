//! Pods, what makes them, and Services.

use super::{check, found};

#[test]
fn containers_and_their_ports() {
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {
        containers: [{name: a, image: b, ports: [{name: http, containerPort: 80}]}], initContainers: [{name: c, image: d}]}}";
    let port = "{name: http, containerPort: 80}";
    let ports = "spec.containers[0].ports[0]";
    check(
        pod,
        &[
            (
                "name: a, image",
                "image",
                "spec.containers[0].name",
                "expected a DNS label, found none",
            ),
            (
                "name: a, image",
                "name: A, image",
                "spec.containers[0].name",
                "found \"A\"",
            ),
            (
                "name: a, image",
                "name: c, image",
                "spec.initContainers[0].name",
                "each name once",
            ),
            (
                "image: b",
                "imagePullPolicy: Never",
                "spec.containers[0].image",
                "found none",
            ),
            (
                "name: http",
                "name: HTTP",
                &format!("{ports}.name"),
                "found \"HTTP\"",
            ),
            (
                "name: http",
                "name: '80'",
                &format!("{ports}.name"),
                "the name of a port",
            ),
            (port, "{}", &format!("{ports}.containerPort"), "found 0"),
            (
                port,
                "{containerPort: 70000}",
                &format!("{ports}.containerPort"),
                "found 70000",
            ),
            (
                port,
                "{containerPort: 1, protocol: tcp}",
                &format!("{ports}.protocol"),
                "\"tcp\"",
            ),
            (
                port,
                "{containerPort: 1, hostPort: -1}",
                &format!("{ports}.hostPort"),
                "found -1",
            ),
            (
                port,
                "{name: b, containerPort: 1}, {name: b, containerPort: 2}",
                "spec.containers[0].ports[1].name",
                "each name once",
            ),
            (
                "spec: {",
                "spec: {restartPolicy: Maybe, ",
                "spec.restartPolicy",
                "found \"Maybe\"",
            ),
        ],
    );
    let host = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {hostNetwork: true, containers: [{name: a, image: b,
        ports: [{containerPort: 80, hostPort: 80}]}]}}";
    check(
        host,
        &[(
            "hostPort: 80",
            "hostPort: 81",
            "spec.containers[0].ports[0].hostPort",
            "found 81",
        )],
    );
    let bare = found("{apiVersion: v1, kind: Pod, metadata: {name: a}}");
    assert_eq!(bare[0].0, "spec");
}

#[test]
fn workloads_select_their_pods_and_pods_end_where_they_have_to() {
    let deployment = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {selector: {matchLabels: {a: b}},
        template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: b}]}}}}";
    check(
        deployment,
        &[
            (
                "selector: {matchLabels: {a: b}}",
                "replicas: 1",
                "spec.selector",
                "found none",
            ),
            (
                "{labels: {a: b}}",
                "{labels: {a: b, c: '-'}}",
                "spec.template.metadata.labels.c",
                "found \"-\"",
            ),
            (
                "image: b",
                "args: []",
                "spec.template.spec.containers[0].image",
                "found none",
            ),
            (
                "containers:",
                "restartPolicy: Never, containers:",
                "spec.template.spec.restartPolicy",
                "Always",
            ),
        ],
    );
    let job = "{apiVersion: batch/v1, kind: Job, metadata: {name: a}, spec: {
        template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}}";
    check(
        job,
        &[
            (
                "restartPolicy: Never, ",
                "",
                "spec.template.spec.restartPolicy",
                "OnFailure, Never; found \"Always\"",
            ),
            (
                "spec: {",
                "spec: {manualSelector: true, ",
                "spec.selector",
                "beside manualSelector",
            ),
        ],
    );
    let cron_job = "{apiVersion: batch/v1, kind: CronJob, metadata: {name: a}, spec: {schedule: '@daily', jobTemplate: {spec: {
        template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}}}}";
    check(
        cron_job,
        &[
            ("schedule: '@daily', ", "", "spec.schedule", "found none"),
            (
                "image: b",
                "",
                "spec.jobTemplate.spec.template.spec.containers[0].image",
                "found none",
            ),
        ],
    );
}

#[test]
fn services_and_endpoint_slices() {
    let service = "{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {selector: {a: b}, type: ClusterIP, externalIPs: [1.2.3.4],
        ports: [{name: b, port: 80, targetPort: web}, {name: c, port: 81}]}}";
    check(
        service,
        &[
            ("name: b, ", "", "spec.ports[0].name", "found none"),
            ("name: c", "name: b", "spec.ports[1].name", "each name once"),
            ("name: c", "name: C", "spec.ports[1].name", "found \"C\""),
            (
                "port: 81",
                "port: 80",
                "spec.ports[1]",
                "found TCP 80 again",
            ),
            (
                "targetPort: web",
                "targetPort: '80'",
                "spec.ports[0].targetPort",
                "found \"80\"",
            ),
            (
                "port: 81",
                "port: 81, nodePort: 30000",
                "spec.ports[1].nodePort",
                "of type ClusterIP",
            ),
            ("{a: b}", "{a: b c}", "spec.selector.a", "label value"),
            (
                "1.2.3.4",
                "127.0.0.1",
                "spec.externalIPs[0]",
                "that others can reach",
            ),
            (
                "ports: [{name: b, port: 80, targetPort: web}, {name: c, port: 81}]",
                "",
                "spec.ports",
                "at least one",
            ),
            (
                "type: ClusterIP",
                "type: ExternalName",
                "spec.externalName",
                "found none",
            ),
        ],
    );
    let slice = "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a}, addressType: IPv4,
        endpoints: [{addresses: [10.0.0.1]}], ports: [{name: b, port: 80}, {name: '', port: 81}]}";
    let address = "endpoints[0].addresses[0]";
    check(
        slice,
        &[
            ("addressType: IPv4,", "", "addressType", "IPv4, IPv6, FQDN"),
            (
                "10.0.0.1",
                "'fd00::1'",
                address,
                "expected an IPv4 address as addressType says",
            ),
            ("10.0.0.1", "169.254.0.1", address, "that others can reach"),
            ("10.0.0.1", "0.0.0.0", address, "that others can reach"),
            (
                "[10.0.0.1]",
                "[]",
                "endpoints[0].addresses",
                "1 to 100 addresses, found 0",
            ),
            ("name: b", "name: B", "ports[0].name", "found \"B\""),
            ("name: ''", "name: b", "ports[1].name", "each name once"),
        ],
    );
    let names = slice
        .replace("IPv4", "FQDN")
        .replace("10.0.0.1", "a.example.com");
    check(
        &names,
        &[(
            "a.example.com",
            "A.example.com",
            address,
            "expected a DNS name",
        )],
    );
}
