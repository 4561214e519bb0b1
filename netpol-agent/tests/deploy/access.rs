//! RBAC allows what agent and relay ask the API server for, and nothing else.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, PodSpec, ServiceAccount};
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject,
};
use netpol_agent::inventory::Resource;
use netpol_relay::discovery::kubernetes::Pods;
use netpol_relay::discovery::{Discovered, Discovery};
use netpol_testkit::ApiServer;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::manifests::{self, BASE, CLUSTER, agent_pod, all, container, object, relay_pod};
use crate::settings;

/// Verbs on resources, as `verb resource.group`, with the names of objects where there are any.
fn allowed(rules: &[PolicyRule]) -> BTreeSet<String> {
    let mut allowed = BTreeSet::new();
    for rule in rules {
        assert!(rule.non_resource_urls.is_none());
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                for verb in &rule.verbs {
                    let name = format!("{verb} {resource}.{group}");
                    let name = name.trim_end_matches('.');
                    allowed.insert(match rule.resource_names.as_deref() {
                        None => name.to_owned(),
                        Some(only) => format!("{name} {}", only.join(" ")),
                    });
                }
            }
        }
    }
    allowed
}

fn read_only<'a>(resources: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let each = resources.into_iter();
    each.flat_map(|resource| ["list", "watch"].map(|verb| format!("{verb} {resource}")))
        .collect()
}

fn is_of(subjects: &[Subject], account: &str) -> bool {
    subjects.iter().any(|subject| {
        assert_eq!(subject.namespace.as_deref(), Some("netpol"));
        assert_eq!(subject.kind, "ServiceAccount");
        subject.name == account
    })
}

/// What an account may do in the whole cluster: rules of ours, and names of roles that are the cluster's own.
fn rights(objects: &[Value], account: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let roles: Vec<ClusterRole> = all(objects, "ClusterRole");
    let (mut rules, mut others) = (BTreeSet::new(), BTreeSet::new());
    for binding in all::<ClusterRoleBinding>(objects, "ClusterRoleBinding") {
        if !is_of(&binding.subjects.unwrap(), account) {
            continue;
        }
        let name = binding.role_ref.name;
        let role = roles
            .iter()
            .find(|role| role.metadata.name.as_ref() == Some(&name));
        match role {
            Some(role) => rules.extend(allowed(role.rules.as_ref().unwrap())),
            None => {
                others.insert(name);
            }
        }
    }
    (rules, others)
}

fn watched_by_the_agent() -> BTreeSet<String> {
    let names: Vec<String> = Resource::ALL.iter().map(|one| one.name()).collect();
    read_only(names.iter().map(String::as_str))
}

#[test]
fn the_agent_may_watch_what_it_watches_and_nothing_else() {
    if !manifests::can_render() {
        return;
    }
    let (rules, others) = rights(&manifests::rendered(BASE), "netpol-agent");
    assert_eq!(rules, watched_by_the_agent());
    assert!(others.is_empty(), "{others:?}");
    let roles: Vec<Role> = all(&manifests::rendered(BASE), "Role");
    assert!(roles.is_empty());
}

#[test]
fn events_are_the_only_thing_that_an_agent_may_write() {
    if !manifests::can_render() {
        return;
    }
    let (rules, _) = rights(&manifests::composed(&["events"]), "netpol-agent");
    let more: Vec<String> = rules.difference(&watched_by_the_agent()).cloned().collect();
    assert_eq!(
        more,
        ["create events.events.k8s.io", "patch events.events.k8s.io"]
    );
}

#[test]
fn the_relay_may_watch_nodes_and_the_pods_beside_it() {
    if !manifests::can_render() {
        return;
    }
    let cluster = manifests::rendered(CLUSTER);
    let (rules, others) = rights(&cluster, "netpol-relay");
    assert_eq!(rules, read_only(["nodes"]));
    assert_eq!(others, ["system:auth-delegator".to_owned()].into());
    let role: Role = object(&cluster, "Role", "netpol-relay");
    assert_eq!(allowed(&role.rules.unwrap()), read_only(["pods"]));
    let binding: RoleBinding = object(&cluster, "RoleBinding", "netpol-relay");
    assert_eq!(binding.role_ref.kind, "Role");
    assert!(is_of(&binding.subjects.unwrap(), "netpol-relay"));
}

/// The agent's own are in the tests against an API server.
#[tokio::test]
async fn the_relay_asks_for_what_it_may_watch_and_for_nothing_else() {
    if !manifests::can_render() {
        return;
    }
    let cluster = manifests::rendered(CLUSTER);
    let relay: netpol_relay::config::Config = settings::of(container(&relay_pod(&cluster)));
    let server = ApiServer::start().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    server.kubeconfig(file.path()).unwrap();
    let mut agents = relay.agents;
    agents.kubeconfig = Some(file.path().to_owned());
    let asked = netpol_relay::api_server::ApiServer::of(&agents)
        .await
        .unwrap();

    let (sender, mut found) = tokio::sync::watch::channel(Discovered::default());
    let pods = Pods::new(asked.client, &asked.namespace);
    let following = Discovery::Kubernetes(Box::new(pods)).follow(sender, CancellationToken::new());
    let following = tokio::spawn(following);
    found.wait_for(|found| found.complete).await.unwrap();
    while server.watches("pods") == 0 || server.watches("nodes") == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    following.abort();
    let requests = server.requests().into_keys();
    let requests: BTreeSet<String> = requests
        .map(|(verb, resource)| format!("{verb} {resource}"))
        .collect();
    let may = read_only(["nodes", "pods"]);
    assert!(requests.is_subset(&may), "{requests:?}");
    assert!(requests.contains("watch pods") && requests.contains("watch nodes"));
}

#[test]
fn readers_may_read_what_the_api_server_is_asked_about() {
    if !manifests::can_render() {
        return;
    }
    let (rules, others) = rights(&manifests::rendered(CLUSTER), "netpol-reader");
    let expected = ["get status.observer.netpol", "watch flows.observer.netpol"];
    assert_eq!(rules, expected.map(str::to_owned).into());
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn clients_may_get_to_the_relay_and_read_its_authority() {
    if !manifests::can_render() {
        return;
    }
    let role: Role = object(&manifests::rendered(CLUSTER), "Role", "netpol-client");
    let expected = [
        "create pods/portforward",
        "get configmaps netpol-ca",
        "get pods/portforward",
        "list pods",
    ];
    assert_eq!(
        allowed(&role.rules.unwrap()),
        expected.map(str::to_owned).into()
    );
}

/// No account gets a token in a pod that did not ask for it.
#[test]
fn accounts_are_those_of_the_pods() {
    if !manifests::can_render() {
        return;
    }
    let cluster = manifests::rendered(CLUSTER);
    let namespace: Namespace = object(&cluster, "Namespace", "netpol");
    let mut names = BTreeSet::new();
    for account in all::<ServiceAccount>(&cluster, "ServiceAccount") {
        assert_eq!(account.automount_service_account_token, Some(false));
        assert_eq!(account.metadata.namespace, namespace.metadata.name);
        names.insert(account.metadata.name.unwrap());
    }
    let used = |pod: PodSpec| {
        assert_eq!(pod.automount_service_account_token, Some(true));
        pod.service_account_name.unwrap()
    };
    for name in [used(agent_pod(&cluster)), used(relay_pod(&cluster))] {
        assert!(names.remove(&name), "{name}");
    }
    // The one that `flows` takes tokens of.
    assert_eq!(names, ["netpol-reader".to_owned()].into());
}
