//! How flows travel between netpol's programs.
//!
//! ```text
//!      flows, relay                                          agent, relay
//! client ── address, token ─┐                          ┌── listen ── Peer ──► access
//!                           ├── HTTP/2 in TLS, or in ──┤
//! tls ── certificates ──────┘   plain text by name     └── tls ── certificates, followed as they change
//! ```
//!
//! - [`client`]: `unix:///path`, `http://host:port` or `https://host:port`, or a stream, to a connected client.
//! - [`tls`]: certificates and keys from files, reloaded when they change.
//! - [`listen`]: connections taken, each with its [`listen::Peer`].
//! - [`access`]: who may read what, by RBAC of the cluster, and what is withheld.
//! - [`outlet`]: a stream of answers whose end is always told.
//! - [`serving`]: the flags of servers, and what they open.
//! - `services` (feature of that name): what is served at a door.

pub mod access;
pub mod client;
pub mod listen;
pub mod outlet;
#[cfg(feature = "services")]
pub mod services;
pub mod serving;
pub mod tls;
