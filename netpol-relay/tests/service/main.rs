//! The relay in front of agents that are real gRPC servers, fed by tests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agent;
mod breaks;
mod discovery;
mod history;
mod memory;
mod order;
mod readers;
mod relay;
mod status;
mod tls;

use std::time::{Duration, SystemTime};

use netpol_api::v1;

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A forwarded connection between addresses of its own, answered at once.
fn flow(node: &str, number: u64, last_seen: SystemTime) -> v1::Flow {
    let endpoint = |address: String, port: u32| v1::Endpoint {
        address,
        port,
        ..v1::Endpoint::default()
    };
    let [high, low] = [(number >> 8) & 0xff, number & 0xff];
    let id = node
        .bytes()
        .fold(0u32, |sum, byte| sum.wrapping_mul(31) + u32::from(byte));
    v1::Flow {
        id: format!("{node}-{number}"),
        revision: 1,
        first_seen: Some(last_seen.into()),
        last_seen: Some(last_seen.into()),
        node: node.to_owned(),
        protocol: v1::Protocol::Tcp.into(),
        ip_protocol: 6,
        source: Some(endpoint(format!("10.{}.{high}.{low}", id % 250), 40_000)),
        destination: Some(endpoint(format!("10.250.{high}.{low}"), 5432)),
        state: v1::flow::State::Established.into(),
        observed: Some(v1::Observed {
            verdict: v1::observed::Verdict::Forwarded.into(),
            evidence: Some(v1::Evidence {
                reply_seen: true,
                ..v1::Evidence::default()
            }),
        }),
        ..v1::Flow::default()
    }
}

fn seen(flow: &v1::Flow) -> SystemTime {
    flow.last_seen.unwrap().try_into().unwrap()
}
