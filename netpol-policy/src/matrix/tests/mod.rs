//! Matrices of small worlds, and the property that no cell says anything but what evaluation says.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod properties;

use super::*;
use crate::inventory::Inventory;
use crate::manifest;

/// Two workloads and a pod on its own, in two namespaces; a hostNetwork pod and a finished one.
const WORLD: &str = "
{kind: Node, apiVersion: v1, metadata: {name: n1}, spec: {podCIDRs: [10.1.0.0/24]}, status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}}
---
kind: Pod
apiVersion: v1
metadata: {name: web-1, namespace: prod, labels: {app: web, pod: '1'}, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u, controller: true}]}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
status: {podIPs: [{ip: 10.1.0.5}]}
---
kind: Pod
apiVersion: v1
metadata: {name: web-2, namespace: prod, labels: {app: web, pod: '2'}, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u, controller: true}]}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
status: {podIPs: [{ip: 10.1.0.6}]}
---
{kind: Pod, apiVersion: v1, metadata: {name: shell, namespace: ci, labels: {app: shell}}, spec: {containers: []}, status: {podIPs: [{ip: 10.1.0.7}]}}
---
{kind: Pod, apiVersion: v1, metadata: {name: host, namespace: prod}, spec: {nodeName: n1, hostNetwork: true, containers: []}, status: {podIPs: [{ip: 192.168.0.1}]}}
---
{kind: Pod, apiVersion: v1, metadata: {name: done, namespace: ci}, spec: {containers: []}, status: {phase: Succeeded, podIPs: [{ip: 10.1.0.9}]}}
";

fn world(specs: &[&str]) -> Inventory {
    let mut text = WORLD.to_owned();
    for (index, spec) in specs.iter().enumerate() {
        text.push_str(&format!(
            "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p{index}, namespace: prod}}, spec: {spec}}}\n"
        ));
    }
    let read = manifest::parse(&text);
    assert_eq!(read.errors, []);
    Inventory::new(read.objects)
}

fn of(specs: &[&str]) -> Matrix {
    Matrix::new(&world(specs), &Scope::default(), |_| ())
}

/// `from -> to: allowed`, with who denies and what is not decidable, a pair a line.
fn lines(matrix: &Matrix) -> Vec<String> {
    let line = |(from, to, cell): (&Party, &Party, &Cell)| {
        let mut line = format!("{from} -> {to}: {}", cell.allowed);
        if !cell.undecided.is_empty() {
            line.push_str(&format!(", perhaps {}", cell.undecided));
        }
        if let Some(denier) = cell.denier() {
            line.push_str(&format!(", denied by {}", denier.as_str()));
        }
        for caveat in &cell.caveats {
            line.push_str(&format!(", {}", caveat.as_str()));
        }
        line
    };
    matrix.pairs().map(line).collect()
}

#[test]
fn without_policies_everybody_reaches_everybody() {
    let matrix = of(&[]);
    assert_eq!(
        lines(&matrix),
        [
            "ci/shell -> ci/shell: all",
            "ci/shell -> prod/web[StatefulSet]: all",
            "ci/shell -> outside: all",
            "prod/web[StatefulSet] -> ci/shell: all",
            "prod/web[StatefulSet] -> prod/web[StatefulSet]: all",
            "prod/web[StatefulSet] -> outside: all",
            "outside -> ci/shell: all",
            "outside -> prod/web[StatefulSet]: all",
        ]
    );
    let expected = Omitted {
        host_network_pods: 1,
        finished_pods: 1,
        ..Omitted::default()
    };
    assert_eq!(matrix.omitted, expected);
    assert_eq!(matrix.cell(2, 2), None, "outside to outside");
}

#[test]
fn a_denial_names_the_side_that_denies() {
    let both = of(&["{podSelector: {}, policyTypes: [Ingress, Egress]}"]);
    let lines = lines(&both);
    for line in [
        "ci/shell -> prod/web[StatefulSet]: none, denied by ingress",
        "prod/web[StatefulSet] -> ci/shell: none, denied by egress",
        // Another pod of the same workload, not the pod itself.
        "prod/web[StatefulSet] -> prod/web[StatefulSet]: none, denied by both",
        "prod/web[StatefulSet] -> outside: none, denied by egress",
    ] {
        assert!(lines.contains(&line.to_owned()), "{line} in {lines:#?}");
    }
}

