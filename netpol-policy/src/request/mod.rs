//! Questions in people's words, made into connections that can be evaluated.
//!
//! ```text
//!   text ─► EndRef ─ resolve ─► Party ─┐
//!   text ─► EndRef ─ resolve ─► Party ─┼─ connections ─► Connection… ─ evaluate ─► Verdict… ─ combine ─► Verdict
//!             protocol, port ──────────┘
//! ```
//!
//! A name can stand for several connections: the pods of a workload, the backends of a Service, both address families of a
//! pod. All of them are asked, and [`combine`] says what holds for all.

mod alike;
mod backends;
mod combine;
mod connections;
mod end;
mod error;
mod hint;
mod party;
mod port;

use crate::connection::Connection;
use crate::inventory::Inventory;
use crate::model::Protocol;

pub use combine::combine;
pub use connections::connections;
pub use end::EndRef;
pub use error::RequestError;
pub use party::Party;
pub use port::{PortRef, protocol};

/// A question: may this end open a connection to that one?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who opens it.
    pub from: EndRef,
    /// Who is to be reached: whom the opener dials, which may be a Service.
    pub to: EndRef,
    /// Protocol.
    pub protocol: Protocol,
    /// The port that is dialled; `None` where none is said, and then rules about ports cannot be decided.
    pub port: Option<PortRef>,
}

impl Request {
    /// Every connection that the question is about: at least one, in an order that depends on the inventory alone.
    ///
    /// # Errors
    /// An end or a port that the inventory does not have.
    pub fn connections(&self, inventory: &Inventory) -> Result<Vec<Connection>, RequestError> {
        let from = self.from.resolve(inventory)?;
        let to = self.to.resolve(inventory)?;
        connections(inventory, &from, &to, self.protocol, self.port.as_ref())
    }
}

#[cfg(test)]
mod tests;
