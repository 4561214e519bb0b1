//! Clients and servers over real sockets on loopback, with certificates that are made here.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod errors;
mod hostile;
mod mutual;
mod reload;
mod server;
mod token;
