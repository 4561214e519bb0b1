//! kubectl applies everything to an API server, and helm looks at one. It is the tests' own: it stores what it is sent and
//! looks at kinds and names alone, so this shows that every object has a place to go to, and in which order; fields are
//! [`crate::schema`]'s.

use std::path::PathBuf;
use std::process::Command;

use netpol_testkit::api_server::{Certificate, custom_resource_definition};
use netpol_testkit::{ApiServer, artifact, command};
use serde_json::Value;

use crate::chart::{self, CHART};
use crate::manifests::{self, CERT_MANAGER, CLUSTER};

struct Cluster {
    server: ApiServer,
    place: tempfile::TempDir,
}

impl Cluster {
    fn start() -> Self {
        // In plain text kubectl shows no token.
        let server = ApiServer::builder().tls(Certificate::Valid).start();
        let cluster = Self {
            server: server.unwrap(),
            place: tempfile::tempdir().unwrap(),
        };
        cluster.server.kubeconfig(&cluster.kubeconfig()).unwrap();
        std::fs::write(cluster.releases(), "[]").unwrap();
        cluster
    }

    fn kubeconfig(&self) -> PathBuf {
        self.place.path().join("kubeconfig")
    }

    fn releases(&self) -> PathBuf {
        self.place.path().join("releases")
    }

    /// Runs a program against this cluster, with its caches out of anybody's way.
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let mut tool = Command::new(command::find(program).unwrap());
        tool.args(arguments)
            .env("KUBECONFIG", self.kubeconfig())
            .env("HOME", self.place.path())
            // Releases are stored by protobuf, which the server does not read. None is installed here.
            .env("HELM_DRIVER", "memory")
            .env("HELM_MEMORY_DRIVER_DATA", self.releases())
            .current_dir(artifact::workspace());
        command::output(&mut tool).unwrap()
    }

    /// Applies a directory or file of `deploy/kubernetes`. The server has no schema to validate by.
    fn apply(&self, more: &[&str]) -> Vec<String> {
        let arguments = [&["apply", "--validate=false"], more].concat();
        let out = self.run("kubectl", &arguments);
        out.lines().map(str::to_owned).collect()
    }
}

#[test]
fn kubectl_applies_the_cluster() {
    if !manifests::can_render() {
        return;
    }
    let cluster = Cluster::start();
    let overlay = format!("deploy/kubernetes/{CLUSTER}");
    let objects = manifests::rendered(CLUSTER).len();

    let tried = cluster.apply(&["--dry-run=client", "-k", &overlay]);
    assert_eq!(tried.len(), objects);
    assert!(
        tried
            .iter()
            .all(|line| line.ends_with(" created (dry run)"))
    );
    assert!(cluster.server.objects("namespaces").is_empty());

    let created = cluster.apply(&["-k", &overlay]);
    assert_eq!(created.len(), objects);
    assert!(created.iter().all(|line| line.ends_with(" created")));
    assert_eq!(cluster.server.objects("deployments.apps").len(), 1);

    // Nothing is created that an upgrade, the same overlay again, would stumble over.
    let again = cluster.apply(&["-k", &overlay]);
    assert_eq!(again.len(), objects);
    assert!(!again.iter().any(|line| line.ends_with(" created")));
}

#[test]
fn certificates_wait_for_cert_manager() {
    if !manifests::can_render() {
        return;
    }
    let cluster = Cluster::start();
    for (kind, plural) in [("Issuer", "issuers"), ("Certificate", "certificates")] {
        let definition =
            custom_resource_definition("cert-manager.io", "v1", plural, kind, "Namespaced");
        cluster.server.apply(definition).unwrap();
    }
    let overlay = format!("deploy/kubernetes/{CERT_MANAGER}");
    let created = cluster.apply(&["-k", &overlay]);
    assert_eq!(created.len(), manifests::rendered(CERT_MANAGER).len());
    let certificates = cluster.server.objects("certificates.cert-manager.io");
    assert_eq!(certificates.len(), 3);
}

fn data(objects: &[Value], kind: &str, name: &str) -> Value {
    manifests::object::<Value>(objects, kind, name)["data"].clone()
}

#[test]
fn certificates_that_helm_made_are_kept_when_it_upgrades() {
    if !chart::can_render() {
        return;
    }
    let cluster = Cluster::start();
    cluster.apply(&["-f", "deploy/kubernetes/base/namespace.yaml"]);
    // With a look at the cluster, as an installation or upgrade renders it.
    let render = || {
        let place = "--namespace=netpol";
        cluster.run(
            "helm",
            &["template", "netpol", CHART, place, "--dry-run=server"],
        )
    };
    let first = render();
    let file = cluster.place.path().join("first.yaml");
    std::fs::write(&file, &first).unwrap();
    cluster.apply(&["-f", file.to_str().unwrap()]);
    let [first, second] = [first, render()].map(|text| manifests::documents(&text));
    for (kind, name) in [
        ("Secret", "netpol-agent-tls"),
        ("Secret", "netpol-relay-tls"),
        ("ConfigMap", "netpol-ca"),
    ] {
        assert_eq!(
            data(&second, kind, name),
            data(&first, kind, name),
            "{name}"
        );
    }

    // One that is gone is made anew, and so are those that have to fit it.
    let gone = cluster
        .server
        .delete("Secret", "netpol", "netpol-relay-tls");
    gone.unwrap();
    let third = manifests::documents(&render());
    let authority = |objects: &[Value]| data(objects, "ConfigMap", "netpol-ca");
    assert_ne!(authority(&third), authority(&first));
}

#[test]
fn helm_says_where_the_namespace_admits_no_agent() {
    if !chart::can_render() {
        return;
    }
    let cluster = Cluster::start();
    let namespace = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"netpol","labels":{"team":"ops"}}}"#;
    let namespace: Value = serde_json::from_str(namespace).unwrap();
    cluster.server.apply(namespace).unwrap();
    let install = [
        "install",
        "netpol",
        CHART,
        "--namespace=netpol",
        "--dry-run=server",
        "--disable-openapi-validation",
    ];
    let notes = cluster.run("helm", &install);
    let advice = "kubectl label namespace netpol pod-security.kubernetes.io/enforce=privileged";
    assert!(notes.contains(advice), "{notes}");
}
