//! A small cluster in which every end is asked about every other.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Mutex;

use netpol_policy::connection::{Connection, End};
use netpol_policy::evaluate::evaluate;
use netpol_policy::inventory::Inventory;
use netpol_policy::model::{Object, Protocol};
use netpol_policy::verdict::{DecidedBy, Decision, DirectionVerdict, Verdict};

use super::objects;
use super::reachability::Reachability;

/// The name of the end that is nobody of the cluster.
pub(crate) const OUTSIDE: &str = "outside";

/// IP version of both ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

/// Namespaces, dual-stack pods, nodes and policies. What is given again under the same name replaces what was there,
/// so a clone with a change is the cluster after an update.
#[derive(Clone, Default)]
pub(crate) struct Cluster {
    /// In order: a namespace's position is part of its pods' addresses.
    namespaces: Vec<(String, String)>,
    /// In order: a pod's position in its namespace is its last octet.
    pods: Vec<PodText>,
    nodes: Vec<(String, String)>,
    /// Manifests by name; `namespace/name` for a NetworkPolicy.
    policies: BTreeMap<String, String>,
    /// All of it, read when the first question is asked.
    read: OnceCell<Inventory>,
}

#[derive(Clone)]
struct PodText {
    namespace: String,
    name: String,
    labels: String,
    ports: String,
    /// The node whose network it uses.
    host: Option<String>,
}

impl Cluster {
    /// A namespace and its labels, as YAML.
    pub(crate) fn namespace(mut self, name: &str, labels: &str) -> Self {
        put(&mut self.namespaces, name, labels);
        self.changed()
    }

    /// A pod by `namespace/name` and its labels. The namespace has to be there already.
    pub(crate) fn pod(self, path: &str, labels: &str) -> Self {
        self.pod_with_ports(path, labels, "[]")
    }

    /// A pod whose container lists these ports.
    pub(crate) fn pod_with_ports(self, path: &str, labels: &str, ports: &str) -> Self {
        self.add_pod(path, labels, ports, None)
    }

    /// A pod in the network namespace of a node.
    pub(crate) fn host_network_pod(self, path: &str, labels: &str, node: &str) -> Self {
        self.add_pod(path, labels, "[]", Some(node))
    }

    fn add_pod(mut self, path: &str, labels: &str, ports: &str, host: Option<&str>) -> Self {
        let (namespace, name) = path.split_once('/').unwrap();
        self.pods.push(PodText {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            labels: labels.to_owned(),
            ports: ports.to_owned(),
            host: host.map(str::to_owned),
        });
        self.changed()
    }

    /// The same pod with other labels.
    pub(crate) fn relabelled(mut self, path: &str, labels: &str) -> Self {
        let mut pods = self.pods.iter_mut();
        pods.find(|pod| pod.path() == path).unwrap().labels = labels.to_owned();
        self.changed()
    }

    /// A node and its labels. Its addresses follow from its position, `192.168.0.1` the first.
    pub(crate) fn node(mut self, name: &str, labels: &str) -> Self {
        put(&mut self.nodes, name, labels);
        self.changed()
    }

