//! A pod as a CNI plugin leaves it: a namespace with `eth0`, whose other end is on the node.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::{Namespace, Result};

/// On every host-side veth of a routed pod: the pod's gateway.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);
/// The same for IPv6.
pub const GATEWAY6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// How a pod's host-side veth is connected to the node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Attachment {
    /// A /32 (/128) address, a link-local gateway on the veth and a host route to it, as Calico,
    /// Cilium and the ptp plugin do.
    #[default]
    Routed,
    /// A port of the node's bridge with this name, which is made when first used.
    Bridged(String),
}

/// What a pod is to be.
#[derive(Debug, Clone)]
pub struct PodSpec {
    /// Kubernetes namespace.
    pub namespace: String,
    /// Pod name.
    pub name: String,
    /// Labels, for the inventory.
    pub labels: BTreeMap<String, String>,
    /// IPv4 address.
    pub ipv4: Ipv4Addr,
    /// IPv6 address, if it has one.
    pub ipv6: Option<Ipv6Addr>,
    /// How it is connected.
    pub attachment: Attachment,
}

impl PodSpec {
    /// A routed pod without labels. `name` is `NAMESPACE/POD`; without a slash, of `default`.
    #[must_use]
    pub fn new(name: &str, ipv4: Ipv4Addr) -> Self {
        let (namespace, name) = name.split_once('/').unwrap_or(("default", name));
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            labels: BTreeMap::new(),
            ipv4,
            ipv6: None,
            attachment: Attachment::Routed,
        }
    }

    /// With an IPv6 address too.
    #[must_use]
    pub fn ipv6(mut self, address: Ipv6Addr) -> Self {
        self.ipv6 = Some(address);
        self
    }

    /// With one more label.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// As a port of the node's bridge `name`.
    #[must_use]
    pub fn bridged(mut self, name: &str) -> Self {
        self.attachment = Attachment::Bridged(name.to_owned());
        self
    }

    /// `NAMESPACE/POD`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// A running pod.
#[derive(Debug)]
pub struct Pod {
    spec: PodSpec,
    netns: Namespace,
    host_interface: String,
}

impl Pod {
    /// Makes the namespace, the veth pair and the routes, and waits for nothing. The bridge of a bridged
    /// pod must exist.
    pub(crate) fn create(spec: PodSpec, netns_name: &str, node: &Namespace) -> Result<Self> {
        let netns = Namespace::create(netns_name)?;
        let host_interface = host_interface_name(netns_name);
        let master = match &spec.attachment {
            Attachment::Routed => String::new(),
            Attachment::Bridged(bridge) => format!("link set {host_interface} master {bridge}\n"),
        };
        // Its own addresses first: the other end answers for them as soon as it is up.
        netns.ip_batch(&format!(
            "{}{}",
            uplink(&host_interface, node),
            pod_side(&spec)
        ))?;
        node.ip_batch(&format!("{master}{}", node_side(&spec, &host_interface)))?;
        netns.ip_batch(&pod_routes(&spec))?;
        Ok(Self {
            spec,
            netns,
            host_interface,
        })
    }

    /// What it was asked to be.
    #[must_use]
    pub fn spec(&self) -> &PodSpec {
        &self.spec
    }

    /// Its network namespace.
    #[must_use]
    pub fn netns(&self) -> &Namespace {
        &self.netns
    }

    /// Name of its veth in the node's namespace.
    #[must_use]
    pub fn host_interface(&self) -> &str {
        &self.host_interface
    }

    /// Its IPv4 address.
    #[must_use]
    pub fn ipv4(&self) -> IpAddr {
        self.spec.ipv4.into()
    }

    /// Its IPv6 address.
    ///
    /// # Panics
    /// When it was made without one.
    #[must_use]
    pub fn ipv6(&self) -> IpAddr {
        match self.spec.ipv6 {
            Some(address) => address.into(),
            None => panic!("pod {} has no IPv6 address", self.spec.full_name()),
        }
    }

