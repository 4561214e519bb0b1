//! Names of the two ends: `ci/build`, `prod/db:5432 (via prod/db-svc:5432)`, `node/worker-1:22`, `[2001:db8::1]:443`,
//! `node/control-1:6443 (API server)`, `10.0.3.4:5432 (withheld)`.

use std::borrow::Cow;

use netpol_api::v1::endpoint::{Component, Kind};
use netpol_api::v1::{Endpoint, Flow};

use crate::text::clean;

/// Its port says nothing in a short line: the system picked it.
pub(super) fn source(flow: &Flow, wide: bool) -> String {
    flow.source.as_ref().map_or_else(unknown, |end| {
        let port = if wide { end.port } else { 0 };
        with_port(&name(end, wide), port) + withheld(end)
    })
}

pub(super) fn destination(flow: &Flow, wide: bool) -> String {
    let mut text = flow.destination.as_ref().map_or_else(unknown, |end| {
        with_port(&name(end, wide), end.port) + component(end) + withheld(end)
    });
    if let Some(service) = &flow.service {
        let dialled = if service.name.is_empty() {
            in_brackets(&service.address)
        } else {
            Cow::Owned(format!("{}/{}", service.namespace, service.name))
        };
        text.push_str(&format!(
            " (via {})",
            with_port(&clean(&dialled), service.port)
        ));
    }
    text
}

/// What stands behind the address of an end that the reader may not know more of.
fn withheld(end: &Endpoint) -> &'static str {
    if end.withheld { " (withheld)" } else { "" }
}

/// What of Kubernetes itself listens there.
fn component(end: &Endpoint) -> &'static str {
    match end.component() {
        Component::ApiServer => " (API server)",
        Component::Kubelet => " (kubelet)",
        Component::Unspecified => "",
    }
}

fn unknown() -> String {
    "?".to_owned()
}

fn name(end: &Endpoint, wide: bool) -> String {
    let named = match end.kind() {
        Kind::Pod if !end.pod.is_empty() => Some(format!("{}/{}", end.namespace, end.pod)),
        Kind::Node if !end.node.is_empty() => Some(format!("node/{}", end.node)),
        _ => None,
    };
    let text = match named {
        Some(named) if wide => format!("{named} {}", in_brackets(&end.address)),
        Some(named) => named,
        None if end.address.is_empty() => unknown(),
        None => in_brackets(&end.address).into_owned(),
    };
    clean(&text).into_owned()
}

fn with_port(name: &str, port: u32) -> String {
    if port == 0 {
        name.to_owned()
    } else {
        format!("{name}:{port}")
    }
}

/// IPv6 addresses hold colons themselves.
fn in_brackets(address: &str) -> Cow<'_, str> {
    if address.contains(':') {
        Cow::Owned(format!("[{address}]"))
    } else {
        Cow::Borrowed(address)
    }
}