    /// A NetworkPolicy by `namespace/name`, and its `spec`.
    pub(crate) fn policy(mut self, path: &str, spec: &str) -> Self {
        let (namespace, name) = path.split_once('/').unwrap();
        let text = format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: {name}, namespace: '{namespace}'}}, spec: {spec}}}"
        );
        self.policies.insert(path.to_owned(), text);
        self.changed()
    }

    /// A policy of the Admin or the Baseline tier, as a whole manifest.
    pub(crate) fn cluster_policy(mut self, name: &str, manifest: &str) -> Self {
        self.policies.insert(name.to_owned(), manifest.to_owned());
        self.changed()
    }

    /// The cluster after that policy was deleted.
    pub(crate) fn without_policy(mut self, path: &str) -> Self {
        self.policies.remove(path).unwrap();
        self.changed()
    }

    /// The cluster after that pod was deleted; those after it in its namespace get other addresses.
    pub(crate) fn without_pod(mut self, path: &str) -> Self {
        self.pods.retain(|pod| pod.path() != path);
        self.changed()
    }

    /// What was read is no longer what stands here.
    fn changed(mut self) -> Self {
        self.read = OnceCell::new();
        self
    }

    /// An address of a pod, in the form of a block that holds nothing else.
    pub(crate) fn block_of(&self, path: &str, family: Family) -> String {
        match self.address(path, family) {
            IpAddr::V4(address) => format!("{address}/32"),
            IpAddr::V6(address) => format!("{address}/128"),
        }
    }

    /// Asks about every pair of ends over both IP versions.
    pub(crate) fn expect(&self, protocol: Protocol, port: u16, expected: &Reachability) {
        let inventory = self.inventory();
        self.compare(inventory, protocol, port, expected, |connection| {
            evaluate(inventory, connection)
        });
    }

    /// The same, of an inventory that holds this cluster, and by any way to evaluate.
    pub(crate) fn compare(
        &self,
        inventory: &Inventory,
        protocol: Protocol,
        port: u16,
        expected: &Reachability,
        evaluate: impl Fn(&Connection) -> Verdict,
    ) {
        for family in [Family::V4, Family::V6] {
            self.compare_over(family, inventory, protocol, port, expected, &evaluate);
        }
    }

    /// Asks about every pair of ends over one IP version.
    pub(crate) fn expect_over(
        &self,
        family: Family,
        protocol: Protocol,
        port: u16,
        expected: &Reachability,
    ) {
        let inventory = self.inventory();
        self.compare_over(family, inventory, protocol, port, expected, |connection| {
            evaluate(inventory, connection)
        });
    }

    fn compare_over(
        &self,
        family: Family,
        inventory: &Inventory,
        protocol: Protocol,
        port: u16,
        expected: &Reachability,
        evaluate: impl Fn(&Connection) -> Verdict,
    ) {
        let ends = self.ends();
        let found = |from: &str, to: &str| {
            let end = |name| self.end(inventory, name, family);
            let verdict = evaluate(&Connection::new(end(from), end(to), protocol, Some(port)));
            assert_gives_reasons(&verdict);
            verdict.decision()
        };
        expected.compare(&ends, found, &format!("{protocol} {port} over {family:?}"));
    }

    /// What is decided about one pair of ends, over IPv4.
    pub(crate) fn ask(&self, from: &str, to: &str, protocol: Protocol, port: u16) -> Verdict {
        evaluate(self.inventory(), &self.connection(from, to, protocol, port))
    }

    /// A connection between two ends, over IPv4.
    pub(crate) fn connection(
        &self,
        from: &str,
        to: &str,
        protocol: Protocol,
        port: u16,
    ) -> Connection {
        let end = |name| self.end(self.inventory(), name, Family::V4);
        Connection::new(end(from), end(to), protocol, Some(port))
    }

    /// Pods, nodes as `node/NAME`, and outside.
    fn ends(&self) -> Vec<String> {
        let pods = self.pods.iter().map(PodText::path);
        let nodes = self.nodes.iter().map(|(name, _)| format!("node/{name}"));
        pods.chain(nodes).chain([OUTSIDE.to_owned()]).collect()
    }

    fn end(&self, inventory: &Inventory, name: &str, family: Family) -> End {
        let address = self.address(name, family);
        match name.split_once('/') {
            None => End::Address(address),
            Some(("node", name)) => End::Node {
                node: inventory.node(name).unwrap().clone(),
                address,
            },
            Some((namespace, name)) => End::Pod {
                pod: inventory.pod(namespace, name).unwrap().clone(),
                address: Some(address),
            },
        }
    }

    fn address(&self, name: &str, family: Family) -> IpAddr {
        let text = match (name.split_once('/'), family) {
            (None, Family::V4) => "203.0.113.9".to_owned(),
            (None, Family::V6) => "2001:db8::9".to_owned(),
            (Some(("node", node)), family) => {
                let position = self.nodes.iter().position(|one| one.0 == node).unwrap() + 1;
                match family {
                    Family::V4 => format!("192.168.0.{position}"),
                    Family::V6 => format!("fd01::{position}"),
                }
            }
            (Some((namespace, _)), family) => {
                let of_namespace = self.namespaces.iter().position(|one| one.0 == namespace);
                let mut siblings = self.pods.iter().filter(|pod| pod.namespace == namespace);
                let place = siblings.position(|pod| pod.path() == name).unwrap() + 1;
                let subnet = of_namespace.unwrap() + 1;
                let pod = self.pods.iter().find(|pod| pod.path() == name).unwrap();
                match (&pod.host, family) {
                    (Some(node), family) => return self.address(&format!("node/{node}"), family),
                    (None, Family::V4) => format!("10.0.{subnet}.{place}"),
                    (None, Family::V6) => format!("fd00:0:0:{subnet}::{place}"),
                }
            }
        };
        text.parse().unwrap()
    }

    /// What the manifests hold; none of them may be wrong.
    pub(crate) fn inventory(&self) -> &Inventory {
        self.read
            .get_or_init(|| Inventory::new(self.manifests().into_iter().flat_map(objects_once)))
    }

    pub(crate) fn objects(&self) -> Vec<Object> {
        let manifests = self.manifests().into_iter();
        manifests.flat_map(objects_once).collect()
    }

    fn manifests(&self) -> Vec<String> {
        let mut documents = Vec::new();
        for (name, labels) in &self.namespaces {
            documents.push(format!(
                "{{apiVersion: v1, kind: Namespace, metadata: {{name: '{name}', labels: {labels}}}}}"
            ));
        }
        for (name, labels) in &self.nodes {
            let path = format!("node/{name}");
            let addresses = [Family::V4, Family::V6].map(|family| {
                let address = self.address(&path, family);
                format!("{{type: InternalIP, address: '{address}'}}")
            });
            documents.push(format!(
                "{{apiVersion: v1, kind: Node, metadata: {{name: {name}, labels: {labels}}}, status: {{addresses: [{}]}}}}",
                addresses.join(", ")
            ));
        }
        documents.extend(self.pods.iter().map(|pod| self.manifest(pod)));
        documents.extend(self.policies.values().cloned());
        documents
    }

    fn manifest(&self, pod: &PodText) -> String {
        let addresses = [Family::V4, Family::V6]
            .map(|family| format!("{{ip: '{}'}}", self.address(&pod.path(), family)));
        let host = pod.host.as_ref().map_or_else(String::new, |node| {
            format!(", nodeName: {node}, hostNetwork: true")
        });
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {}, namespace: '{}', labels: {}}}, spec: {{containers: [{{name: c, ports: {}}}]{host}}}, status: {{podIPs: [{}]}}}}",
            pod.name,
            pod.namespace,
            pod.labels,
            pod.ports,
            addresses.join(", ")
        )
    }
}