#[test]
fn rule_19_a_pod_on_its_own_reaches_itself() {
    let text = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: ci}, spec: {podSelector: {}, policyTypes: [Ingress, Egress]}}";
    let read = manifest::parse(&format!("{WORLD}---\n{text}"));
    let matrix = Matrix::new(&Inventory::new(read.objects), &Scope::default(), |_| ());
    let lines = lines(&matrix);
    assert!(
        lines.contains(&"ci/shell -> ci/shell: all".to_owned()),
        "{lines:#?}"
    );
}

#[test]
fn ports_fold_to_ranges_and_names_resolve_at_the_destination() {
    let matrix = of(&["{podSelector: {}, ingress: [{ports: [{port: http}, {port: 8081, endPort: 8090}, {port: 53, protocol: UDP}]},
                       {from: [{namespaceSelector: {}}], ports: [{port: 80}, {protocol: SCTP}]}]}"]);
    let lines = lines(&matrix);
    for line in [
        "ci/shell -> prod/web[StatefulSet]: TCP 80,8080-8090 UDP 53 SCTP all, denied by ingress",
        "outside -> prod/web[StatefulSet]: TCP 8080-8090 UDP 53, denied by ingress",
    ] {
        assert!(lines.contains(&line.to_owned()), "{line} in {lines:#?}");
    }
}

#[test]
fn each_side_may_deny_its_part() {
    let matrix = of(&[
        "{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{ports: [{port: 80}]}], egress: [{ports: [{port: 443}]}]}",
    ]);
    let lines = lines(&matrix);
    let line = "prod/web[StatefulSet] -> prod/web[StatefulSet]: none, denied by both";
    assert!(lines.contains(&line.to_owned()), "{lines:#?}");
}

#[test]
fn only_labels_that_policies_ask_for_tell_pods_apart() {
    let matrix = of(&["{podSelector: {matchLabels: {pod: '1'}}, policyTypes: [Ingress]}"]);
    let rows: Vec<String> = matrix.rows.iter().map(Party::to_string).collect();
    assert_eq!(
        rows,
        [
            "ci/shell",
            "prod/web[StatefulSet]{pod=1}",
            "prod/web[StatefulSet]{pod=2}",
            "outside"
        ]
    );
}

#[test]
fn blocks_stand_for_what_no_smaller_block_holds() {
    let matrix = of(&["{podSelector: {}, ingress: [
        {from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.2.0.0/16]}}]},
        {from: [{ipBlock: {cidr: 203.0.113.0/24}}], ports: [{port: 80}]}]}"]);
    let of_outside = |line: &String| line.contains("-> prod/web") && !line.contains("ci/shell");
    let lines: Vec<String> = lines(&matrix).into_iter().filter(of_outside).collect();
    assert_eq!(
        lines,
        [
            "prod/web[StatefulSet] -> prod/web[StatefulSet]: all, ip-block-matches-pod",
            // 10.2.0.0/16 is told what the rest of the world is told.
            "rest of outside, 10.2.0.0/16 -> prod/web[StatefulSet]: none, denied by ingress",
            "rest of 10.0.0.0/8 -> prod/web[StatefulSet]: all",
            "203.0.113.0/24 -> prod/web[StatefulSet]: TCP 80, denied by ingress",
        ]
    );
}

#[test]
fn blocks_of_the_cluster_alone_are_not_outside() {
    let matrix = of(&[
        "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/24}}]}, {from: [{ipBlock: {cidr: 192.168.0.1/32}}]}]}",
    ]);
    let blocks: Vec<String> = matrix
        .omitted
        .inner_blocks
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(blocks, ["10.1.0.0/24", "192.168.0.1/32"]);
}

