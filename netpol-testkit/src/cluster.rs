//! A node with its pods, and the world outside if it is wanted.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::namespace::unique_name;
use crate::pod::{self, Attachment, Pod, PodSpec};
use crate::{Namespace, Result};

/// The node's own address, on its loopback interface as on a node that announces a /32.
pub const NODE_IPV4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// The node's own IPv6 address.
pub const NODE_IPV6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
/// A machine outside of the cluster (RFC 5737), reached by the node's `eth0`.
pub const WORLD_IPV4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The same machine's IPv6 address (RFC 3849).
pub const WORLD_IPV6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// What a cluster is to be.
#[derive(Debug)]
pub struct ClusterBuilder {
    name: String,
    pods: Vec<PodSpec>,
    world: bool,
}

impl ClusterBuilder {
    /// One more pod.
    #[must_use]
    pub fn pod(mut self, spec: PodSpec) -> Self {
        self.pods.push(spec);
        self
    }

    /// With a machine outside of the cluster, behind the node's `eth0`.
    #[must_use]
    pub fn world(mut self) -> Self {
        self.world = true;
        self
    }

    /// Makes it, and waits until all its links carry packets.
    ///
    /// # Errors
    /// When the kernel refuses a part, or [`Error::NotReady`](crate::Error::NotReady); what was made by then is
    /// removed again.
    pub fn build(self) -> Result<Cluster> {
        let node = Namespace::create(&format!("{}-node", self.name))?;
        node.sysctl("ipv4/ip_forward", "1")?;
        node.sysctl("ipv6/conf/all/forwarding", "1")?;
        // Strict reverse-path filtering would drop what tests mean to send; `rp_filter` sets it.
        node.sysctl("ipv4/conf/all/rp_filter", "0")?;
        node.sysctl("ipv4/conf/default/rp_filter", "0")?;
        node.ip_batch(&format!(
            "addr add {NODE_IPV4}/32 dev lo\naddr add {NODE_IPV6}/128 dev lo nodad\n"
        ))?;
        let world = if self.world {
            Some(make_world(&self.name, &node)?)
        } else {
            None
        };
        let mut cluster = Cluster {
            pods: Vec::new(),
            world,
            node,
            name: self.name,
            bridges: BTreeSet::new(),
        };
        for spec in self.pods {
            cluster.make_pod(spec)?;
        }
        cluster.node.wait_until_ready(&["lo"])?;
        if let Some(world) = &cluster.world {
            cluster.node.wait_until_ready(&["eth0"])?;
            world.wait_until_ready(&["eth0"])?;
        }
        for pod in &cluster.pods {
            cluster.wait_for(pod)?;
        }
        Ok(cluster)
    }
}

/// A running cluster. Fields are dropped in order: pods before the node they hang on.
#[derive(Debug)]
pub struct Cluster {
    pods: Vec<Pod>,
    world: Option<Namespace>,
    node: Namespace,
    name: String,
    bridges: BTreeSet<String>,
}

impl Cluster {
    /// A cluster whose namespaces are named `PREFIX-PID-N-…`.
    #[must_use]
    pub fn builder(prefix: &str) -> ClusterBuilder {
        Self::named(&unique_name(prefix))
    }

    /// A cluster whose namespaces are named `NAME-…` exactly.
    #[must_use]
    pub fn named(name: &str) -> ClusterBuilder {
        ClusterBuilder {
            name: name.to_owned(),
            pods: Vec::new(),
            world: false,
        }
    }

    /// The node's network namespace.
    #[must_use]
    pub fn node(&self) -> &Namespace {
        &self.node
    }

    /// The machine outside.
    ///
    /// # Panics
    /// When the cluster was made without [`ClusterBuilder::world`].
    #[must_use]
    pub fn world(&self) -> &Namespace {
        match &self.world {
            Some(world) => world,
            None => panic!("cluster {} was made without a world", self.name),
        }
    }

    /// All pods, in the order they were made.
    #[must_use]
    pub fn pods(&self) -> &[Pod] {
        &self.pods
    }

