//! Certificates that are made by hand or by Helm, in the hands of those who use them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use netpol_relay::config::Config as Relay;
use netpol_testkit::requirement::{self, Requirement};
use netpol_testkit::{artifact, command};
use netpol_transport::client::{self, Options};
use netpol_transport::listen::{self, Door};
use netpol_transport::serving::ServingOptions;
use netpol_transport::tls::{ClientTls, ClientTlsFiles, Identity, Pem};
use serde_json::Value;

use crate::manifests::{self, CLUSTER, agent_pod, container, relay_pod};
use crate::{chart, schema, settings};

/// Certificates as containers find them, and the flags by which they are used.
struct Installed {
    place: tempfile::TempDir,
    agent: ServingOptions,
    relay: Relay,
}

impl Installed {
    /// Of the Secrets and the ConfigMap in `certificates`, with the flags of the pods in `pods`.
    fn new(certificates: &[Value], pods: &[Value]) -> Self {
        let place = tempfile::tempdir().unwrap();
        for secret in ["netpol-agent-tls", "netpol-relay-tls"] {
            let directory = place.path().join(secret);
            fs::create_dir(&directory).unwrap();
            let object: Value = manifests::object(certificates, "Secret", secret);
            for (key, value) in object["data"].as_object().unwrap() {
                let value = BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap();
                fs::write(directory.join(key), value).unwrap();
            }
        }
        let authority: Value = manifests::object(certificates, "ConfigMap", "netpol-ca");
        let authority = authority["data"]["ca.crt"].as_str().unwrap();
        fs::write(place.path().join("ca.crt"), authority).unwrap();

        let mounted = |secret: &str, flag: &mut Option<PathBuf>| {
            if let Some(path) = flag {
                *path = place.path().join(secret).join(path.file_name().unwrap());
            }
        };
        let agent: netpol_agent::config::Config = settings::of(container(&agent_pod(pods)));
        let mut agent = agent.serving;
        let mut relay: Relay = settings::of(container(&relay_pod(pods)));
        for (secret, serving) in [
            ("netpol-agent-tls", &mut agent),
            ("netpol-relay-tls", &mut relay.serving),
        ] {
            serving.listen = Some(([127, 0, 0, 1], 0).into());
            mounted(secret, &mut serving.tls_cert);
            mounted(secret, &mut serving.tls_key);
            mounted(secret, &mut serving.tls_client_ca);
        }
        mounted("netpol-relay-tls", &mut relay.agents.agent_ca);
        Self {
            place,
            agent,
            relay,
        }
    }

    fn file(&self, secret: &str, key: &str) -> Pem {
        Pem::File(self.place.path().join(secret).join(key))
    }

    fn identity(&self, secret: &str) -> Identity {
        Identity {
            certificate: self.file(secret, "tls.crt"),
            key: self.file(secret, "tls.key"),
        }
    }

    /// What the relay trusts and shows when it asks an agent.
    fn relay_as_client(&self) -> ClientTlsFiles {
        let agents = &self.relay.agents;
        let authority = agents
            .agent_ca
            .as_ref()
            .or(self.relay.serving.tls_client_ca.as_ref());
        assert!(agents.agent_cert.is_none() && agents.agent_key.is_none());
        ClientTlsFiles {
            authority: authority.cloned().map(Pem::File),
            identity: Some(self.identity("netpol-relay-tls")),
            server_name: Some(agents.agent_server_name.clone()),
        }
    }

    /// What `flows` trusts when it asks one of these names, without a certificate of its own.
    fn flows(&self, server_name: &str) -> ClientTlsFiles {
        ClientTlsFiles {
            authority: Some(Pem::File(self.place.path().join("ca.crt"))),
            identity: None,
            server_name: Some(server_name.to_owned()),
        }
    }
}

/// Whether such a client is let in where these flags are served.
async fn is_let_in(serving: &ServingOptions, files: ClientTlsFiles) -> bool {
    let door = serving.door().await.unwrap().unwrap();
    let Door::Tls(listener, _) = &door else {
        panic!("no TLS")
    };
    let address = listener.local_addr().unwrap();
    let (_, health) = tonic_health::server::health_reporter();
    let served = listen::server()
        .add_service(health)
        .serve_with_incoming(door.incoming());
    let served = tokio::spawn(served);
    let options = Options {
        tls: Some(ClientTls::load(&files).unwrap()),
        token: None,
    };
    let server = format!("https://{address}").parse().unwrap();
    let connected = client::connect(&server, &options).await;
    served.abort();
    connected.is_ok()
}

async fn assert_fit(installed: &Installed) {
    let Installed { agent, relay, .. } = installed;
    // The relay asks agents, and `flows` asks relay and agents, which tokens decide about.
    assert!(is_let_in(agent, installed.relay_as_client()).await);
    for (serving, name) in [
        (agent, "netpol-agent.netpol.svc"),
        (&relay.serving, "netpol-relay.netpol.svc"),
    ] {
        assert!(is_let_in(serving, installed.flows(name)).await, "{name}");
    }
    // Nobody passes for another, and a node's key opens nothing.
    assert!(!is_let_in(agent, installed.flows("netpol-relay.netpol.svc")).await);
    for (serving, files) in [
        (agent, installed.relay_as_client()),
        (&relay.serving, installed.flows("netpol-relay.netpol.svc")),
    ] {
        let of_an_agent = ClientTlsFiles {
            identity: Some(installed.identity("netpol-agent-tls")),
            ..files
        };
        assert!(!is_let_in(serving, of_an_agent).await);
    }
}

/// What the script writes, with its authority in `directory`.
fn made_by_hand(directory: &Path) -> Vec<Value> {
    let script = artifact::workspace().join("deploy/certificates/make.sh");
    let mut sh = Command::new("sh");
    manifests::documents(&command::output(sh.arg(script).arg(directory)).unwrap())
}

#[tokio::test]
async fn certificates_made_by_hand_fit_each_other_and_are_renewed_under_the_same_authority() {
    if !manifests::can_render() || !requirement::require(&[Requirement::Command("openssl")]) {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let authority = place.path().join("authority");
    let cluster = manifests::rendered(CLUSTER);
    let first = made_by_hand(&authority);
    for object in &first {
        schema::check(object).unwrap();
        assert_eq!(object["metadata"]["namespace"], "netpol");
    }
    let first = Installed::new(&first, &cluster);
    assert_fit(&first).await;

    let second = Installed::new(&made_by_hand(&authority), &cluster);
    // Not all pods have the new ones at the same time.
    assert!(is_let_in(&first.agent, second.relay_as_client()).await);
    assert!(is_let_in(&second.agent, first.relay_as_client()).await);

    let other = Installed::new(&made_by_hand(&place.path().join("other")), &cluster);
    assert!(!is_let_in(&first.agent, other.relay_as_client()).await);
}

#[tokio::test]
async fn certificates_made_by_helm_fit_each_other() {
    if !chart::can_render() {
        return;
    }
    let objects = chart::template(&[]).unwrap();
    for object in &objects {
        schema::check(object).unwrap();
    }
    assert_fit(&Installed::new(&objects, &objects)).await;
}
