//! `--pod-cidr`: where the pods of templates will have their addresses.

use crate::eval_text;

const MANIFESTS: &str = "
{kind: Deployment, apiVersion: apps/v1, metadata: {name: web, namespace: shop}, spec: {selector: {matchLabels: {app: web}}, \
 template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: example.org/web:1}]}}}}
---
{kind: StatefulSet, apiVersion: apps/v1, metadata: {name: db, namespace: shop}, spec: {selector: {matchLabels: {app: db}}, \
 template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, image: example.org/db:1}]}}}}
---
{kind: NetworkPolicy, apiVersion: networking.k8s.io/v1, metadata: {name: internet-only, namespace: shop}, \
 spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], \
 egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}]}}
";

#[test]
fn address_blocks_are_decided_for_templates_where_their_range_is_known() {
    for (ranges, code, words) in [
        (&[][..], 3, "A pod has no address in the manifests"),
        (&["10.244.0.0/16"], 1, "DENIED"),
        (&["192.168.0.0/16"], 0, "ALLOWED"),
        // Half of it is excepted.
        (&["8.0.0.0/6"], 3, "UNKNOWN"),
        (&["10.244.0.0/16,fd00::/48"], 1, "DENIED"),
        (&["192.168.0.0/16", "fd00::/48"], 3, "UNKNOWN"),
    ] {
        let mut arguments = vec!["--from", "shop/web[Deployment]"];
        arguments.extend(["--to", "shop/db[StatefulSet]", "--port", "5432"]);
        for range in ranges {
            arguments.extend(["--pod-cidr", range]);
        }
        let ended = eval_text(MANIFESTS, &arguments);
        assert_eq!(ended.code, Some(code), "{ranges:?} {ended:?}");
        assert!(ended.stdout.contains(words), "{ranges:?} {ended:?}");
    }
}

#[test]
fn a_range_that_is_none_is_named() {
    let asked = [
        "--from",
        "10.0.0.1",
        "--to",
        "10.0.0.2",
        "--pod-cidr",
        "10.0.0.0/33",
    ];
    let ended = eval_text(MANIFESTS, &asked);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("--pod-cidr"), "{ended:?}");
    assert!(ended.stderr.contains("10.0.0.0/33"), "{ended:?}");
}