    /// The pod called `NAMESPACE/POD`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn pod(&self, name: &str) -> &Pod {
        match self.pods.iter().find(|pod| pod.spec().full_name() == name) {
            Some(pod) => pod,
            None => panic!("no pod {name} in cluster {}", self.name),
        }
    }

    /// Adds a pod to the running node, and waits until its link carries packets.
    ///
    /// # Errors
    /// When the kernel refuses a part of it, or [`Error::NotReady`](crate::Error::NotReady).
    pub fn add_pod(&mut self, spec: PodSpec) -> Result<&Pod> {
        self.make_pod(spec)?;
        let pod = &self.pods[self.pods.len() - 1];
        self.wait_for(pod)?;
        Ok(pod)
    }

    fn make_pod(&mut self, spec: PodSpec) -> Result<()> {
        if let Attachment::Bridged(bridge) = &spec.attachment
            && !self.bridges.contains(bridge)
        {
            make_bridge(&self.node, bridge, &spec)?;
            self.bridges.insert(bridge.clone());
        }
        let netns = pod::netns_name(&self.name, &spec);
        let pod = Pod::create(spec, &netns, &self.node)?;
        self.pods.push(pod);
        Ok(())
    }

    fn wait_for(&self, pod: &Pod) -> Result<()> {
        pod.netns().wait_until_ready(&["eth0"])?;
        self.node.wait_until_ready(&[pod.host_interface()])?;
        match &pod.spec().attachment {
            Attachment::Routed => Ok(()),
            Attachment::Bridged(bridge) => self.node.wait_until_ready(&[bridge]),
        }
    }

    /// Removes the pod called `NAMESPACE/POD`; its veth goes with its namespace.
    ///
    /// # Panics
    /// When there is none.
    pub fn remove_pod(&mut self, name: &str) {
        let before = self.pods.len();
        self.pods.retain(|pod| pod.spec().full_name() != name);
        assert!(
            self.pods.len() < before,
            "no pod {name} in cluster {}",
            self.name
        );
    }

    /// Sets reverse-path filtering (0 off, 1 strict, 2 loose) on a pod's host-side veth.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn rp_filter(&self, pod: &Pod, mode: u8) -> Result<()> {
        let key = format!("ipv4/conf/{}/rp_filter", pod.host_interface());
        self.node.sysctl(&key, &mode.to_string())
    }

    /// Makes bridged traffic pass iptables and nftables, as kubeadm demands. False when this kernel
    /// has no `br_netfilter`.
    ///
    /// # Errors
    /// When the kernel has it and refuses the value.
    pub fn bridge_netfilter(&self) -> Result<bool> {
        let key = "bridge/bridge-nf-call-iptables";
        let path = format!("/proc/sys/net/{key}");
        if !self.node.run_in(|| std::path::Path::new(&path).exists()) {
            return Ok(false);
        }
        self.node.sysctl(key, "1")?;
        self.node.sysctl("bridge/bridge-nf-call-ip6tables", "1")?;
        Ok(true)
    }
}

fn make_world(cluster: &str, node: &Namespace) -> Result<Namespace> {
    let world = Namespace::create(&format!("{cluster}-world"))?;
    let side = |last: u8| {
        format!(
            "addr add 192.0.2.{last}/24 dev eth0\naddr add 2001:db8::{last:x}/64 dev eth0 nodad\n\
             link set eth0 up\n"
        )
    };
    world.ip_batch(&format!("{}{}", pod::uplink("eth0", node), side(1)))?;
    node.ip_batch(&format!(
        "{}route add default via {WORLD_IPV4}\nroute add ::/0 via {WORLD_IPV6}\n",
        side(10)
    ))?;
    world.ip_batch("route add default via 192.0.2.10\nroute add ::/0 via 2001:db8::a\n")?;
    Ok(world)
}

fn make_bridge(node: &Namespace, bridge: &str, first: &PodSpec) -> Result<()> {
    node.ip_batch(&format!(
        "link add {bridge} type bridge\nlink set {bridge} up\n"
    ))?;
    node.add_address(bridge, IpAddr::V4(pod::bridge_gateway(first.ipv4)), 24)?;
    match first.ipv6 {
        Some(address) => node.add_address(bridge, pod::bridge_gateway6(address).into(), 64),
        None => Ok(()),
    }
}