impl PodText {
    fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// Labels by name; those of a name that is there already are replaced.
fn put(all: &mut Vec<(String, String)>, name: &str, labels: &str) {
    match all.iter_mut().find(|one| one.0 == name) {
        Some(found) => found.1 = labels.to_owned(),
        None => all.push((name.to_owned(), labels.to_owned())),
    }
}

/// What a manifest holds. Most manifests stand in many clusters, and are read once for all of them.
fn objects_once(manifest: String) -> Vec<Object> {
    static READ: Mutex<BTreeMap<String, Vec<Object>>> = Mutex::new(BTreeMap::new());
    let known = READ.lock().unwrap().get(&manifest).cloned();
    known.unwrap_or_else(|| {
        let read = objects(&manifest);
        READ.lock().unwrap().insert(manifest, read.clone());
        read
    })
}

/// No answer by policy comes without the rules or policies behind it.
fn assert_gives_reasons(verdict: &Verdict) {
    let gives_reasons = |direction: &DirectionVerdict| match direction.decision {
        Decision::Denied => !direction.denied_by.is_empty(),
        Decision::Allowed if direction.decided_by == DecidedBy::Policy => {
            !direction.allowed_by.is_empty()
        }
        Decision::Allowed | Decision::Unknown => true,
    };
    assert!(gives_reasons(&verdict.egress), "{verdict:?}");
    assert!(gives_reasons(&verdict.ingress), "{verdict:?}");
}
