//! A container's variables, as the flags of the program that reads them.

use std::collections::BTreeMap;

use clap::Parser;
use k8s_openapi::api::core::v1::{Container, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

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
            Some("metadata.namespace") => "netpol".to_owned(),
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

/// What a container's variables come to for the program that reads them.
///
/// # Panics
/// When the program has no flag of such a variable, or does not take its value.
pub(crate) fn of<Config: Parser>(container: &Container) -> Config {
    let mut variables = variables(container);
    // Read by the log, and by the other variables.
    variables.retain(|name, _| !["RUST_LOG", "HOST_IP"].contains(&name.as_str()));
    let command = Config::command();
    let mut arguments = vec![command.get_name().to_owned()];
    for (name, value) in variables {
        let mut flags = command.get_arguments();
        let flag = flags.find(|flag| flag.get_env().is_some_and(|variable| *variable == *name));
        let flag = flag.unwrap_or_else(|| panic!("{} knows no {name}", command.get_name()));
        let long = flag.get_long().unwrap();
        if flag.get_action().takes_values() {
            arguments.push(format!("--{long}={value}"));
        } else {
            assert_eq!(value, "true", "{name}");
            arguments.push(format!("--{long}"));
        }
    }
    Config::try_parse_from(arguments).unwrap_or_else(|error| panic!("{error}"))
}

/// The port that a probe asks at this path, by the container's own names for ports.
pub(crate) fn probed(container: &Container, probe: Option<&Probe>, path: &str) -> i32 {
    let get = probe.unwrap().http_get.as_ref().unwrap();
    assert_eq!(get.path.as_deref(), Some(path));
    match &get.port {
        IntOrString::Int(port) => *port,
        IntOrString::String(name) => port(container, name),
    }
}

/// The container's port of this name.
pub(crate) fn port(container: &Container, name: &str) -> i32 {
    let mut ports = container.ports.iter().flatten();
    let found = ports.find(|port| port.name.as_deref() == Some(name));
    found
        .unwrap_or_else(|| panic!("no port named {name}"))
        .container_port
}
