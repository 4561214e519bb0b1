//! Which interfaces of this node belong to pods, as netlink tells it.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures::TryStreamExt as _;
use globset::{Glob, GlobSet, GlobSetBuilder};
use netpol_common::packet::LinkLayer;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::link::{LinkAttribute, LinkInfo, LinkLayerType, LinkMessage};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use rtnetlink::{Handle, RouteMessageBuilder};

/// Which interfaces to watch.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Selection {
    /// With `include` patterns, exactly the interfaces that match one, whatever their kind; without, every veth or netkit
    /// device whose peer lives in another network namespace. `exclude` takes away from either.
    ///
    /// # Errors
    /// A pattern that is no glob.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, globset::Error> {
        let build = |patterns: &[String]| {
            let mut set = GlobSetBuilder::new();
            for pattern in patterns {
                set.add(Glob::new(pattern)?);
            }
            set.build()
        };
        Ok(Self {
            include: if include.is_empty() {
                None
            } else {
                Some(build(include)?)
            },
            exclude: build(exclude)?,
        })
    }

    /// Whether a link is to be watched.
    #[must_use]
    pub fn selects(&self, link: &Link) -> bool {
        if self.exclude.is_match(&link.name) {
            return false;
        }
        match &self.include {
            Some(include) => include.is_match(&link.name),
            None => {
                matches!(link.kind.as_str(), "veth" | "netkit")
                    && link.peer_elsewhere
                    && !link.is_uplink
            }
        }
    }
}

/// One interface as netlink describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Number in this network namespace.
    pub ifindex: u32,
    /// Name as of now.
    pub name: String,
    /// As the kernel calls it: `veth`, `netkit`, `bridge`; empty for hardware.
    pub kind: String,
    /// Whether packets begin with an Ethernet header.
    pub link_layer: LinkLayer,
    /// Whether its other end lives in another network namespace.
    pub peer_elsewhere: bool,
    /// A default route leads out by it: the node's own way out, also where that is a veth as on a node that is itself a
    /// container.
    pub is_uplink: bool,
}

/// Every interface of this network namespace.
///
/// # Errors
/// As netlink says.
pub async fn links(handle: &Handle) -> Result<Vec<Link>, rtnetlink::Error> {
    let mut dump = handle.link().get().execute();
    let mut found = Vec::new();
    while let Some(message) = dump.try_next().await? {
        found.extend(link(&message));
    }
    Ok(found)
}

fn link(message: &LinkMessage) -> Option<Link> {
    let mut name = None;
    let mut kind = String::new();
    let mut peer_elsewhere = false;
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(found) => name = Some(found.clone()),
            LinkAttribute::LinkNetNsId(_) => peer_elsewhere = true,
            LinkAttribute::LinkInfo(infos) => {
                for info in infos {
                    if let LinkInfo::Kind(found) = info {
                        kind = found.to_string();
                    }
                }
            }
            _ => {}
        }
    }
    let link_layer = match message.header.link_layer_type {
        LinkLayerType::None | LinkLayerType::Rawip => LinkLayer::None,
        _ => LinkLayer::Ethernet,
    };
    Some(Link {
        ifindex: message.header.index,
        name: name?,
        kind,
        link_layer,
        peer_elsewhere,
        is_uplink: false,
    })
}

/// What the routes tell of interfaces.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// Addresses that a route of full length sends straight to an interface: how most CNIs reach a pod.
    pub hosts: HashMap<u32, Vec<IpAddr>>,
    /// Interfaces by which a default route leads out.
    pub uplinks: HashSet<u32>,
}

/// Reads the routes of both families.
///
/// # Errors
/// As netlink says.
pub async fn routes(handle: &Handle) -> Result<Routes, rtnetlink::Error> {
    let mut routes = Routes::default();
    for query in [
        RouteMessageBuilder::<Ipv4Addr>::new().build(),
        RouteMessageBuilder::<Ipv6Addr>::new().build(),
    ] {
        let mut dump = handle.route().get(query).execute();
        while let Some(message) = dump.try_next().await? {
            if let Some((ifindex, address)) = host_route(&message) {
                routes.hosts.entry(ifindex).or_default().push(address);
            }
            routes.uplinks.extend(uplink(&message));
        }
    }
    for addresses in routes.hosts.values_mut() {
        addresses.sort();
        addresses.dedup();
    }
    Ok(routes)
}

