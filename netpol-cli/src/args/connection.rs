//! Flags that say which server is asked. Commands that ask none take them without a word, and do not show them.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, parser::ValueSource, value_parser};
use netpol_transport::tls::{ClientTlsFiles, Identity};

use crate::{
    connection::{Connection, Flags},
    error::CliError,
};

const HEADING: &str = "Which server";

/// Before and after the name of the command alike.
pub(super) fn arguments() -> Vec<Arg> {
    vec![
        flag("server", "ADDRESS", "unix:///path, https://host:port or http://host:port; without it: the agent of this node \
              (/run/netpol/agent.sock), else the cluster of the kubeconfig")
            .env("NETPOL_SERVER")
            .hide_env_values(true),
        file("kubeconfig", "Kubeconfig to find the cluster by [default: as kubectl's]"),
        flag("context", "NAME", "Context of the kubeconfig [default: its current one]"),
        flag("netpol-namespace", "NAME", "Namespace that netpol runs in")
            .env("NETPOL_NAMESPACE")
            .hide_env_values(true)
            .default_value("netpol"),
        file("tls-ca", "Authority of the server's certificate [default: the cluster's ConfigMap netpol-ca; that of the \
              system with --server]"),
        file("tls-cert", "Certificate to show").requires("tls-key"),
        file("tls-key", "Its key").requires("tls-cert"),
        flag("tls-server-name", "NAME", "Name that the server's certificate must be for"),
        file("token-file", "Bearer token to show [default: that of the kubeconfig]"),
    ]
}

/// The same, for commands that ask nobody: `flows --context x eval …` is not an error.
pub(super) fn ignored() -> impl Iterator<Item = Arg> {
    arguments().into_iter().map(|arg| arg.hide(true))
}

fn flag(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(value)
        .global(true)
        .help_heading(HEADING)
        .help(help)
}

fn file(name: &'static str, help: &'static str) -> Arg {
    flag(name, "FILE", help).value_parser(value_parser!(PathBuf))
}

pub(crate) fn read(matches: &ArgMatches) -> Result<Connection, CliError> {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let file = |name: &str| matches.get_one::<PathBuf>(name).cloned();
    let named = ["context", "kubeconfig"]
        .into_iter()
        .find(|name| matches.contains_id(name));
    let by_flag = matches.value_source("server") == Some(ValueSource::CommandLine);
    if let Some(named) = named.filter(|_| by_flag) {
        return Err(CliError::Usage(format!(
            "--server and --{named} name two different servers: give one of them"
        )));
    }
    let identity = file("tls-cert").zip(file("tls-key"));
    Connection::of_flags(Flags {
        // A context that is named on the command line says more than a variable.
        server: text("server").filter(|_| named.is_none()),
        kubeconfig: file("kubeconfig"),
        context: text("context"),
        netpol_namespace: text("netpol-namespace").unwrap_or_default(),
        tls: ClientTlsFiles {
            authority: file("tls-ca").map(Into::into),
            identity: identity.map(|(certificate, key)| Identity {
                certificate: certificate.into(),
                key: key.into(),
            }),
            server_name: text("tls-server-name"),
        },
        token_file: file("token-file"),
    })
}
