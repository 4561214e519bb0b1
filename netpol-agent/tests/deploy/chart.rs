//! The Helm chart comes to the same objects as kustomize: there is one truth.

use std::collections::BTreeMap;
use std::process::Command;

use netpol_testkit::requirement::{self, Requirement};
use netpol_testkit::{Error, artifact, command};
use serde_json::{Value, json};

use crate::manifests::{self, CERT_MANAGER, CLUSTER};
use crate::schema;

pub(crate) const CHART: &str = "deploy/helm/netpol";

/// False where the caller cannot run, for want of helm or of kubectl.
pub(crate) fn can_render() -> bool {
    requirement::require(&[
        Requirement::Command("helm"),
        Requirement::Command("kubectl"),
    ])
}

fn helm(arguments: &[&str]) -> Result<String, Error> {
    let mut helm = Command::new(command::find("helm").unwrap());
    helm.args(arguments).current_dir(artifact::workspace());
    command::output(&mut helm)
}

/// What `helm template` makes with these values, each `NAME=VALUE`.
pub(crate) fn template(values: &[&str]) -> Result<Vec<Value>, Error> {
    let mut arguments = vec!["template", "netpol", CHART, "--namespace", "netpol"];
    arguments.extend(values.iter().flat_map(|value| ["--set", value]));
    Ok(manifests::documents(&helm(&arguments)?))
}

/// Helm's own words on why it refuses these values.
fn refusal(values: &[&str]) -> String {
    match template(values) {
        // Not the command line, which has the values in it.
        Err(Error::Failed { stderr, .. }) => stderr,
        other => panic!("{values:?}: {other:?}"),
    }
}

/// Objects by kind and name, without what Helm adds to each and without the namespace, which Helm does not make.
fn comparable(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let mut by_name = BTreeMap::new();
    for mut object in objects {
        if object["kind"] == "Namespace" {
            continue;
        }
        let labels = object["metadata"]["labels"].as_object_mut().unwrap();
        labels.retain(|name, _| {
            ![
                "app.kubernetes.io/managed-by",
                "app.kubernetes.io/instance",
                "helm.sh/chart",
            ]
            .contains(&name.as_str())
        });
        sort_named_lists(&mut object);
        let name = format!("{}/{}", object["kind"], object["metadata"]["name"]);
        assert!(
            by_name.insert(name.clone(), object).is_none(),
            "{name} twice"
        );
    }
    by_name
}

/// Lists that the API merges by name, such as variables and volumes, mean the same in any order.
fn sort_named_lists(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(sort_named_lists),
        Value::Array(items) => {
            items.iter_mut().for_each(sort_named_lists);
            if items.iter().all(|item| item["name"].is_string()) {
                items.sort_by_key(|item| item["name"].to_string());
            }
        }
        _ => {}
    }
}

fn assert_same(chart: Vec<Value>, kustomize: Vec<Value>) {
    let [chart, kustomize] = [chart, kustomize].map(comparable);
    let names = |objects: &BTreeMap<String, Value>| objects.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&chart), names(&kustomize));
    for (name, object) in &chart {
        let other = &kustomize[name];
        assert!(
            object == other,
            "{name}: the chart has\n{object:#}\nand kustomize\n{other:#}"
        );
    }
}

#[test]
fn the_chart_is_the_overlay_of_the_cluster() {
    if !can_render() {
        return;
    }
    let chart = template(&["certificates.source=existing"]).unwrap();
    assert_same(chart, manifests::rendered(CLUSTER));
    let chart = template(&["certificates.source=certManager"]).unwrap();
    assert_same(chart, manifests::rendered(CERT_MANAGER));
}

#[test]
fn the_chart_without_relay_is_the_base() {
    if !can_render() {
        return;
    }
    let chart = template(&["relay.enabled=false"]).unwrap();
    assert_same(chart, manifests::rendered(manifests::BASE));
    let metrics = [
        "relay.enabled=false",
        "agent.metrics=true",
        "serviceMonitors=true",
    ];
    assert_same(
        template(&metrics).unwrap(),
        manifests::rendered(manifests::METRICS),
    );
}

#[test]
fn everything_the_chart_can_turn_on_is_a_component() {
    if !can_render() {
        return;
    }
    let chart = template(&[
        "certificates.source=certManager",
        "agent.events=true",
        "agent.metrics=true",
        "relay.metrics=true",
        "serviceMonitors=true",
    ]);
    let components = [
        "relay",
        "authorization",
        "cert-manager",
        "events",
        "agent-metrics",
        "relay-metrics",
    ];
    assert_same(chart.unwrap(), manifests::composed(&components));
}

