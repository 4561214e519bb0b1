//! Small clusters on one machine: network namespaces for tests, benches and the demo.
//!
//! ```text
//!   Cluster ─┬─ node: Namespace ── veth1a2b3c4 ─┐        firewall  nft, iptables, tc in a namespace
//!            ├─ Pod ── Namespace ── eth0 ───────┘        traffic   bounded TCP, UDP, ICMP, raw frames
//!            └─ world: Namespace (optional uplink)       inventory manifests of what was made
//!                                                        underlay  a link between the nodes of two
//!   NodePair                     two of them on such a link, and their agents
//!
//!   AgentProcess, FlowsCommand   the built binaries, run against such a cluster
//!   ApiServer                    a Kubernetes API server in this process, with faults on demand
//!   Authority                    certificates for tests of TLS
//!   readiness                    a cluster is handed out when its links carry packets, not before
//!   record                       what was made, so that a killed run can be cleaned up by exact name
//!   requirement                  a test that cannot run says so; under CI it fails
//! ```
//!
//! Everything here needs Linux and, but for an [`ApiServer`] outside of namespaces, root. What is
//! made is removed when its value is dropped, also while a panic unwinds; what a killed process left
//! is removed by [`record::sweep`].

pub mod agent;
pub mod api_server;
pub mod artifact;
pub mod authority;
pub mod cluster;
pub mod command;
mod error;
pub mod firewall;
pub mod flows;
pub mod inventory;
pub mod namespace;
mod node_pair;
pub mod pod;
mod readiness;
pub mod record;
pub mod requirement;
pub mod traffic;
pub mod underlay;
mod work_directory;

pub use agent::AgentProcess;
pub use api_server::ApiServer;
pub use authority::Authority;
pub use cluster::{Cluster, ClusterBuilder};
pub use error::{Error, Result};
pub use flows::FlowsCommand;
pub use namespace::Namespace;
pub use node_pair::NodePair;
pub use pod::{Attachment, Pod, PodSpec};
pub use requirement::Requirement;
pub use work_directory::WorkDirectory;
