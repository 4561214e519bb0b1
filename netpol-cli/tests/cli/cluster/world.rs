//! An API server, and behind it a relay with a certificate.

use std::{net::SocketAddr, path::PathBuf};

use netpol_api::v1::observer_server::ObserverServer;
use netpol_testkit::{ApiServer, Authority, api_server::Certificate, authority::Validity};
use netpol_transport::{
    listen::{self, Door},
    tls::{ClientCertificates, Identity, Pem, ServerTls, ServerTlsFiles},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, process::Command};

use crate::{flows, scripted::Script};

pub(super) const PORT: u16 = 4245;

pub(super) struct World {
    pub(super) api: ApiServer,
    pub(super) relay: Script,
    pub(super) authority: Authority,
    pub(super) dir: tempfile::TempDir,
    namespace: String,
    /// Where the relay listens in truth.
    pub(super) address: SocketAddr,
}

impl World {
    pub(super) async fn start(relay: Script) -> Self {
        Self::in_namespace("netpol", relay).await
    }

    pub(super) async fn in_namespace(namespace: &str, relay: Script) -> Self {
        Self::of("netpol-relay", namespace, relay).await
    }

    /// With one ready pod of this name, on node worker-1, and a kubeconfig of it all.
    pub(super) async fn of(name: &str, namespace: &str, relay: Script) -> Self {
        let api = ApiServer::builder()
            .tls(Certificate::Valid)
            .start()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let world = Self {
            address: listener.local_addr().unwrap(),
            dir: tempfile::tempdir().unwrap(),
            authority: Authority::new().unwrap(),
            namespace: namespace.to_owned(),
            relay,
            api,
        };
        world.api.kubeconfig(&world.kubeconfig()).unwrap();
        for namespace in ["default", "shop", namespace] {
            world.apply("v1", "Namespace", "", namespace, json!({}));
        }
        let authority = json!({ "data": { "ca.crt": world.authority.certificate() } });
        world.apply("v1", "ConfigMap", namespace, "netpol-ca", authority);
        world.apply_pod(name, &format!("{name}-0"), "worker-1", true);
        world.serve(name, listener);
        world
    }

    /// Puts the script behind the pod.
    fn serve(&self, name: &str, listener: TcpListener) {
        let server_name = format!("{name}.netpol.svc");
        let identity = self.authority.server(&[&server_name], Validity::Always);
        let (certificate, key) = identity.unwrap().write(self.dir.path(), "relay").unwrap();
        let tls = ServerTls::load(&ServerTlsFiles {
            identity: Identity {
                certificate: certificate.into(),
                key: key.into(),
            },
            clients: ClientCertificates::Optional(Pem::Text {
                name: "the test's authority".to_owned(),
                text: self.authority.certificate(),
            }),
        });
        let door = Door::Tls(listener, tls.unwrap());
        let service = ObserverServer::new(self.relay.clone());
        let server = listen::server().add_service(service);
        tokio::spawn(server.serve_with_incoming(door.incoming()));
        self.api
            .forward_port(&self.namespace, &format!("{name}-0"), PORT, self.address);
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    /// The kubeconfig as it stands, changed.
    pub(super) fn change_kubeconfig(&self, change: impl FnOnce(&mut Value)) {
        let text = std::fs::read_to_string(self.kubeconfig()).unwrap();
        let mut document = serde_json::from_str(&text).unwrap();
        change(&mut document);
        std::fs::write(self.kubeconfig(), document.to_string()).unwrap();
    }

    pub(super) fn flows(&self, arguments: &[&str]) -> Command {
        let mut command = flows(&["--kubeconfig"]);
        command.arg(self.kubeconfig()).args(arguments);
        command
    }

    /// What a call that fails says, in one line.
    pub(super) async fn error(&self, arguments: &[&str]) -> String {
        let output = self.flows(arguments).output().await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        said.replace(&self.api.url(), "URL")
            .replace(&self.dir.path().display().to_string(), "DIR")
    }

    pub(super) fn apply(
        &self,
        version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
        rest: Value,
    ) {
        let mut object = rest;
        object["apiVersion"] = json!(version);
        object["kind"] = json!(kind);
        object["metadata"]["name"] = json!(name);
        if !namespace.is_empty() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        self.api.apply(object).unwrap();
    }

    /// A pod of netpol, labelled as its manifest does.
    pub(super) fn apply_pod(&self, label: &str, name: &str, node: &str, ready: bool) {
        let ready = if ready { "True" } else { "False" };
        let pod = json!({
            "metadata": { "labels": { "app.kubernetes.io/name": label } },
            "spec": {
                "nodeName": node,
                "containers": [{ "name": "main", "ports": [{ "name": "flows", "containerPort": PORT }] }],
            },
            "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": ready }] },
        });
        self.apply("v1", "Pod", &self.namespace, name, pod);
    }

    /// The only pod there was.
    pub(super) fn delete_pod(&self, name: &str) {
        self.api.delete("Pod", &self.namespace, name).unwrap();
    }
}
