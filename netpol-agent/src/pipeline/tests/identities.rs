//! Who stands behind an address.

use super::*;

const MANIFESTS: &str = r"
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDRs: [10.0.0.0/24]}
status:
  addresses: [{type: InternalIP, address: 192.0.2.1}, {type: ExternalIP, address: 203.0.113.1}]
  daemonEndpoints: {kubeletEndpoint: {Port: 10250}}
---
apiVersion: v1
kind: Node
metadata: {name: control}
status: {addresses: [{type: InternalIP, address: 192.0.2.2}]}
---
apiVersion: v1
kind: Pod
metadata: {name: exporter, namespace: ops}
spec: {hostNetwork: true, nodeName: node-1}
status: {podIPs: [{ip: 192.0.2.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: proxy, namespace: kube-system}
spec: {hostNetwork: true, nodeName: node-1}
status: {podIPs: [{ip: 192.0.2.1}]}
---
apiVersion: v1
kind: Service
metadata: {name: kubernetes, namespace: default}
spec: {clusterIP: 10.96.0.1, ports: [{name: https, port: 443, targetPort: 6443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.2]}, {addresses: [203.0.113.77]}]
ports: [{name: https, port: 6443}]
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: prod}
spec:
  type: LoadBalancer
  clusterIPs: [10.96.0.9, 'fd00:96::9']
  externalIPs: [198.51.100.7]
  ports: [{port: 80, nodePort: 30080}]
status: {loadBalancer: {ingress: [{ip: 203.0.113.9}]}}
---
apiVersion: v1
kind: Service
metadata: {name: headless, namespace: prod}
spec: {clusterIP: None, externalIPs: [198.51.100.8], ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere, namespace: prod}
spec: {type: ExternalName, externalName: shop.example, externalIPs: [198.51.100.9]}
";

fn stage() -> Stage {
    let mut stage = Stage::new(Duration::ZERO);
    stage.learn(MANIFESTS, 0);
    // A bridge of this node, which no Node object lists.
    let bridge = vec!["10.0.0.254".parse().unwrap()];
    stage
        .pipeline
        .observe(Observation::NodeAddresses(bridge), 0);
    stage
}

/// How the destination is named, and through which Service.
fn reached(
    stage: &mut Stage,
    (address, port): (&str, u16),
    backend: Option<(&str, u16)>,
) -> (String, Option<String>) {
    let mut dialled = tuple(40_000, address);
    dialled.destination_port = port;
    if address.contains(':') {
        dialled.source = record_address("fd00::1".parse().unwrap());
    }
    stage.answered(dialled, backend, SECOND);
    stage.pipeline.tick(SECOND);
    let (kept, _) = stage.log.subscribe(Selection::All);
    let flow = kept.last().unwrap();
    let service = flow.service.as_ref().and_then(|one| one.service.as_ref());
    let service = service.map(|one| format!("{}/{}", one.namespace, one.name));
    (flow.destination.name(), service)
}

#[test]
fn nodes_what_runs_on_them_and_services_are_told_apart() {
    let shop = Some("prod/shop");
    let api = Some("default/kubernetes");
    for (dialled, expected, service) in [
        // Several hostNetwork pods have a node's address: none of them is guessed.
        (("192.0.2.1", 9100), "node node-1", None),
        (("203.0.113.1", 22), "node node-1", None),
        (("10.0.0.254", 53), "node node-1", None),
        (("192.0.2.1", 10250), "the kubelet (node node-1)", None),
        (("192.0.2.2", 10250), "node control", None),
        (("192.0.2.2", 6443), "the API server (node control)", None),
        (
            ("203.0.113.77", 6443),
            "the API server (203.0.113.77)",
            None,
        ),
        (("203.0.113.77", 443), "203.0.113.77", None),
        (
            ("10.96.0.1", 443),
            "the API server (default/kubernetes)",
            api,
        ),
        (("10.96.0.9", 80), "prod/shop", shop),
        (("fd00:96::9", 80), "prod/shop", shop),
        (("198.51.100.7", 80), "prod/shop", shop),
        (("203.0.113.9", 80), "prod/shop", shop),
        // The node itself answered, or nobody translated the address where it could be seen.
        (("192.0.2.1", 30080), "node node-1", shop),
        (("10.0.0.254", 30080), "node node-1", shop),
        (("198.51.100.7", 30080), "prod/shop", shop),
        (("198.51.100.8", 80), "198.51.100.8", None),
        (("198.51.100.9", 80), "198.51.100.9", None),
    ] {
        let mut stage = stage();
        let (name, through) = reached(&mut stage, dialled, None);
        assert_eq!(
            (&*name, through.as_deref()),
            (expected, service),
            "{dialled:?}"
        );
    }
}

#[test]
fn behind_a_service_its_backend_is_told() {
    for (dialled, backend, expected, service) in [
        (
            ("10.96.0.1", 443),
            ("192.0.2.2", 6443),
            "the API server (node control)",
            "default/kubernetes",
        ),
        (
            ("10.96.0.1", 443),
            ("198.51.100.99", 8443),
            "the API server (198.51.100.99)",
            "default/kubernetes",
        ),
        (
            ("192.0.2.1", 30080),
            ("10.0.0.1", 8080),
            "prod/web",
            "prod/shop",
        ),
    ] {
        let mut stage = stage();
        let told = reached(&mut stage, dialled, Some(backend));
        let expected = (expected.to_owned(), Some(service.to_owned()));
        assert_eq!(told, expected, "{dialled:?}");
    }
}

#[test]
fn what_was_seen_before_a_pod_was_made_anew_does_not_bind_its_interface_to_the_old_one() {
    let mut stage = Stage::new(Duration::ZERO);
    stage.learn("apiVersion: v1\nkind: Namespace\nmetadata: {name: ci}\n", 0);
    stage.connect(40_000, "172.16.0.9", SECOND);
    // Told of before the flow above is due.
    stage.learn(&CLUSTER.replace("uid: '1'", "uid: '2'"), 2 * SECOND);
    stage.pipeline.tick(2 * SECOND);
    stage.connect(40_001, "172.16.0.9", 3 * SECOND);
    stage.pipeline.tick(3 * SECOND);
    let (kept, _) = stage.log.subscribe(Selection::All);
    let uids = kept.iter().map(|flow| &*flow.source.pod().unwrap().uid);
    assert_eq!(uids.collect::<Vec<_>>(), ["1", "2"]);
}
