//! A Pod as an API server has it: seven to eight kilobytes of JSON, nearly all of it of no use to whoever asks who talks.

use serde_json::{Value, json};

/// Pods of a Deployment, and of a namespace.
const REPLICAS: u32 = 10;
const OF_NAMESPACE: u32 = 50;
/// Pods of a node.
const OF_NODE: u32 = 50;

/// The pod of this number, one of `generation` many that had it.
pub(crate) fn pod(number: u32, generation: u32) -> Value {
    let namespace = namespace(number);
    let app = format!("service-{}", number % OF_NAMESPACE / REPLICAS);
    let hash = format!("{:010x}", 0x5_d4f8_7a00 + u64::from(number / REPLICAS));
    let name = format!("{app}-{hash}-{:05x}", number + (generation << 20));
    let address = address(number);
    let node = format!("worker-{:04}.compute.internal", number / OF_NODE);
    let time = "2026-03-01T09:30:00Z";
    let owner = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{app}-{hash}"),
        "uid": format!("7f0e0c0a-0000-4000-8000-{number:012x}"),
        "controller": true, "blockOwnerDeletion": true,
    });
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "generateName": format!("{app}-{hash}-"),
            "namespace": namespace,
            "uid": format!("3c1d9c52-{generation:04x}-4e8b-9f0a-{number:012x}"),
            "creationTimestamp": time,
            "labels": {
                "app.kubernetes.io/name": app,
                "app.kubernetes.io/instance": format!("{app}-{namespace}"),
                "app.kubernetes.io/part-of": "shop",
                "app.kubernetes.io/version": "2.14.3",
                "team": "delivery",
                "pod-template-hash": hash,
            },
            "annotations": {
                "checksum/config": "8d6b5f3c0d7e4a0ba6e1d2c9f7f1b1f7f4a1a2e7b3c5d9e8f6a4b2c1d0e9f8a7",
                "kubectl.kubernetes.io/restartedAt": time,
                "prometheus.io/scrape": "true",
                "prometheus.io/port": "9090",
                "k8s.v1.cni.cncf.io/network-status": json!([{
                    "name": "cluster", "interface": "eth0", "ips": [address], "default": true,
                }]).to_string(),
            },
            "ownerReferences": [owner],
            "managedFields": managed_fields(time),
        },
        "spec": spec(&app, &node),
        "status": status(&address, time),
    })
}

/// The namespace of the pod of this number.
pub(crate) fn namespace(number: u32) -> String {
    format!("team-{:04}-production", number / OF_NAMESPACE)
}

fn address(number: u32) -> String {
    let [_, a, b, c] = (number + 256).to_be_bytes();
    format!("10.{a}.{b}.{c}")
}

fn managed_fields(time: &str) -> Value {
    let own = |fields: &[&str]| -> Value {
        let fields = fields.iter().map(|field| {
            let leaves = json!({ ".": {}, "f:name": {}, "f:value": {}, "f:resources": {} });
            ((*field).to_owned(), leaves)
        });
        Value::Object(fields.collect())
    };
    let environment: Vec<String> = (0..12)
        .map(|number| format!("k:{{\"name\":\"SETTING_{number}\"}}"))
        .collect();
    let environment: Vec<&str> = environment.iter().map(String::as_str).collect();
    json!([
        {
            "manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1", "time": time,
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": own(&["f:annotations", "f:labels", "f:generateName", "f:ownerReferences"]),
                "f:spec": {
                    "f:containers": { "k:{\"name\":\"main\"}": own(&environment) },
                    "f:volumes": own(&["k:{\"name\":\"config\"}", "k:{\"name\":\"data\"}", "k:{\"name\":\"tls\"}"]),
                    "f:affinity": {}, "f:dnsPolicy": {}, "f:restartPolicy": {}, "f:schedulerName": {},
                },
            },
        },
        {
            "manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": time, "subresource": "status",
            "fieldsType": "FieldsV1",
            "fieldsV1": { "f:status": own(&["f:conditions", "f:containerStatuses", "f:podIPs", "f:startTime"]) },
        },
    ])
}

fn spec(app: &str, node: &str) -> Value {
    let environment: Vec<Value> = (0..12)
        .map(|number| {
            json!({
                "name": format!("SETTING_{number}"),
                "valueFrom": { "configMapKeyRef": { "name": format!("{app}-settings"), "key": format!("setting.{number}") } },
            })
        })
        .collect();
    let probe = |path: &str| {
        json!({
            "httpGet": { "path": path, "port": "http", "scheme": "HTTP" },
            "initialDelaySeconds": 5, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
        })
    };
    let token = "/var/run/secrets/kubernetes.io/serviceaccount";
    json!({
        "nodeName": node,
        "serviceAccountName": app, "serviceAccount": app,
        "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler",
        "priority": 0, "preemptionPolicy": "PreemptLowerPriority", "enableServiceLinks": true,
        "terminationGracePeriodSeconds": 30,
        "securityContext": { "runAsNonRoot": true, "fsGroup": 1000, "seccompProfile": { "type": "RuntimeDefault" } },
        "tolerations": [
            { "key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 },
            { "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 },
        ],
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": { "matchLabels": { "app.kubernetes.io/name": app } },
        }],
        "containers": [{
            "name": "main",
            "image": format!("registry.example.org/shop/{app}@sha256:{}", "3f".repeat(32)),
            "imagePullPolicy": "IfNotPresent",
            "ports": [
                { "name": "http", "containerPort": 8080, "protocol": "TCP" },
                { "name": "metrics", "containerPort": 9090, "protocol": "TCP" },
            ],
            "env": environment,
            "resources": { "requests": { "cpu": "100m", "memory": "256Mi" }, "limits": { "memory": "512Mi" } },
            "volumeMounts": [
                { "name": "config", "mountPath": "/etc/app", "readOnly": true },
                { "name": "data", "mountPath": "/var/lib/app" },
                { "name": "tls", "mountPath": "/etc/tls", "readOnly": true },
                { "name": "kube-api-access", "mountPath": token, "readOnly": true },
            ],
            "livenessProbe": probe("/healthz"), "readinessProbe": probe("/readyz"), "startupProbe": probe("/healthz"),
            "securityContext": {
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
            },
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        }],
        "volumes": [
            { "name": "config", "configMap": { "name": format!("{app}-settings"), "defaultMode": 420 } },
            { "name": "data", "emptyDir": {} },
            { "name": "tls", "secret": { "secretName": format!("{app}-tls"), "defaultMode": 420 } },
            { "name": "kube-api-access", "projected": { "defaultMode": 420, "sources": [
                { "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } },
                { "configMap": { "name": "kube-root-ca.crt", "items": [{ "key": "ca.crt", "path": "ca.crt" }] } },
            ] } },
        ],
    })
}

fn status(address: &str, time: &str) -> Value {
    let conditions = [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ];
    let conditions = conditions.map(|kind| {
        json!({ "type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": time })
    });
    json!({
        "phase": "Running", "qosClass": "Burstable", "startTime": time,
        "hostIP": "192.168.7.21", "hostIPs": [{ "ip": "192.168.7.21" }],
        "podIP": address, "podIPs": [{ "ip": address }],
        "conditions": conditions,
        "containerStatuses": [{
            "name": "main", "ready": true, "started": true, "restartCount": 0,
            "state": { "running": { "startedAt": time } }, "lastState": {},
            "image": "registry.example.org/shop/app:2.14.3",
            "imageID": format!("registry.example.org/shop/app@sha256:{}", "3f".repeat(32)),
            "containerID": format!("containerd://{}", "a7".repeat(32)),
        }],
    })
}
