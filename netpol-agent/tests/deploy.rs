//! `deploy/kubernetes` asks of a cluster what the agent needs and no more: objects as the API knows them, permissions for
//! what is watched, variables that exist.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{CommandFactory as _, Parser as _};
use k8s_openapi::api::{
    apps::v1::DaemonSet,
    core::v1::{Container, Namespace, PodSpec, Probe, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::{ClusterRole, ClusterRoleBinding},
    scheduling::v1::PriorityClass,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use netpol_agent::config::{Config, DEFAULT_SOCKET};
use netpol_agent::inventory::Resource;
use netpol_testkit::{command, requirement};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

const BASE: &str = "deploy/kubernetes/base";
const METRICS: &str = "deploy/kubernetes/components/metrics";
/// What people apply.
const ENTRIES: [&str; 2] = [BASE, "deploy/kubernetes/overlays/metrics"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap()
}

/// Every file below a directory, in order.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn is_kustomization(path: &Path) -> bool {
    path.ends_with("kustomization.yaml")
}

/// Objects of a directory's files.
fn objects(directory: &str) -> Vec<Value> {
    let paths = files(&root().join(directory));
    let objects = paths.iter().filter(|path| !is_kustomization(path));
    objects.flat_map(|path| documents(&read(path))).collect()
}

fn of_kind<T: DeserializeOwned>(objects: &[Value], kind: &str) -> T {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    let object = found.next().unwrap_or_else(|| panic!("no {kind}"));
    assert!(found.next().is_none(), "more than one {kind}");
    serde_json::from_value(object.clone()).unwrap()
}

fn pod(objects: &[Value]) -> PodSpec {
    let agents: DaemonSet = of_kind(objects, "DaemonSet");
    agents.spec.template.spec.unwrap()
}

fn agent(objects: &[Value]) -> Container {
    let mut containers = pod(objects).containers;
    assert_eq!(containers.len(), 1);
    containers.remove(0)
}

/// Fails where the object has a field that its kind does not: deserializing drops it.
fn is_known<T: DeserializeOwned + Serialize>(object: &Value) -> Result<(), String> {
    let typed: T = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    is_within(object, &serde_json::to_value(typed).unwrap(), "")
}

fn is_within(part: &Value, whole: &Value, at: &str) -> Result<(), String> {
    match (part, whole) {
        // In a patch: take the field away.
        (Value::Null, _) => Ok(()),
        (Value::Object(part), Value::Object(whole)) => part.iter().try_for_each(|(name, value)| {
            let at = format!("{at}.{name}");
            match whole.get(name) {
                Some(found) => is_within(value, found, &at),
                None if value.is_null() => Ok(()),
                None => Err(format!("{at} is no field")),
            }
        }),
        (Value::Array(part), Value::Array(whole)) if part.len() == whole.len() => {
            let mut pairs = part.iter().zip(whole).enumerate();
            pairs.try_for_each(|(index, (part, whole))| {
                is_within(part, whole, &format!("{at}[{index}]"))
            })
        }
        (part, whole) if part == whole => Ok(()),
        (part, whole) => Err(format!("{at} is {part}, read as {whole}")),
    }
}

fn check(object: &Value) -> Result<(), String> {
    let kind = (object["apiVersion"].as_str(), object["kind"].as_str());
    let (Some(version), Some(kind)) = kind else {
        return Err("an object without apiVersion or kind".to_owned());
    };
    match (version, kind) {
        ("v1", "Namespace") => is_known::<Namespace>(object),
        ("v1", "ServiceAccount") => is_known::<ServiceAccount>(object),
        ("v1", "Service") => is_known::<Service>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => is_known::<ClusterRole>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => {
            is_known::<ClusterRoleBinding>(object)
        }
        ("scheduling.k8s.io/v1", "PriorityClass") => is_known::<PriorityClass>(object),
        ("networking.k8s.io/v1", "NetworkPolicy") => is_known::<NetworkPolicy>(object),
        ("apps/v1", "DaemonSet") => is_known::<DaemonSet>(object),
        // Of the Prometheus operator, whose types are not at hand.
        ("monitoring.coreos.com/v1", "ServiceMonitor") => Ok(()),
        _ => Err(format!("{version} {kind} is not expected here")),
    }
}

#[test]
fn objects_are_of_their_kinds_and_have_no_other_fields() {
    let all = objects("deploy/kubernetes");
    assert!(all.len() >= 9, "{}", all.len());
    for object in &all {
        check(object).unwrap_or_else(|error| {
            panic!("{} {}: {error}", object["kind"], object["metadata"]["name"])
        });
    }
    let mut misspelt = all
        .iter()
        .find(|one| one["kind"] == "DaemonSet")
        .unwrap()
        .clone();
    misspelt["spec"]["template"]["spec"]["hostNetwrok"] = true.into();
    let error = check(&misspelt).unwrap_err();
    assert_eq!(error, ".spec.template.spec.hostNetwrok is no field");
}

#[test]
fn every_file_is_taken_in_by_the_kustomization_beside_it() {
    for file in files(&root().join("deploy/kubernetes")) {
        let directory = file.parent().unwrap();
        let kustomization = documents(&read(&directory.join("kustomization.yaml"))).remove(0);
        let named = |list: &str| kustomization[list].as_array().cloned().unwrap_or_default();
        let patches = named("patches")
            .into_iter()
            .map(|patch| patch["path"].clone());
        let names: Vec<String> = ["resources", "components"]
            .into_iter()
            .flat_map(named)
            .chain(patches)
            .map(|name| name.as_str().unwrap().to_owned())
            .collect();
        for name in &names {
            assert!(directory.join(name).exists(), "{}: {name}", file.display());
        }
        let own = file.file_name().unwrap().to_str().unwrap();
        assert!(
            is_kustomization(&file) || names.iter().any(|name| name == own),
            "{} is not used",
            file.display()
        );
    }
}

#[test]
fn the_role_allows_what_the_agent_watches_and_nothing_else() {
    let base = objects(BASE);
    let role: ClusterRole = of_kind(&base, "ClusterRole");
    let mut allowed = BTreeSet::new();
    for rule in role.rules.unwrap() {
        assert_eq!(rule.verbs, ["list", "watch"]);
        assert!(rule.non_resource_urls.is_none() && rule.resource_names.is_none());
        for group in rule.api_groups.unwrap() {
            for resource in rule.resources.iter().flatten() {
                let name = [resource.as_str(), &group].join(".");
                allowed.insert(name.trim_end_matches('.').to_owned());
            }
        }
    }
    let watched: BTreeSet<String> = Resource::ALL.iter().map(|one| one.name()).collect();
    assert_eq!(allowed, watched);
}

#[test]
fn the_role_is_that_of_the_agents_account() {
    let base = objects(BASE);
    let binding: ClusterRoleBinding = of_kind(&base, "ClusterRoleBinding");
    let role: ClusterRole = of_kind(&base, "ClusterRole");
    let account: ServiceAccount = of_kind(&base, "ServiceAccount");
    let namespace: Namespace = of_kind(&base, "Namespace");
    let agents: DaemonSet = of_kind(&base, "DaemonSet");
    assert_eq!(Some(binding.role_ref.name), role.metadata.name);
    let subjects = binding.subjects.unwrap();
    assert_eq!(subjects.len(), 1);
    assert_eq!(Some(&subjects[0].name), account.metadata.name.as_ref());
    let pod = pod(&base);
    assert_eq!(pod.service_account_name, account.metadata.name);
    assert_eq!(pod.automount_service_account_token, Some(true));
    for place in [
        &account.metadata.namespace,
        &agents.metadata.namespace,
        &subjects[0].namespace,
    ] {
        assert_eq!(place, &namespace.metadata.name);
    }
}

/// Variables of a container and their values; those that the cluster fills in have one made up.
fn variables(container: &Container) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    for variable in container.env.iter().flatten() {
        let source = variable
            .value_from
            .as_ref()
            .and_then(|from| from.field_ref.as_ref());
        let value = match source.map(|field| field.field_path.as_str()) {
            Some("spec.nodeName") => "node-1".to_owned(),
            Some("status.hostIP") => "192.0.2.1".to_owned(),
            Some(other) => panic!("{} is {other}", variable.name),
            None => variable.value.clone().unwrap(),
        };
        let value = known
            .iter()
            .fold(value, |value, (name, known): (&String, &String)| {
                value.replace(&format!("$({name})"), known)
            });
        known.insert(variable.name.clone(), value);
    }
    known
}

