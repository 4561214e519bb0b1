//! Every way in which this machine can be made to drop a packet, and what the product says of it.
//!
//! ```text
//!   case: who calls whom, what stands in the way ─► stage: pods, policy, agent, `flows` ─► one flow, checked
//!
//!   firewalls   netfilter, iptables, netdev, queue, programs (tc, tcx, XDP), output, bridge, pod_firewall, service
//!   no policy   routing, refusal, endpoints: never called a policy's drop, though a policy denies it too
//! ```
//!
//! Enforcement is written by hand in each test and is the truth that flows are compared with. The policy is always the
//! same: `data/restrict-db` admits `prod/web` and, by that, denies `ci/build`; so a drop of the one agrees with policy,
//! and a drop of the other is somebody else's.
#![allow(
    clippy::unwrap_used,
    reason = "what a test cannot go on without, it fails for"
)]

mod bpf;
mod bridge;
mod case;
mod endpoints;
mod expected;
mod iptables;
mod netdev;
mod netfilter;
mod netlink;
mod output;
mod pod_firewall;
mod programs;
mod queue;
mod refusal;
mod routing;
mod service;
mod stage;
