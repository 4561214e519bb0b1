//! Where manifests come from, and what is said of those that cannot be used.

use std::fs;
use std::path::Path;

use crate::{Ended, eval, eval_text, flows, run};

const ASKED: [&str; 6] = ["--from", "203.0.113.7", "--to", "prod/web", "--port", "80"];

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: prod, labels: {app: web}}\n\
                   spec: {containers: [{name: web, image: web}]}\n";

const POLICY: &str = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
                      metadata: {name: web, namespace: prod}\nspec: {podSelector: {}}\n";

fn eval_paths(directory: &Path, paths: &[&str], more: &[&str], stdin: &str) -> Ended {
    let mut command = flows(&["eval", "--manifests"]);
    let command = command.args(paths).args(more).current_dir(directory);
    run(command, stdin.as_bytes())
}

#[test]
fn files_directories_and_standard_input_make_one_world() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::create_dir_all(root.join("apps/deep")).unwrap();
    fs::write(root.join("apps/deep/pod.yml"), POD).unwrap();
    fs::write(root.join("apps/notes.txt"), "no manifest").unwrap();
    fs::write(root.join("apps/.hidden.yaml"), "nonsense: [").unwrap();
    fs::write(root.join("policy"), POLICY).unwrap();
    for (paths, stdin, code) in [
        (&["apps"][..], "", 0),
        (&["apps", "policy"], "", 1),
        (&["apps", "--manifests", "policy"], "", 1),
        (&["apps", "-"], POLICY, 1),
        (&["-"], &format!("{POD}---\n{POLICY}"), 1),
    ] {
        let ended = eval_paths(root, paths, &ASKED, stdin);
        assert_eq!(
            (ended.code, ended.stderr.as_str()),
            (Some(code), ""),
            "{paths:?}"
        );
    }
}

#[test]
fn lists_of_json_are_their_items() {
    let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"prod"}}"#;
    let list = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{pod}]}}"#);
    let ended = eval_text(&list, &ASKED);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[cfg(unix)]
#[test]
fn links_that_lead_back_end_and_nothing_is_read_twice() {
    use std::os::unix::fs::symlink;

    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::create_dir(root.join("apps")).unwrap();
    fs::write(root.join("apps/pod.yaml"), POD).unwrap();
    symlink("..", root.join("apps/back")).unwrap();
    symlink("pod.yaml", root.join("apps/same.yaml")).unwrap();
    symlink("nowhere", root.join("apps/gone.yaml")).unwrap();
    let ended = eval_paths(root, &["apps", "apps/pod.yaml", "."], &ASKED, "");
    let gone = "error: apps/gone.yaml: cannot be read: No such file or directory (os error 2)\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), gone));
}

#[test]
fn what_cannot_be_used_is_told_and_stops_only_the_strict() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let broken = POLICY.replace(
        "podSelector: {}",
        "podSelector: {}, ingress: [{ports: [{port: 0}]}]",
    );
    let foreign = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: c, namespace: prod}\n";
    let unrelated = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";
    fs::write(
        root.join("a.yaml"),
        format!("{POD}---\n{broken}---\na: [\n---\n{foreign}---\n{unrelated}"),
    )
    .unwrap();
    fs::write(root.join("b.yaml"), POD).unwrap();
    fs::write(root.join("c.yaml"), b"\xff").unwrap();
    let ended = eval_paths(root, &["."], &ASKED, "");
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(
        lines[0],
        "error: ./c.yaml: cannot be read: is no UTF-8 text"
    );
    assert_eq!(
        lines[1],
        "error: ./a.yaml: document 2: NetworkPolicy prod/web: spec.ingress[0].ports[0].port: \
         expected a port from 1 to 65535, found 0"
    );
    assert!(
        lines[2].starts_with("error: ./a.yaml: document 3: "),
        "{}",
        lines[2]
    );
    assert_eq!(
        lines[4],
        "error: ./b.yaml: Pod prod/web stands in ./a.yaml too; this one counts"
    );
    assert_eq!(
        lines[3],
        "warning: ./a.yaml: document 4: CiliumNetworkPolicy prod/c (cilium.io/v2): not evaluated"
    );
    assert_eq!(lines[5], "note: not about traffic: 1 ConfigMap");
    assert_eq!((lines.len(), ended.code), (6, Some(0)));

    let strict = [&ASKED[..], &["--strict"]].concat();
    let ended = eval_paths(root, &["."], &strict, "");
    let last = "flows: --strict: 4 errors in the manifests, nothing was evaluated";
    assert_eq!(ended.stderr.lines().last(), Some(last));
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
}

