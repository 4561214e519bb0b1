//! Who has which address. Several objects may claim one.

use std::net::IpAddr;
use std::sync::Arc;

use super::Map;

/// Objects by address.
#[derive(Debug)]
pub(super) struct Claims<T>(Map<IpAddr, Vec<Arc<T>>>);

impl<T> Claims<T> {
    pub(super) fn add(&mut self, addresses: &[IpAddr], object: &Arc<T>) {
        for address in addresses {
            let holders = self.0.entry(address.to_canonical()).or_default();
            // One that lists an address twice does not compete with itself.
            if !holders.iter().any(|holder| Arc::ptr_eq(holder, object)) {
                holders.push(object.clone());
            }
        }
    }

    pub(super) fn remove(&mut self, addresses: &[IpAddr], object: &Arc<T>) {
        for address in addresses {
            let address = address.to_canonical();
            let Some(holders) = self.0.get_mut(&address) else {
                continue;
            };
            holders.retain(|holder| !Arc::ptr_eq(holder, object));
            if holders.is_empty() {
                self.0.remove(&address);
            }
        }
    }

    /// In the order in which they came; empty where nobody has it.
    pub(super) fn holders(&self, address: IpAddr) -> &[Arc<T>] {
        self.0
            .get(&address.to_canonical())
            .map_or(&[], Vec::as_slice)
    }
}

impl<T> Clone for Claims<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Claims<T> {
    fn default() -> Self {
        Self(Map::default())
    }
}