/// The configuration that these variables come to.
fn configuration(mut variables: BTreeMap<String, String>) -> Config {
    let command = Config::command();
    // Read by the log, and by the other variables.
    variables.retain(|name, _| !["RUST_LOG", "HOST_IP"].contains(&name.as_str()));
    let mut arguments = vec!["netpol-agent".to_owned()];
    for (name, value) in variables {
        let mut flags = command.get_arguments();
        let flag = flags.find(|flag| flag.get_env().is_some_and(|variable| *variable == *name));
        let flag = flag.unwrap_or_else(|| panic!("the agent knows no {name}"));
        let long = flag.get_long().unwrap();
        if flag.get_action().takes_values() {
            arguments.push(format!("--{long}={value}"));
        } else {
            assert_eq!(value, "true", "{name}");
            arguments.push(format!("--{long}"));
        }
    }
    Config::try_parse_from(arguments).unwrap()
}

fn port(probe: Option<&Probe>) -> i32 {
    let get = probe.unwrap().http_get.as_ref().unwrap();
    assert_eq!(get.path.as_deref(), Some("/healthz"));
    match &get.port {
        IntOrString::Int(port) => *port,
        IntOrString::String(name) => panic!("a port named {name}"),
    }
}

#[test]
fn variables_exist_and_probes_ask_where_the_agent_listens() {
    let base = objects(BASE);
    let container = agent(&base);
    let config = configuration(variables(&container));
    assert_eq!(config.node.as_deref(), Some("node-1"));
    let listen = config.http_listen.unwrap();
    assert!(listen.ip().is_loopback());
    let probes = [
        &container.startup_probe,
        &container.readiness_probe,
        &container.liveness_probe,
    ];
    for probe in probes {
        assert_eq!(port(probe.as_ref()), i32::from(listen.port()));
    }
    let policy: NetworkPolicy = of_kind(&base, "NetworkPolicy");
    let admitted = &policy.spec.unwrap().ingress.unwrap()[0]
        .ports
        .clone()
        .unwrap()[0];
    assert_eq!(admitted.port, Some(IntOrString::Int(listen.port().into())));

    // The component moves it to the node's address.
    let patch = objects(METRICS);
    let container = agent(&patch);
    let moved = configuration(variables(&container)).http_listen.unwrap();
    assert_eq!(moved, SocketAddr::from(([192, 0, 2, 1], listen.port())));
    assert_eq!(
        container.ports.unwrap()[0].container_port,
        i32::from(listen.port())
    );
}