    /// Its IPv4 address with a port.
    #[must_use]
    pub fn at(&self, port: u16) -> SocketAddr {
        (self.spec.ipv4, port).into()
    }

    /// Its IPv6 address with a port.
    ///
    /// # Panics
    /// When it was made without one.
    #[must_use]
    pub fn at6(&self, port: u16) -> SocketAddr {
        (self.ipv6(), port).into()
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        // The kernel takes a namespace down some time after it was deleted; a veth at once.
        let _ = self.netns.ip(["link", "del", "eth0"]);
    }
}

/// The line for `ip` that makes `eth0`, with the other end on the node.
///
/// The kernel puts the carrier of a veth whose two ends have the same number off by up to a second
/// (`linkwatch_urgent_event`), so this one has a number that no interface of a node reaches.
pub(crate) fn uplink(host_interface: &str, node: &Namespace) -> String {
    format!(
        "link add eth0 index 1000000 type veth peer name {host_interface} netns {}\n",
        node.name()
    )
}

fn pod_side(spec: &PodSpec) -> String {
    let (length, length6) = match spec.attachment {
        Attachment::Routed => (32, 128),
        Attachment::Bridged(_) => (24, 64),
    };
    let ipv6 = spec.ipv6.map_or(String::new(), |address| {
        format!("addr add {address}/{length6} dev eth0 nodad\n")
    });
    format!(
        "addr add {}/{length} dev eth0\n{ipv6}link set eth0 up\n",
        spec.ipv4
    )
}

fn node_side(spec: &PodSpec, veth: &str) -> String {
    if spec.attachment != Attachment::Routed {
        return format!("link set {veth} up\n");
    }
    let ipv6 = spec.ipv6.map_or(String::new(), |address| {
        format!("addr add {GATEWAY6}/64 dev {veth} nodad\nroute add {address}/128 dev {veth}\n")
    });
    format!(
        "addr add {GATEWAY}/32 dev {veth}\nlink set {veth} up\nroute add {}/32 dev {veth}\n{ipv6}",
        spec.ipv4
    )
}

fn pod_routes(spec: &PodSpec) -> String {
    match &spec.attachment {
        Attachment::Routed => {
            let ipv6 = spec.ipv6.map_or(String::new(), |_| {
                format!("route add ::/0 via {GATEWAY6} dev eth0\n")
            });
            format!(
                "route add {GATEWAY} dev eth0 scope link\nroute add default via {GATEWAY} dev eth0\n{ipv6}"
            )
        }
        Attachment::Bridged(_) => {
            let gateway = bridge_gateway(spec.ipv4);
            let ipv6 = spec.ipv6.map_or(String::new(), |address| {
                format!("route add ::/0 via {} dev eth0\n", bridge_gateway6(address))
            });
            format!("route add default via {gateway} dev eth0\n{ipv6}")
        }
    }
}

/// A bridge's own address: the first of the pod's /24.
pub(crate) fn bridge_gateway(pod: Ipv4Addr) -> Ipv4Addr {
    let [a, b, c, _] = pod.octets();
    Ipv4Addr::new(a, b, c, 1)
}

/// A bridge's own address: the first of the pod's /64.
pub(crate) fn bridge_gateway6(pod: Ipv6Addr) -> Ipv6Addr {
    let [a, b, c, d, ..] = pod.segments();
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, 1)
}

/// `veth` and seven hexadecimal digits, the same for the same namespace name, as CNI plugins do.
fn host_interface_name(netns_name: &str) -> String {
    let mut hasher = DefaultHasher::new();
    netns_name.hash(&mut hasher);
    format!("veth{:07x}", hasher.finish() & 0xfff_ffff)
}

/// Name of a pod's network namespace within a cluster.
pub(crate) fn netns_name(cluster: &str, spec: &PodSpec) -> String {
    format!("{cluster}-{}-{}", spec.namespace, spec.name)
}