#[test]
fn rule_17_pods_that_an_address_block_tells_apart_are_not_guessed() {
    let matrix = of(&[
        "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.1.0.5/32}}], ports: [{port: 80}]}]}",
    ]);
    let lines = lines(&matrix);
    // One pod of the workload has that address, another has not.
    let line = "prod/web[StatefulSet] -> prod/web[StatefulSet]: none, perhaps TCP 80, denied by egress, ip-block-matches-pod, pods-differ";
    assert!(lines.contains(&line.to_owned()), "{lines:#?}");
}

#[test]
fn a_scope_narrows_ports_and_parties() {
    let scope = Scope {
        namespaces: vec!["prod".to_owned()],
        to: vec!["prod/w*".parse().unwrap()],
        protocols: vec![crate::model::Protocol::Tcp],
        ports: 80..=80,
        ..Scope::default()
    };
    let world = world(&["{podSelector: {}, ingress: [{ports: [{port: 80, endPort: 90}]}]}"]);
    let mut heard = Vec::new();
    let matrix = Matrix::new(&world, &scope, |progress| heard.push(progress));
    assert_eq!(
        lines(&matrix),
        [
            "prod/web[StatefulSet] -> prod/web[StatefulSet]: TCP 80",
            "outside -> prod/web[StatefulSet]: TCP 80",
        ]
    );
    assert_eq!(matrix.omitted.not_asked, 1);
    assert_eq!(heard.last(), Some(&Progress { done: 3, total: 3 }));
    let (_, _, cell) = matrix.pairs().next().unwrap();
    assert_eq!(cell.access(), Access::All);
}

#[test]
fn the_outside_world_is_not_asked_about_itself() {
    let scope = Scope {
        from: vec!["outside".parse().unwrap()],
        ..Scope::default()
    };
    let matrix = Matrix::new(&world(&[]), &scope, |_| ());
    assert_eq!(
        lines(&matrix),
        [
            "outside -> ci/shell: all",
            "outside -> prod/web[StatefulSet]: all"
        ]
    );
    assert_eq!(matrix.columns.len(), 2);
}

/// What a cluster of these objects shows as rows.
fn rows(text: &str) -> Vec<String> {
    let read = manifest::parse(text);
    assert_eq!(read.errors, []);
    let matrix = Matrix::new(&Inventory::new(read.objects), &Scope::default(), |_| ());
    matrix.rows.iter().map(Party::to_string).collect()
}

const DEPLOYMENT: &str = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: []}}}}";

#[test]
fn a_template_stands_for_its_pods_until_there_are_some() {
    assert_eq!(rows(DEPLOYMENT), ["default/web[Deployment]", "outside"]);
    let set = "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-5d4f, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: u, controller: true}]}, spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: []}}}}";
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web-5d4f-x, labels: {app: web, pod-template-hash: 5d4f}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5d4f, uid: u, controller: true}]}, spec: {containers: []}}";
    // The set that the Deployment made is no workload of its own, with or without pods.
    for world in [
        format!("{DEPLOYMENT}\n---\n{set}"),
        format!("{DEPLOYMENT}\n---\n{set}\n---\n{pod}"),
        format!("{set}\n---\n{pod}"),
        pod.to_owned(),
    ] {
        assert_eq!(
            rows(&world),
            ["default/web[Deployment]", "outside"],
            "{world}"
        );
    }
}

#[test]
fn a_job_is_its_cron_job_where_the_manifests_say_so() {
    let job = "{apiVersion: batch/v1, kind: Job, metadata: {name: backup-1, ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: backup, uid: u, controller: true}]}, spec: {template: {spec: {containers: []}}}}";
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: backup-1-x, ownerReferences: [{apiVersion: batch/v1, kind: Job, name: backup-1, uid: u, controller: true}]}, spec: {containers: []}}";
    let world = format!("{job}\n---\n{pod}");
    assert_eq!(rows(&world), ["default/backup[CronJob]", "outside"]);
    assert_eq!(rows(pod), ["default/backup-1[Job]", "outside"]);
}
