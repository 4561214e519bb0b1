//! Which pods of a workload are asked about.

use super::{Decision, ask, check, evaluate, inventory};

#[test]
fn a_workload_is_each_of_its_pods_that_policies_can_tell_apart() {
    let deployment = "prod/shop[Deployment] > prod/alone 10.1.0.3 :1";
    check(
        &inventory(""),
        &[
            // Of two that are alike one.
            (
                "prod/web[StatefulSet]",
                "prod/alone",
                "TCP 1",
                &["prod/web-0 10.1.0.1 > prod/alone 10.1.0.3 :1"],
            ),
            // A template that has no pods, and one that has some, through its ReplicaSet.
            (
                "prod/shop[Deployment]",
                "prod/alone",
                "TCP 1",
                &[deployment],
            ),
            (
                "prod/api[Deployment]",
                "prod/alone",
                "TCP 1",
                &["prod/api-5d4f-x 10.1.0.6 > prod/alone 10.1.0.3 :1"],
            ),
            (
                "prod/api-5d4f[replicaset]",
                "prod/alone",
                "TCP 1",
                &["prod/api-5d4f-x 10.1.0.6 > prod/alone 10.1.0.3 :1"],
            ),
            // What a workload of another kind controls.
            (
                "prod/report[CronJob]",
                "prod/alone",
                "TCP 1",
                &["prod/report-1[Job] > prod/alone 10.1.0.3 :1"],
            ),
            (
                "prod/web[StatefulSet]",
                "prod/api[Deployment]",
                "TCP 1",
                &["prod/web-0 10.1.0.1 > prod/api-5d4f-x 10.1.0.6 :1"],
            ),
        ],
    );
    check(
        &inventory(
            "{kind: NetworkPolicy, apiVersion: networking.k8s.io/v1, metadata: {name: p, namespace: prod}, spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.1.0.1/32}}]}]}}",
        ),
        &[(
            "prod/web[StatefulSet]",
            "prod/alone",
            "TCP 1",
            &[
                "prod/web-0 10.1.0.1 > prod/alone 10.1.0.3 :1",
                "prod/web-1 10.1.0.2 > prod/alone 10.1.0.3 :1",
            ],
        )],
    );
}

#[test]
fn beside_a_node_it_counts_whether_a_pod_is_on_that_node() {
    check(
        &inventory(""),
        &[
            (
                "node/n1",
                "prod/web[StatefulSet]",
                "TCP 1",
                &[
                    "node n1 192.168.0.1 > prod/web-0 10.1.0.1 :1",
                    "node n1 192.168.0.1 > prod/web-1 10.1.0.2 :1",
                ],
            ),
            (
                "prod/web[StatefulSet]",
                "prod/proxy",
                "TCP 1",
                &[
                    "prod/web-0 10.1.0.1 > prod/proxy 192.168.0.1 :1",
                    "prod/web-1 10.1.0.2 > prod/proxy 192.168.0.1 :1",
                ],
            ),
        ],
    );
}

#[test]
fn the_number_of_pods_does_not_multiply_questions() {
    let pods = ["many", "host"].into_iter().flat_map(|set| {
        (0..100).map(move |n| {
            let host = set == "host";
            format!(
                "{{apiVersion: v1, kind: Pod, metadata: {{name: {set}-{n}, namespace: prod, labels: {{app: {set}}}, \
                 ownerReferences: [{{apiVersion: apps/v1, kind: DaemonSet, name: {set}, uid: u, controller: true}}]}}, \
                 spec: {{nodeName: w{n}, hostNetwork: {host}, containers: []}}, \
                 status: {{podIPs: [{{ip: 10.{}.0.{n}}}]}}}}\n---\n",
                if host { 8 } else { 9 }
            )
        })
    });
    let inventory = inventory(&pods.collect::<String>());
    check(
        &inventory,
        &[
            (
                "prod/many[DaemonSet]",
                "prod/many[DaemonSet]",
                "TCP 1",
                &["prod/many-0 10.9.0.0 > prod/many-1 10.9.0.1 :1"],
            ),
            (
                "prod/many[DaemonSet]",
                "prod/host[DaemonSet]",
                "TCP 1",
                &[
                    "prod/many-0 10.9.0.0 > prod/host-0 10.8.0.0 :1",
                    "prod/many-0 10.9.0.0 > prod/host-1 10.8.0.1 :1",
                ],
            ),
            (
                "prod/host[DaemonSet]",
                "prod/host[DaemonSet]",
                "TCP 1",
                &["prod/host-0 10.8.0.0 > prod/host-1 10.8.0.1 :1"],
            ),
        ],
    );
}

#[test]
fn the_pods_of_a_workload_talk_to_each_other_and_not_to_themselves() {
    check(
        &inventory(""),
        &[
            (
                "prod/web[StatefulSet]",
                "prod/web[StatefulSet]",
                "TCP 1",
                &["prod/web-0 10.1.0.1 > prod/web-1 10.1.0.2 :1"],
            ),
            (
                "prod/web-0",
                "prod/web[StatefulSet]",
                "TCP 1",
                &["prod/web-0 10.1.0.1 > prod/web-1 10.1.0.2 :1"],
            ),
            (
                "prod/web[StatefulSet]",
                "prod/web-0",
                "TCP 1",
                &["prod/web-1 10.1.0.2 > prod/web-0 10.1.0.1 :1"],
            ),
            // The only one.
            (
                "prod/api[Deployment]",
                "prod/api[Deployment]",
                "TCP 1",
                &["prod/api-5d4f-x 10.1.0.6 > prod/api-5d4f-x 10.1.0.6 :1"],
            ),
        ],
    );
    // What stands for the pods of a template is not one of them.
    let inventory = inventory(
        "{kind: NetworkPolicy, apiVersion: networking.k8s.io/v1, metadata: {name: p, namespace: prod}, spec: {podSelector: {}}}",
    );
    let asked = ask(
        &inventory,
        "prod/shop[Deployment]",
        "prod/shop[Deployment]",
        "TCP 1",
    )
    .unwrap();
    assert_eq!(evaluate(&inventory, &asked[0]).decision(), Decision::Denied);
}
