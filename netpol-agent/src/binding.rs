//! Which pod stands behind which interface. The local end of a flow is known by this, not by its address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use netpol_policy::model::Pod;

use crate::inventory::{Snapshot, is_same};
use crate::kernel::observation::Interface;
use crate::status::{Status, WatchedInterface};

/// Every watched interface.
#[derive(Default)]
pub struct Bindings {
    interfaces: HashMap<u32, Bound>,
}

struct Bound {
    interface: Interface,
    name: Arc<str>,
    pod: Option<Arc<Pod>>,
}

impl Bindings {
    /// An interface is watched from now on. A number that comes again is another interface.
    pub fn up(&mut self, interface: Interface, status: &Status) {
        let name = Arc::from(interface.name.as_str());
        let bound = Bound {
            interface,
            name,
            pod: None,
        };
        bound.show(status);
        self.interfaces.insert(bound.interface.ifindex, bound);
    }

    /// An interface is gone.
    pub fn down(&mut self, ifindex: u32, status: &Status) {
        self.interfaces.remove(&ifindex);
        status.remove_interface(ifindex);
    }

    /// Name of an interface; empty where it is not known.
    #[must_use]
    pub fn name(&self, ifindex: u32) -> Arc<str> {
        self.interfaces
            .get(&ifindex)
            .map_or_else(|| Arc::from(""), |bound| bound.name.clone())
    }

    /// Whether it is a pod's interface.
    #[must_use]
    pub fn is_watched(&self, ifindex: u32) -> bool {
        self.interfaces.contains_key(&ifindex)
    }

    /// The pod behind an interface that sends from (or is sent to at) an address. Bound once, by the addresses routed
    /// to the interface, else by that address; it stays until the interface or the pod is gone. What was seen before a
    /// pod went may be asked for after it: that binds nothing, or all that its successor does would be put down to it.
    pub fn pod(
        &mut self,
        ifindex: u32,
        address: IpAddr,
        at: SystemTime,
        snapshot: &Snapshot,
        status: &Status,
    ) -> Option<Arc<Pod>> {
        let bound = self.interfaces.get_mut(&ifindex)?;
        if bound.pod.is_some() {
            return bound.pod.clone();
        }
        let pod = bound
            .candidates(address)
            .find_map(|address| snapshot.pod_at(address, at))
            .filter(|pod| !pod.host_network)?
            .clone();
        if is_there(&pod, snapshot) {
            bound.pod = Some(pod.clone());
            bound.show(status);
        }
        Some(pod)
    }

    /// The addresses by which the pod behind an interface that sends from (or is sent to at) `address` is found.
    pub fn candidates(&self, ifindex: u32, address: IpAddr) -> impl Iterator<Item = IpAddr> {
        let bound = self.interfaces.get(&ifindex).into_iter();
        bound.flat_map(move |bound| bound.candidates(address))
    }

    /// Follows a new inventory: what it says of bound pods, and which of them are gone.
    pub fn follow(&mut self, snapshot: &Snapshot, status: &Status) {
        for bound in self.interfaces.values_mut() {
            let Some(pod) = &bound.pod else { continue };
            bound.pod = snapshot
                .pod_named(&pod.namespace, &pod.name)
                .filter(|current| is_same(current, pod))
                .cloned();
            bound.show(status);
        }
    }
}

/// Whether the inventory still has a pod, not just one of its name.
fn is_there(pod: &Pod, snapshot: &Snapshot) -> bool {
    let current = snapshot.pod_named(&pod.namespace, &pod.name);
    current.is_some_and(|current| is_same(current, pod))
}

impl Bound {
    fn candidates(&self, address: IpAddr) -> impl Iterator<Item = IpAddr> {
        let routed = &self.interface.routed;
        let own = routed.is_empty().then_some(address);
        routed.iter().copied().chain(own)
    }

    fn show(&self, status: &Status) {
        let pod = self
            .pod
            .as_ref()
            .map(|pod| format!("{}/{}", pod.namespace, pod.name));
        status.set_interface(WatchedInterface {
            interface: self.interface.clone(),
            pod,
        });
    }
}
