//! Ports, domain names, and the one baseline policy.

use std::collections::HashMap;
use std::net::IpAddr;

use netpol_policy::evaluate::evaluate;
use netpol_policy::manifest;
use netpol_policy::model::Protocol::{Sctp, Tcp, Udp};
use netpol_policy::verdict::{Caveat, Decision};

use super::{FROM_CI, SHOP, TO_EVERYWHERE, world};
use crate::support::cluster::Cluster;
use Decision::{Allowed, Denied, Unknown};

#[test]
fn rule_34_ports_stand_for_a_protocol_each() {
    let deny = |list: &str| format!("ingress: [{{action: Deny, {FROM_CI}, {list}}}]");
    let older = |ports: &str| world().older_admin("older", 1, &deny(&format!("ports: [{ports}]")));
    let newer = |ports: &str| world().admin("newer", 1, &deny(&format!("protocols: [{ports}]")));
    let cases = [
        // TCP where the older version says nothing.
        (
            older("{portNumber: {port: 53}}"),
            [Denied, Allowed, Allowed],
        ),
        (
            older("{portNumber: {port: 53, protocol: UDP}}"),
            [Allowed, Denied, Allowed],
        ),
        (
            older("{portRange: {start: 50, end: 53}}"),
            [Denied, Allowed, Allowed],
        ),
        (
            newer("{udp: {destinationPort: {number: 53}}}"),
            [Allowed, Denied, Allowed],
        ),
        (
            newer("{sctp: {destinationPort: {range: {start: 53, end: 54}}}}"),
            [Allowed, Allowed, Denied],
        ),
        (
            newer(
                "{tcp: {destinationPort: {number: 53}}}, {sctp: {destinationPort: {number: 53}}}",
            ),
            [Denied, Allowed, Denied],
        ),
        // The protocol is that of the port with the name.
        (older("{namedPort: dns}"), [Allowed, Denied, Allowed]),
        (
            newer("{destinationNamedPort: dns}"),
            [Allowed, Denied, Allowed],
        ),
        (
            newer("{destinationNamedPort: sql}"),
            [Allowed, Allowed, Allowed],
        ),
    ];
    for (index, (cluster, expected)) in cases.iter().enumerate() {
        let found = [Tcp, Udp, Sctp].map(|protocol| cluster.build_to_db(protocol, 53).decision);
        assert_eq!(found, *expected, "case {index}");
    }
}

#[test]
fn rule_34_a_range_starts_below_its_end() {
    for (start, end, is_valid) in [(80, 81, true), (80, 80, false), (81, 80, false)] {
        for (head, list) in [
            (
                "apiVersion: policy.networking.k8s.io/v1alpha1, kind: AdminNetworkPolicy",
                format!(
                    "priority: 1, {SHOP}, ingress: [{{action: Deny, {FROM_CI}, ports: [{{portRange: {{start: {start}, end: {end}}}}}]}}]"
                ),
            ),
            (
                "apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy",
                format!(
                    "tier: Admin, priority: 1, {SHOP}, ingress: [{{action: Deny, {FROM_CI}, protocols: [{{tcp: {{destinationPort: {{range: {{start: {start}, end: {end}}}}}}}}}]}}]"
                ),
            ),
        ] {
            let read = manifest::parse(&format!(
                "{{{head}, metadata: {{name: p}}, spec: {{{list}}}}}"
            ));
            assert_eq!(read.errors.is_empty(), is_valid, "{start} {end} {head}");
        }
    }
}

#[test]
fn rule_35_domain_names_are_those_that_the_address_is_known_to_have() {
    let accept = "egress: [{action: Accept, to: [{domainNames: ['*.example.com', 'example.org']}]}";
    let only = world().admin(
        "out",
        1,
        &format!("{accept}, {{action: Deny, {TO_EVERYWHERE}}}]"),
    );
    let outside: IpAddr = "203.0.113.9".parse().unwrap();
    let ask = |cluster: &Cluster, names: Option<&[&str]>| {
        let mut known = HashMap::new();
        if let Some(names) = names {
            let names = names.iter().map(|name| (*name).into()).collect();
            known.insert(outside, names);
        }
        let inventory = cluster.inventory().clone().with_names(known);
        evaluate(
            &inventory,
            &cluster.connection("shop/web", "outside", Tcp, 443),
        )
    };
    for (names, decision) in [
        (&["api.example.com"][..], Allowed),
        (&["a.b.example.com"], Allowed),
        (&["example.com"], Denied),
        (&["example.org"], Allowed),
        (&["www.example.org"], Denied),
        (&["example.net", "API.Example.com."], Allowed),
        (&[], Denied),
    ] {
        let verdict = ask(&only, Some(names));
        assert_eq!(
            (verdict.decision(), verdict.caveats),
            (decision, vec![]),
            "{names:?}"
        );
    }
    let verdict = ask(&only, None);
    assert_eq!(
        (verdict.decision(), verdict.caveats),
        (Unknown, vec![Caveat::DomainNamesUnknown])
    );
    // Where nothing denies the rest, the names do not matter.
    let open = world().admin("out", 1, &format!("{accept}]"));
    assert_eq!(ask(&open, None).decision(), Allowed);
    // A pod has no domain name here.
    assert_eq!(only.web_to("ci/build", Tcp, 443).decision, Denied);
}

#[test]
fn rule_35_domain_names_are_for_accept_on_egress() {
    for (rules, is_valid) in [
        (
            "egress: [{action: Accept, to: [{domainNames: [example.org]}]}]",
            true,
        ),
        (
            "egress: [{action: Deny, to: [{domainNames: [example.org]}]}]",
            false,
        ),
        (
            "egress: [{action: Pass, to: [{domainNames: [example.org]}]}]",
            false,
        ),
    ] {
        let read = manifest::parse(&format!(
            "{{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {{name: p}}, spec: {{tier: Admin, priority: 1, {SHOP}, {rules}}}}}"
        ));
        assert_eq!(read.errors.is_empty(), is_valid, "{rules}");
    }
}

#[test]
fn rule_38_the_baseline_policy_of_the_first_version_is_named_default() {
    let text = |name: &str| {
        format!(
            "{{apiVersion: policy.networking.k8s.io/v1alpha1, kind: BaselineAdminNetworkPolicy, metadata: {{name: {name}}}, spec: {{{SHOP}, ingress: [{{action: Deny, {FROM_CI}}}]}}}}"
        )
    };
    let read = manifest::parse(&text("other"));
    assert_eq!(read.objects, []);
    assert_eq!(read.errors[0].field, "metadata.name");
    let cluster = world().cluster_policy("default", &text("default"));
    assert_eq!(cluster.build_to_db(Tcp, 1).decision, Denied);
}