#[test]
fn what_is_turned_off_is_gone() {
    if !can_render() {
        return;
    }
    let objects = template(&[
        "certificates.source=existing",
        "authorization=certificate",
        "networkPolicies=false",
        "agent.priorityClass=false",
        "agent.history.enabled=false",
    ])
    .unwrap();
    let kinds: Vec<&str> = objects
        .iter()
        .map(|object| object["kind"].as_str().unwrap())
        .collect();
    assert!(!kinds.contains(&"NetworkPolicy") && !kinds.contains(&"PriorityClass"));
    let text = Value::Array(objects).to_string();
    for gone in [
        "auth-delegator",
        "netpol-reader",
        "netpol-client",
        "NETPOL_AUTHORIZATION",
        "priorityClassName",
        "NETPOL_HISTORY",
        "hostPath",
    ] {
        assert!(!text.contains(gone), "{gone}");
    }
}

#[test]
fn settings_of_the_users_own_get_through() {
    if !can_render() {
        return;
    }
    let objects = template(&[
        "certificates.source=existing",
        "agent.env.NETPOL_DIALECT=cilium",
        "relay.env.NETPOL_NAMESPACE=agents",
        "agent.nodeSelector.pool=apps",
        "agent.history.directory=/data/netpol",
        "relay.tolerations[0].operator=Exists",
        "imagePullSecrets[0].name=registry",
        "image.tag=v7",
    ])
    .unwrap();
    for object in &objects {
        schema::check(object).unwrap();
    }
    let agent = manifests::agent_pod(&objects);
    let relay = manifests::relay_pod(&objects);
    let has = |pod, name: &str, value: &str| {
        let mut variables = manifests::container(pod).env.iter().flatten();
        variables.any(|one| one.name == name && one.value.as_deref() == Some(value))
    };
    assert!(has(&agent, "NETPOL_DIALECT", "cilium"));
    assert!(has(&relay, "NETPOL_NAMESPACE", "agents"));
    let mut volumes = agent.volumes.iter().flatten();
    let history = volumes.find_map(|volume| volume.host_path.as_ref());
    assert_eq!(history.unwrap().path, "/data/netpol");
    assert_eq!(agent.node_selector.unwrap()["pool"], "apps");
    assert_eq!(relay.tolerations.unwrap().len(), 1);
    assert_eq!(relay.image_pull_secrets.unwrap()[0].name, "registry");
    assert_eq!(
        relay.containers[0].image.as_deref(),
        Some("localhost/netpol:v7")
    );
}

#[test]
fn values_that_cannot_be_meant_are_refused_by_name() {
    if !can_render() {
        return;
    }
    for (value, problem) in [
        ("agnet.metrics=true", "agnet"),
        ("relay.replicas=0", "replicas"),
        // Numbers have to be said to be text, as everywhere in Helm.
        ("image.tag=7", "tag"),
        ("certificates.source=vault", "source"),
        ("authorization=none", "authorization"),
        ("agent.maxUnavailable=0", "maxUnavailable"),
        ("agent.history.directory=netpol", "directory"),
        (
            "agent.env.NETPOL_LISTEN=:1",
            "NETPOL_LISTEN is set by the chart",
        ),
        (
            "relay.env.NETPOL_AGENTS=a:1",
            "NETPOL_AGENTS is set by the chart",
        ),
    ] {
        let error = refusal(&[value]);
        assert!(error.contains(problem), "{value}: {error}");
    }
}

/// Every value has its place in the schema, so that a misspelt one is refused wherever it stands.
#[test]
fn the_schema_knows_the_values_and_no_others() {
    let chart = artifact::workspace().join(CHART);
    let values = manifests::documents(&manifests::read(&chart.join("values.yaml"))).remove(0);
    let schema: Value =
        serde_json::from_str(&manifests::read(&chart.join("values.schema.json"))).unwrap();
    compare(&values, &schema, "");
}

fn compare(values: &Value, schema: &Value, at: &str) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    assert_eq!(schema["additionalProperties"], json!(false), "{at}");
    let empty = serde_json::Map::new();
    let values = values.as_object().unwrap_or(&empty);
    for (name, value) in values {
        let schema = properties.get(name);
        let schema = schema.unwrap_or_else(|| panic!("{at}/{name} is not in the schema"));
        compare(value, schema, &format!("{at}/{name}"));
    }
    for name in properties.keys().filter(|name| *name != "global") {
        assert!(values.contains_key(name), "{at}/{name} is no value");
    }
}

#[test]
fn helm_finds_nothing_wrong() {
    if !can_render() {
        return;
    }
    let findings = helm(&["lint", "--strict", CHART]).unwrap();
    assert!(findings.contains("0 chart(s) failed"), "{findings}");
}
