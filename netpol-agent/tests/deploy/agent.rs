//! The agents' DaemonSet.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use k8s_openapi::api::core::v1::{Container, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use netpol_agent::config::{Config, DEFAULT_SOCKET};
use netpol_testkit::artifact;
use netpol_transport::serving::Authorization;
use serde_json::Value;

use crate::manifests::{self, BASE, CLUSTER, METRICS, agent_pod, container, object};
use crate::settings::{self, probed};

fn agent(objects: &[Value]) -> Container {
    container(&agent_pod(objects)).clone()
}

fn config(objects: &[Value]) -> Config {
    settings::of(&agent(objects))
}

#[test]
fn variables_exist_and_probes_ask_where_the_agent_listens() {
    if !manifests::can_render() {
        return;
    }
    let base = manifests::rendered(BASE);
    let container = agent(&base);
    let config = config(&base);
    assert_eq!(config.node.as_deref(), Some("node-1"));
    let listen = config.http_listen.unwrap();
    assert!(listen.ip().is_loopback());
    let port = i32::from(listen.port());
    for probe in [
        &container.startup_probe,
        &container.readiness_probe,
        &container.liveness_probe,
    ] {
        assert_eq!(probed(&container, probe.as_ref(), "/healthz"), port);
        let get = probe.as_ref().unwrap().http_get.as_ref().unwrap();
        assert_eq!(get.host.as_deref(), Some("127.0.0.1"));
    }
    let policy: NetworkPolicy = object(&base, "NetworkPolicy", "netpol-agent");
    let ingress = policy.spec.unwrap().ingress.unwrap();
    let admitted = &ingress[0].ports.as_ref().unwrap()[0];
    assert_eq!(admitted.port, Some(IntOrString::Int(port)));
}

#[test]
fn metrics_move_to_the_address_of_the_node_and_change_nothing_else() {
    if !manifests::can_render() {
        return;
    }
    let [base, metrics] = [BASE, METRICS].map(manifests::rendered);
    let port = config(&base).http_listen.unwrap().port();
    let moved = config(&metrics).http_listen;
    assert_eq!(moved, Some(SocketAddr::from(([192, 0, 2, 1], port))));
    let container = agent(&metrics);
    assert_eq!(settings::port(&container, "metrics"), i32::from(port));
    let probe = container.readiness_probe.unwrap().http_get.unwrap();
    // The pod's address, which is the node's.
    assert_eq!(
        (probe.host, probe.port),
        (None, IntOrString::Int(port.into()))
    );
    assert_eq!(container.security_context, agent(&base).security_context);
}

#[test]
fn the_cluster_has_agents_that_serve_flows_by_tls_alone() {
    if !manifests::can_render() {
        return;
    }
    let base = config(&manifests::rendered(BASE));
    assert_eq!(base.serving.listen, None);
    let cluster = manifests::rendered(CLUSTER);
    let serving = config(&cluster).serving;
    let listen = serving.listen.unwrap();
    // A port-forward ends at loopback.
    assert!(listen.ip().is_unspecified(), "{listen}");
    assert!(!serving.plaintext && serving.tls_cert.is_some() && serving.tls_client_ca.is_some());
    assert_eq!(serving.authorization, Authorization::Kubernetes);
    let service: Service = object(&cluster, "Service", "netpol-agent");
    let port = service.spec.unwrap().ports.unwrap().remove(0);
    assert_eq!(port.port, i32::from(listen.port()));
    assert_eq!(
        port.target_port,
        Some(IntOrString::String("flows".to_owned()))
    );
    assert_eq!(
        settings::port(&agent(&cluster), "flows"),
        i32::from(listen.port())
    );
}

#[test]
fn the_container_has_the_capabilities_that_are_documented_and_of_the_node_its_history_alone() {
    if !manifests::can_render() {
        return;
    }
    let cluster = manifests::rendered(CLUSTER);
    let pod = agent_pod(&cluster);
    assert_eq!(pod.host_network, Some(true));
    assert_eq!((pod.host_pid, pod.host_ipc), (None, None));
    let container = container(&pod);
    let context = container.security_context.clone().unwrap();
    assert_eq!(context.privileged, Some(false));
    assert_eq!(context.allow_privilege_escalation, Some(false));
    assert_eq!(context.read_only_root_filesystem, Some(true));
    assert_eq!(context.seccomp_profile.unwrap().type_, "RuntimeDefault");
    let capabilities = context.capabilities.unwrap();
    assert_eq!(capabilities.drop.unwrap(), ["ALL"]);
    let added: BTreeSet<String> = capabilities.add.unwrap().into_iter().collect();
    let page = manifests::read(&artifact::workspace().join("docs/security.md"));
    let rows = page.lines().filter_map(|line| line.strip_prefix("| CAP_"));
    let documented: BTreeSet<String> = rows
        .filter(|row| !row.contains("`--self-test` only"))
        .map(|row| row.split([' ', ',']).next().unwrap().to_owned())
        .collect();
    assert_eq!(added, documented);

    let volumes = pod.volumes.clone().unwrap();
    let config = config(&cluster);
    let history = config.history.history.unwrap();
    let of_node: Vec<&str> = volumes
        .iter()
        .filter(|volume| volume.empty_dir.is_none() && volume.secret.is_none())
        .map(|volume| volume.host_path.as_ref().unwrap().path.as_str())
        .collect();
    assert_eq!(of_node, [history.to_str().unwrap()]);
    let mounts = container.volume_mounts.clone().unwrap();
    let written: Vec<&str> = mounts
        .iter()
        .filter(|mount| mount.read_only != Some(true))
        .map(|mount| mount.mount_path.as_str())
        .collect();
    let socket = Path::new(DEFAULT_SOCKET).parent().unwrap();
    assert_eq!(
        written,
        [socket.to_str().unwrap(), history.to_str().unwrap()]
    );
}