fn uplink(message: &RouteMessage) -> Option<u32> {
    let header = &message.header;
    if header.kind != RouteType::Unicast || header.destination_prefix_length != 0 {
        return None;
    }
    message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::Oif(ifindex) => Some(*ifindex),
            _ => None,
        })
}

fn host_route(message: &RouteMessage) -> Option<(u32, IpAddr)> {
    let mut interface = None;
    let mut destination = None;
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Oif(ifindex) => interface = Some(*ifindex),
            RouteAttribute::Destination(RouteAddress::Inet(address)) => {
                destination = Some((IpAddr::V4(*address), 32));
            }
            RouteAttribute::Destination(RouteAddress::Inet6(address)) => {
                destination = Some((IpAddr::V6(*address), 128));
            }
            _ => {}
        }
    }
    let (address, full_length) = destination?;
    let special = match address {
        IpAddr::V4(address) => address.is_broadcast() || address.is_multicast(),
        IpAddr::V6(address) => address.is_multicast() || address.is_unicast_link_local(),
    };
    if message.header.kind != RouteType::Unicast
        || message.header.destination_prefix_length != full_length
        || special
    {
        return None;
    }
    Some((interface?, address))
}

/// Every address of this network namespace's interfaces.
///
/// # Errors
/// As netlink says.
pub async fn local_addresses(handle: &Handle) -> Result<Vec<IpAddr>, rtnetlink::Error> {
    let mut dump = handle.address().get().execute();
    let mut found = Vec::new();
    while let Some(message) = dump.try_next().await? {
        for attribute in &message.attributes {
            // On a point-to-point link `Address` is the peer's and `Local` ours; elsewhere either is.
            match attribute {
                AddressAttribute::Local(address) => found.push(*address),
                AddressAttribute::Address(address @ IpAddr::V6(_)) => found.push(*address),
                _ => {}
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use netpol_common::packet::LinkLayer;

    use super::{Link, Selection};

    fn link(name: &str, kind: &str, peer_elsewhere: bool) -> Link {
        Link {
            ifindex: 7,
            name: name.to_owned(),
            kind: kind.to_owned(),
            link_layer: LinkLayer::Ethernet,
            peer_elsewhere,
            is_uplink: false,
        }
    }

    fn selection(include: &[&str], exclude: &[&str]) -> Selection {
        let owned =
            |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
        Selection::new(&owned(include), &owned(exclude)).expect("globs")
    }

    #[test]
    fn by_default_veths_with_a_far_peer() {
        let default = selection(&[], &["veth9*"]);
        assert!(default.selects(&link("veth1", "veth", true)));
        assert!(default.selects(&link("nk0", "netkit", true)));
        assert!(!default.selects(&link("veth1", "veth", false)));
        assert!(!default.selects(&link("br0", "bridge", false)));
        assert!(!default.selects(&link("veth99", "veth", true)));
        let mut uplink = link("eth0", "veth", true);
        uplink.is_uplink = true;
        assert!(
            !default.selects(&uplink),
            "a node that is a container itself"
        );
        assert!(
            selection(&["eth0"], &[]).selects(&uplink),
            "but when it is asked for"
        );
    }

    #[test]
    fn patterns_decide_alone_where_given() {
        let odd = selection(&["cali*", "eni?"], &["cali-skip"]);
        assert!(odd.selects(&link("cali12ab", "veth", false)));
        assert!(odd.selects(&link("eni1", "", false)));
        assert!(!odd.selects(&link("cali-skip", "veth", true)));
        assert!(!odd.selects(&link("veth1", "veth", true)));
    }

    #[test]
    fn a_bad_pattern_is_refused() {
        assert!(Selection::new(&["a[".to_owned()], &[]).is_err());
    }
}
