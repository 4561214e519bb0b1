//! The relay's Deployment.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{PodSpec, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use netpol_relay::config::Config;
use netpol_relay::discovery::Origin;
use netpol_transport::serving::Authorization;

use crate::manifests::{self, CLUSTER, agent_pod, container, object, relay_pod};
use crate::settings::{self, port, probed};

#[test]
fn variables_exist_and_probes_ask_where_the_relay_listens() {
    if !manifests::can_render() {
        return;
    }
    let cluster = manifests::rendered(CLUSTER);
    let pod = relay_pod(&cluster);
    let container = container(&pod);
    let config: Config = settings::of(container);
    assert_eq!(config.agents.agents, Origin::Kubernetes);
    let http = i32::from(config.http_listen.unwrap().port());
    for (probe, path) in [
        (&container.startup_probe, "/healthz"),
        (&container.liveness_probe, "/healthz"),
        (&container.readiness_probe, "/readyz"),
    ] {
        assert_eq!(probed(container, probe.as_ref(), path), http);
    }
    let serving = &config.serving;
    let listen = i32::from(serving.listen.unwrap().port());
    assert_eq!(port(container, "flows"), listen);
    assert_eq!(serving.authorization, Authorization::Kubernetes);
    assert!(!serving.plaintext && !config.agents.agent_plaintext);
    let service: Service = object(&cluster, "Service", "netpol-relay");
    let served = service.spec.unwrap().ports.unwrap().remove(0);
    assert_eq!(served.port, listen);
    let target = IntOrString::String("flows".to_owned());
    assert_eq!(served.target_port, Some(target));
}

/// The Secret that a pod's certificates come from, where its variables say.
fn certificates(pod: &PodSpec, paths: [&std::path::PathBuf; 3]) -> String {
    let mounts = container(pod).volume_mounts.as_ref().unwrap();
    let mount = mounts.iter().find(|mount| mount.name == "tls").unwrap();
    assert_eq!(mount.read_only, Some(true));
    // Those of a subPath never change.
    assert_eq!((&mount.sub_path, &mount.sub_path_expr), (&None, &None));
    for (path, key) in paths.into_iter().zip(["tls.crt", "tls.key", "ca.crt"]) {
        assert_eq!(*path, std::path::Path::new(&mount.mount_path).join(key));
    }
    let volumes = pod.volumes.as_ref().unwrap();
    let volume = volumes.iter().find(|one| one.name == "tls").unwrap();
    volume.secret.clone().unwrap().secret_name.unwrap()
}

#[test]
fn certificates_are_mounted_where_they_are_read() {
    if !manifests::can_render() {
        return;
    }
    let cluster = manifests::rendered(CLUSTER);
    let agents = agent_pod(&cluster);
    let agent: netpol_agent::config::Config = settings::of(container(&agents));
    let relays = relay_pod(&cluster);
    let relay: Config = settings::of(container(&relays));
    for (pod, serving, secret) in [
        (&agents, &agent.serving, "netpol-agent-tls"),
        (&relays, &relay.serving, "netpol-relay-tls"),
    ] {
        let paths = [&serving.tls_cert, &serving.tls_key, &serving.tls_client_ca]
            .map(|path| path.as_ref().unwrap());
        assert_eq!(certificates(pod, paths), secret);
    }
}

#[test]
fn the_relay_has_no_privileges_at_all() {
    if !manifests::can_render() {
        return;
    }
    let pod = relay_pod(&manifests::rendered(CLUSTER));
    assert_eq!(
        (pod.host_network, pod.host_pid, pod.host_ipc),
        (None, None, None)
    );
    let user = pod.security_context.clone().unwrap();
    assert_eq!(user.run_as_non_root, Some(true));
    assert_eq!(user.seccomp_profile.unwrap().type_, "RuntimeDefault");
    let context = container(&pod).security_context.clone().unwrap();
    assert_eq!(context.privileged, Some(false));
    assert_eq!(context.allow_privilege_escalation, Some(false));
    assert_eq!(context.read_only_root_filesystem, Some(true));
    let capabilities = context.capabilities.unwrap();
    assert_eq!(
        (capabilities.drop.unwrap(), capabilities.add),
        (vec!["ALL".to_owned()], None)
    );
    let volumes = pod.volumes.unwrap();
    assert!(
        volumes.iter().all(|volume| volume.secret.is_some()),
        "{volumes:?}"
    );
}

#[test]
fn one_relay_at_least_is_left_whatever_is_drained_or_replaced() {
    if !manifests::can_render() {
        return;
    }
    let cluster = manifests::rendered(CLUSTER);
    let relay: Deployment = object(&cluster, "Deployment", "netpol-relay");
    let spec = relay.spec;
    assert!(spec.replicas.unwrap() > 1);
    let rolling = spec.strategy.unwrap().rolling_update.unwrap();
    assert_eq!(rolling.max_unavailable, Some(IntOrString::Int(0)));
    let budget: PodDisruptionBudget = object(&cluster, "PodDisruptionBudget", "netpol-relay");
    let budget = budget.spec.unwrap();
    assert_eq!(budget.max_unavailable, Some(IntOrString::Int(1)));
    assert_eq!(budget.selector, Some(spec.selector));
}