#[test]
fn the_container_has_the_capabilities_that_are_documented_and_nothing_of_the_node() {
    let base = objects(BASE);
    let pod = pod(&base);
    assert_eq!(pod.host_network, Some(true));
    assert_eq!((pod.host_pid, pod.host_ipc), (None, None));
    let container = agent(&base);
    let context = container.security_context.unwrap();
    assert_eq!(context.privileged, Some(false));
    assert_eq!(context.allow_privilege_escalation, Some(false));
    assert_eq!(context.read_only_root_filesystem, Some(true));
    let capabilities = context.capabilities.unwrap();
    assert_eq!(capabilities.drop.unwrap(), ["ALL"]);
    let added: BTreeSet<String> = capabilities.add.unwrap().into_iter().collect();
    let page = read(&root().join("docs/security.md"));
    let rows = page.lines().filter_map(|line| line.strip_prefix("| CAP_"));
    let documented: BTreeSet<String> = rows
        .filter(|row| !row.contains("`--self-test` only"))
        .map(|row| row.split([' ', ',']).next().unwrap().to_owned())
        .collect();
    assert_eq!(added, documented);

    let volumes = pod.volumes.unwrap();
    assert!(
        volumes.iter().all(|volume| volume.empty_dir.is_some()),
        "{volumes:?}"
    );
    let mounts = container.volume_mounts.unwrap();
    let mounted: Vec<&str> = mounts
        .iter()
        .map(|mount| mount.mount_path.as_str())
        .collect();
    assert_eq!(
        mounted,
        [Path::new(DEFAULT_SOCKET)
            .parent()
            .unwrap()
            .to_str()
            .unwrap()]
    );
}

#[test]
fn kustomize_renders_what_people_apply() {
    if !command::exists("kubectl") {
        // Nor can set-up install one: distributions have one that is too old for components. So not even CI asks for it.
        let line = "SKIPPED kustomize_renders_what_people_apply: needs the program kubectl\n";
        let _ = std::io::stderr().write_all(line.as_bytes());
        if let Some(path) = std::env::var_os(requirement::SKIPPED_FILE) {
            let file = fs::OpenOptions::new().create(true).append(true).open(path);
            file.unwrap().write_all(line.as_bytes()).unwrap();
        }
        return;
    }
    let rendered = ENTRIES.map(|entry| {
        let mut kubectl = Command::new("kubectl");
        let text = command::output(kubectl.arg("kustomize").arg(root().join(entry))).unwrap();
        let objects = documents(&text);
        for object in &objects {
            check(object).unwrap_or_else(|error| panic!("{entry}: {}: {error}", object["kind"]));
        }
        objects
    });
    let [base, metrics] = rendered;
    assert_eq!(base.len(), objects(BASE).len());
    assert_eq!(metrics.len(), base.len() + 2);
    let listening = |objects: &[Value]| configuration(variables(&agent(objects))).http_listen;
    assert_eq!(listening(&base), Some(([127, 0, 0, 1], 9790).into()));
    assert_eq!(listening(&metrics), Some(([192, 0, 2, 1], 9790).into()));
    let host = |objects: &[Value]| {
        agent(objects)
            .readiness_probe
            .unwrap()
            .http_get
            .unwrap()
            .host
    };
    assert_eq!(host(&base).as_deref(), Some("127.0.0.1"));
    assert_eq!(host(&metrics), None);
    let kept = |objects: &[Value]| agent(objects).security_context;
    assert_eq!(kept(&base), kept(&metrics));
}
