//! Services and EndpointSlices.

use std::collections::BTreeSet;
use std::net::IpAddr;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Findings, Name, Scope, metadata};
use crate::k8s::selector::{check_key, check_value};
use crate::k8s::syntax::{is_dns_label, is_port_name, is_subdomain};
use crate::k8s::{ObjectError, port, protocol};

/// Most backends of an EndpointSlice.
const ENDPOINTS_MAX: usize = 1000;
/// Most addresses of a backend.
const ADDRESSES_MAX: usize = 100;

/// Checks a Service.
#[must_use]
pub fn service(from: &core::Service) -> Vec<ObjectError> {
    let mut findings = Findings::default();
    metadata(
        &from.metadata,
        Scope::Namespaced,
        Name::Service,
        &mut findings,
    );
    let spec = from.spec.clone().unwrap_or_default();
    let kind = spec.type_.as_deref().unwrap_or_default();
    let is_headless = spec.cluster_ip.as_deref() == Some("None");
    for (key, value) in spec.selector.iter().flatten() {
        findings.check(check_key(key, "spec.selector"));
        findings.check(check_value(value, &format!("spec.selector.{key}")));
    }
    if kind == "ExternalName" {
        let name = spec.external_name.as_deref().unwrap_or_default();
        let name = name.strip_suffix('.').unwrap_or(name);
        findings.form(name, "spec.externalName", "a DNS name", is_subdomain);
    }
    for (index, text) in spec.external_ips.iter().flatten().enumerate() {
        backend_address(
            text,
            None,
            format!("spec.externalIPs[{index}]"),
            &mut findings,
        );
    }
    let ports = spec.ports.unwrap_or_default();
    if ports.is_empty() && !is_headless && kind != "ExternalName" {
        findings.add("spec.ports", "expected at least one port, found none");
    }
    service_ports(&ports, matches!(kind, "" | "ClusterIP"), &mut findings);
    findings.into_errors()
}

fn service_ports(ports: &[core::ServicePort], is_cluster_ip: bool, findings: &mut Findings) {
    let mut names = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    for (index, found) in ports.iter().enumerate() {
        let field = format!("spec.ports[{index}]");
        let name = found.name.as_deref().unwrap_or_default();
        if ports.len() > 1 || !name.is_empty() {
            findings.form(name, format!("{field}.name"), "a DNS label", is_dns_label);
        }
        if !name.is_empty() && !names.insert(name) {
            let message = format!("expected each name once, found {name:?} again");
            findings.add(format!("{field}.name"), message);
        }
        let transport = found.protocol.as_deref().unwrap_or("TCP");
        if !numbers.insert((transport, found.port)) {
            let message = format!(
                "expected each port once, found {transport} {} again",
                found.port
            );
            findings.add(&field, message);
        }
        if let Some(IntOrString::String(name)) = &found.target_port {
            let field = format!("{field}.targetPort");
            findings.form(name, field, "a number or the name of a port", is_port_name);
        }
        if is_cluster_ip && found.node_port.is_some_and(|number| number != 0) {
            let message = "expected none for a Service of type ClusterIP";
            findings.add(format!("{field}.nodePort"), message);
        }
    }
}

/// Checks an EndpointSlice.
#[must_use]
pub fn endpoint_slice(from: &discovery::EndpointSlice) -> Vec<ObjectError> {
    let mut findings = Findings::default();
    metadata(
        &from.metadata,
        Scope::Namespaced,
        Name::Subdomain,
        &mut findings,
    );
    let family = from.address_type.as_str();
    findings.one_of(family, &["IPv4", "IPv6", "FQDN"], "addressType");
    if from.endpoints.iter().flatten().count() > ENDPOINTS_MAX {
        findings.add("endpoints", format!("expected at most {ENDPOINTS_MAX}"));
    }
    for (index, found) in from.endpoints.iter().flatten().enumerate() {
        let field = format!("endpoints[{index}].addresses");
        let count = found.addresses.len();
        if !(1..=ADDRESSES_MAX).contains(&count) {
            let message = format!("expected 1 to {ADDRESSES_MAX} addresses, found {count}");
            findings.add(&field, message);
        }
        for (at, text) in found.addresses.iter().enumerate() {
            let field = format!("{field}[{at}]");
            match family {
                "FQDN" => findings.form(text, field, "a DNS name", is_subdomain),
                _ => backend_address(text, Some(family), field, &mut findings),
            }
        }
    }
    let mut names = BTreeSet::new();
    for (index, found) in from.ports.iter().flatten().enumerate() {
        let field = format!("ports[{index}]");
        let name = found.name.as_deref().unwrap_or_default();
        if !name.is_empty() {
            findings.form(name, format!("{field}.name"), "a DNS label", is_dns_label);
        }
        if !names.insert(name) {
            let message = format!("expected each name once, found {name:?} again");
            findings.add(format!("{field}.name"), message);
        }
        findings.check(protocol(
            found.protocol.as_deref(),
            format!("{field}.protocol"),
        ));
        if let Some(number) = found.port {
            findings.check(port(number, format!("{field}.port")));
        }
    }
    findings.into_errors()
}

/// An address that traffic can be sent to from elsewhere, of this family where one is given.
fn backend_address(text: &str, family: Option<&str>, field: String, findings: &mut Findings) {
    // What cannot be read at all is told wherever a Service or a slice is read.
    let Ok(address) = text.parse::<IpAddr>() else {
        return;
    };
    let found = if address.is_ipv4() { "IPv4" } else { "IPv6" };
    if let Some(family @ ("IPv4" | "IPv6")) = family
        && family != found
    {
        let message = format!("expected an {family} address as addressType says, found {text:?}");
        return findings.add(field, message);
    }
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.octets()[..3] == [224, 0, 0],
        IpAddr::V6(address) => {
            address.is_unicast_link_local() || address.segments()[0] & 0xff0f == 0xff02
        }
    };
    if address.is_unspecified() || address.is_loopback() || is_link_local {
        let message = format!("expected an address that others can reach, found {text:?}");
        findings.add(field, message);
    }
}