#[test]
fn a_path_that_is_not_there_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let ended = eval_paths(directory.path(), &["nowhere"], &ASKED, "");
    let message = "flows: --manifests nowhere: No such file or directory (os error 2)\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), message));
    let ended = eval_paths(directory.path(), &["-"], &["--requests", "-"], "");
    let message = "flows: --manifests and --requests cannot both be standard input\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), message));
}

#[test]
fn domain_names_count_where_they_are_known() {
    let directory = tempfile::tempdir().unwrap();
    let hosts = directory.path().join("hosts");
    fs::write(
        &hosts,
        "192.0.2.1 www.example.org\n192.0.2.2 example.org # the apex\n",
    )
    .unwrap();
    let names = ["--names", hosts.to_str().unwrap()];
    for (address, names, by, code) in [
        ("192.0.2.1", &names[..], "policy", 0),
        ("192.0.2.2", &names[..], "default", 0),
    ] {
        let asked = [
            "--from",
            "prod/db-0",
            "--to",
            address,
            "--port",
            "443",
            "-o",
            "json",
        ];
        let ended = eval(&[&asked, names].concat(), b"");
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(code), ""));
        let answer: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(answer["egress"]["decided_by"], by, "{answer}");
    }
    let asked = [
        "--from",
        "prod/db-0",
        "--to",
        "192.0.2.1",
        "--names",
        "/nowhere",
    ];
    let ended = eval(&asked, b"");
    let message = "flows: --names /nowhere: No such file or directory (os error 2)\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), message));
}

#[test]
fn the_dialect_decides_about_blocks_and_pods() {
    let web = "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: prod}, status: {podIPs: [{ip: 10.1.0.1}]}}";
    let db = "{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: prod}, status: {podIPs: [{ip: 10.1.0.2}]}}";
    let policy = POLICY.replace(
        "podSelector: {}",
        "podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/16}}]}]",
    );
    let manifests = format!("{web}\n---\n{db}\n---\n{policy}");
    let asked = ["--from", "prod/web", "--to", "prod/db", "--port", "80"];
    for (dialect, code) in [("specification", 0), ("cilium", 1)] {
        let ended = eval_text(&manifests, &[&asked[..], &["--dialect", dialect]].concat());
        assert_eq!(ended.code, Some(code), "{dialect}: {ended:?}");
    }
}

#[test]
fn what_is_odd_in_all_manifests_together_is_told_and_answered_all_the_same() {
    let tiered = |name: &str, action: &str| {
        format!(
            "{{kind: ClusterNetworkPolicy, apiVersion: policy.networking.k8s.io/v1alpha2, metadata: {{name: {name}}}, \
             spec: {{tier: Admin, priority: 7, subject: {{namespaces: {{}}}}, \
             ingress: [{{action: {action}, from: [{{namespaces: {{}}}}]}}]}}}}\n---\n"
        )
    };
    let manifests = tiered("one", "Accept") + &tiered("two", "Deny");
    let ended = eval_text(&manifests, &["--from", "192.0.2.1", "--to", "192.0.2.2"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert!(
        lines.iter().any(|line| line
            .starts_with("warning: <stdin>: document 2: ClusterNetworkPolicy two: ")
            && line.contains("priority")),
        "{ended:?}"
    );
}
