//! Which Service stands behind an address and port that somebody dials.

use std::net::IpAddr;
use std::sync::Arc;

use super::Inventory;
use crate::model::{Protocol, Service, ServicePort};

/// A Service, as it was dialled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dialled<'a> {
    /// Which.
    pub service: &'a Arc<Service>,
    /// Which of its ports; `None` for one that it does not have.
    pub port: Option<&'a ServicePort>,
}

impl Inventory {
    /// The Service that somebody reaches at an address and port: by a cluster or external address, of which several Services
    /// may share one by their ports, or by a port of every node. `is_node` says whether the address is a node's own: all
    /// its ports that are no Service's are the node's.
    #[must_use]
    pub fn dialled(
        &self,
        address: IpAddr,
        protocol: Protocol,
        port: u16,
        is_node: bool,
    ) -> Option<Dialled<'_>> {
        let holders = self.service_addresses.holders(address).iter();
        let having = holders.filter_map(|service| {
            let mut ports = service.ports.iter();
            let port = ports.find(|one| one.protocol == protocol && one.port == port)?;
            Some(Dialled {
                service,
                port: Some(port),
            })
        });
        let by_address = having.min_by_key(|one| (&one.service.namespace, &one.service.name));
        if by_address.is_some() {
            return by_address;
        }
        if is_node {
            let service = self.node_ports.get(&(protocol, port))?;
            let mut ports = service.ports.iter();
            let port = ports.find(|one| one.protocol == protocol && one.node_port == Some(port));
            return Some(Dialled { service, port });
        }
        let service = self.service_at(address)?;
        Some(Dialled {
            service,
            port: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest;

    const SERVICES: &str = r"
apiVersion: v1
kind: Service
metadata: {name: web, namespace: prod}
spec:
  type: LoadBalancer
  clusterIPs: [10.96.0.1, 'fd00:96::1']
  externalIPs: [192.0.2.1]
  ports: [{name: http, port: 80, nodePort: 30080}]
status: {loadBalancer: {ingress: [{ip: 203.0.113.9}, {hostname: lb.example.com}]}}
---
apiVersion: v1
kind: Service
metadata: {name: mail, namespace: prod}
spec:
  type: LoadBalancer
  clusterIP: 10.96.0.2
  ports: [{name: smtp, port: 25, nodePort: 30025}]
status: {loadBalancer: {ingress: [{ip: 203.0.113.9}]}}
---
apiVersion: v1
kind: Service
metadata: {name: headless, namespace: prod}
spec: {clusterIP: None, externalIPs: [203.0.113.10], ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere, namespace: prod}
spec: {type: ExternalName, externalName: example.com, externalIPs: [203.0.113.11]}
---
apiVersion: v1
kind: Node
metadata: {name: node-1}
status:
  addresses: [{type: InternalIP, address: 192.0.2.1}, {type: ExternalIP, address: 203.0.113.1}]
";

    fn inventory() -> Inventory {
        let read = manifest::parse(SERVICES);
        assert_eq!(read.errors, []);
        Inventory::new(read.objects)
    }

    /// Name of the Service, and of the port where it has it.
    fn dialled(inventory: &Inventory, address: &str, port: u16) -> Option<(String, bool)> {
        let address: IpAddr = address.parse().unwrap();
        let is_node = inventory.node_at(address).is_some();
        let found = inventory.dialled(address, Protocol::Tcp, port, is_node)?;
        Some((found.service.name.to_string(), found.port.is_some()))
    }

    #[test]
    fn every_way_to_a_service_is_found() {
        let inventory = inventory();
        for (address, port, expected) in [
            ("10.96.0.1", 80, Some(("web", true))),
            ("fd00:96::1", 80, Some(("web", true))),
            ("10.96.0.1", 81, Some(("web", false))),
            // A load balancer's address may be shared by ports.
            ("203.0.113.9", 80, Some(("web", true))),
            ("203.0.113.9", 25, Some(("mail", true))),
            // An external address that is a node's, and the rest of that node.
            ("192.0.2.1", 80, Some(("web", true))),
            ("192.0.2.1", 22, None),
            ("192.0.2.1", 30025, Some(("mail", true))),
            ("203.0.113.1", 30080, Some(("web", true))),
            ("203.0.113.2", 30080, None),
            // Names alone.
            ("203.0.113.10", 80, None),
            ("203.0.113.11", 80, None),
        ] {
            let expected = expected.map(|(name, has)| (name.to_owned(), has));
            assert_eq!(
                dialled(&inventory, address, port),
                expected,
                "{address}:{port}"
            );
        }
    }

    #[test]
    fn a_service_that_goes_gives_its_ports_up() {
        let mut inventory = inventory();
        assert!(inventory.remove("Service", "prod", "web"));
        assert_eq!(dialled(&inventory, "203.0.113.1", 30080), None);
        assert!(dialled(&inventory, "203.0.113.1", 30025).is_some());
    }
}
