//! Worlds made of a few lines of YAML.

pub(crate) mod cluster;
pub(crate) mod reachability;
pub(crate) mod running;

use std::net::IpAddr;

use netpol_policy::connection::{Connection, End};
use netpol_policy::evaluate::evaluate;
use netpol_policy::inventory::Inventory;
use netpol_policy::manifest;
use netpol_policy::model::{Object, Protocol};
use netpol_policy::verdict::Verdict;

/// Two namespaces, four pods on two nodes; a hostNetwork pod and a finished one.
pub(crate) const WORLD: &str = "
{kind: Namespace, apiVersion: v1, metadata: {name: ci, labels: {team: build}}}
---
{kind: Node, apiVersion: v1, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}}
---
{kind: Node, apiVersion: v1, metadata: {name: n2}, status: {addresses: [{type: InternalIP, address: 192.168.0.2}]}}
---
kind: Pod
apiVersion: v1
metadata: {name: db, namespace: prod, labels: {app: db}}
spec:
  nodeName: n1
  containers:
  - {name: c, ports: [{name: sql, containerPort: 5432}, {name: dns, containerPort: 53, protocol: UDP}]}
  initContainers:
  - {name: side, restartPolicy: Always, ports: [{name: metrics, containerPort: 9090}]}
  - {name: once, ports: [{name: gone, containerPort: 9091}]}
status: {podIPs: [{ip: 10.1.0.5}, {ip: 'fd00::5'}]}
---
{kind: Pod, apiVersion: v1, metadata: {name: web, namespace: prod, labels: {app: web}}, spec: {nodeName: n2, containers: []}, status: {podIPs: [{ip: 10.1.0.6}]}}
---
{kind: Pod, apiVersion: v1, metadata: {name: build, namespace: ci, labels: {app: build}}, spec: {nodeName: n1, containers: []}, status: {podIPs: [{ip: 10.1.0.7}]}}
---
{kind: Pod, apiVersion: v1, metadata: {name: host, namespace: prod, labels: {app: host}}, spec: {nodeName: n2, hostNetwork: true, containers: []}, status: {podIPs: [{ip: 192.168.0.2}]}}
---
{kind: Pod, apiVersion: v1, metadata: {name: done, namespace: ci}, spec: {containers: []}, status: {phase: Succeeded, podIPs: [{ip: 10.1.0.9}]}}
";

/// An inventory to ask questions about, and what it was made of.
pub(crate) struct World(pub(crate) Inventory, Vec<Object>);

impl World {
    /// The world and these specs of policies, `p0`, `p1`… in namespace prod.
    pub(crate) fn with(specs: &[&str]) -> Self {
        let mut objects = objects(WORLD);
        for (index, spec) in specs.iter().enumerate() {
            objects.extend(policy(index, spec));
        }
        Self(Inventory::new(objects.clone()), objects)
    }

    /// The same, and more objects.
    pub(crate) fn and(self, text: &str) -> Self {
        let mut all = self.1;
        all.extend(objects(text));
        Self(Inventory::new(all.clone()), all)
    }

    /// A pod by `namespace/name`.
    pub(crate) fn pod(&self, name: &str) -> End {
        let (namespace, name) = name.split_once('/').unwrap();
        let pod = self.0.pod(namespace, name).unwrap().clone();
        End::Pod {
            address: Some(pod.addresses[0]),
            pod,
        }
    }

    /// A node by its address.
    pub(crate) fn node(&self, address: &str) -> End {
        let address = address.parse().unwrap();
        End::Node {
            node: self.0.node_at(address).unwrap().clone(),
            address,
        }
    }

    pub(crate) fn ask(&self, from: End, to: End, protocol: Protocol, port: u16) -> Verdict {
        evaluate(&self.0, &Connection::new(from, to, protocol, Some(port)))
    }

    /// TCP between pods by `namespace/name`.
    pub(crate) fn tcp(&self, from: &str, to: &str, port: u16) -> Verdict {
        self.ask(self.pod(from), self.pod(to), Protocol::Tcp, port)
    }
}

/// What a text holds; none of it may be wrong.
pub(crate) fn objects(text: &str) -> Vec<Object> {
    let read = manifest::parse(text);
    assert_eq!(read.errors, []);
    read.objects
}

fn policy(index: usize, spec: &str) -> Vec<Object> {
    objects(&format!(
        "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p{index}, namespace: prod}}, spec: {spec}}}"
    ))
}

/// An address of nobody in the cluster.
pub(crate) fn outside() -> End {
    End::Address("203.0.113.9".parse::<IpAddr>().unwrap())
}
