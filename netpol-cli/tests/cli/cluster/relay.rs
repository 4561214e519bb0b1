//! The real relay in front of two agents, and one that is away.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use netpol_api::v1::{self, observer_server::ObserverServer, watch_flows_response::Item};
use netpol_testkit::{api_server::User, artifact};
use netpol_transport::listen::{self, Door};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

/// An agent of this node that has seen one blocked connection, this long ago.
async fn agent(node: &str, seconds_ago: u64) -> SocketAddr {
    let time = std::time::SystemTime::now() - Duration::from_secs(seconds_ago);
    let Item::Flow(mut flow) = flow(node, 1, Verdict::Dropped, 1) else {
        unreachable!("it makes flows");
    };
    let pods = [
        (&mut flow.source, "shop", "web"),
        (&mut flow.destination, "bank", "db"),
    ];
    for (end, namespace, pod) in pods {
        let end = end.as_mut().unwrap();
        end.kind = v1::endpoint::Kind::Pod.into();
        end.namespace = namespace.into();
        end.pod = pod.into();
    }
    flow.node = node.into();
    flow.first_seen = Some(time.into());
    flow.last_seen = Some(time.into());
    flow.summary = format!("seen on {node}");
    // Ends of its own, or a relay takes it for another's view of the same connection.
    flow.source.as_mut().unwrap().port = u32::try_from(seconds_ago).unwrap();
    let script = Script::new(Play::of(vec![Item::Flow(flow)])).with_status(GetStatusResponse {
        node: node.into(),
        version: "0.1.0".into(),
        server: get_status_response::Server::Agent.into(),
        time: Some(std::time::SystemTime::now().into()),
        flows_seen: 1,
        flows_blocked: 1,
        inventory: Some(v1::InventoryStatus {
            generation: 7,
            ..Default::default()
        }),
        ..GetStatusResponse::default()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = listen::server().add_service(ObserverServer::new(script));
    tokio::spawn(server.serve_with_incoming(Door::PlainText(listener).incoming()));
    address
}

/// A port that was free a moment ago.
async fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// Starts the relay, with the certificate of the world's, and waits until it listens.
async fn relay(world: &World, agents: &[SocketAddr], access: &[&str]) -> (Child, SocketAddr) {
    let address = free().await;
    let agents: Vec<String> = agents.iter().map(ToString::to_string).collect();
    let file = |name: &str| world.dir.path().join(name);
    let mut command = Command::new(artifact::binary("netpol-relay").unwrap());
    command
        .args(["--agents", &agents.join(","), "--agent-plaintext"])
        .args(["--listen", &address.to_string()])
        .args(access)
        .arg("--tls-cert")
        .arg(file("relay.crt"))
        .arg("--tls-key")
        .arg(file("relay.key"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let child = command.spawn().unwrap();
    let listens = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, listens)
        .await
        .expect("the relay listens by now");
    (child, address)
}

#[tokio::test]
async fn flows_and_status_of_all_nodes_come_from_the_relay() {
    let world = World::start(Script::new(Play::default())).await;
    let (younger, older, away) = (
        agent("worker-2", 5).await,
        agent("worker-1", 60).await,
        free().await,
    );
    let (_relay, address) = relay(
        &world,
        &[younger, older, away],
        &["--authorization", "none"],
    )
    .await;
    world
        .api
        .forward_port("netpol", "netpol-relay-0", PORT, address);

    let output = world.flows(&["list", "-A"]).output().await.unwrap();
    assert_eq!(text(&output.stderr), "");
    let shown = text(&output.stdout);
    let place = |words: &str| {
        shown
            .find(words)
            .unwrap_or_else(|| panic!("no {words:?}: {shown}"))
    };
    assert!(
        place("seen on worker-1") < place("seen on worker-2"),
        "{shown}"
    );
    place(&format!(
        "! MISSING      node {away}: its flows do not come"
    ));

    let output = world.flows(&["status"]).output().await.unwrap();
    assert_eq!(text(&output.stderr), "");
    let shown = text(&output.stdout);
    let rows: Vec<&str> = shown
        .lines()
        .skip_while(|row| *row != "Nodes")
        .skip(2)
        .filter(|row| row.contains("MISSING") || row.contains("followed"))
        .map(|row| row.trim_start())
        .collect();
    assert_eq!(rows.len(), 3, "{shown}");
    assert!(
        rows[0].starts_with(&format!("✗ {away}  MISSING")),
        "{shown}"
    );
    assert!(
        rows[1].starts_with("worker-1") && rows[2].starts_with("worker-2"),
        "{shown}"
    );
    assert!(shown.starts_with("relay      0.1.0"), "{shown}");
    assert!(shown.contains("\nnodes      2 of 3 followed\n"), "{shown}");
}

#[tokio::test]
async fn who_may_read_one_namespace_sees_the_other_end_withheld() {
    let world = World::start(Script::new(Play::default())).await;
    let relays = world.dir.path().join("relay.kubeconfig");
    world.api.kubeconfig(&relays).unwrap();
    let access = [
        "--authorization",
        "kubernetes",
        "--kubeconfig",
        relays.to_str().unwrap(),
    ];
    let (_relay, address) = relay(&world, &[agent("worker-1", 5).await], &access).await;
    world
        .api
        .forward_port("netpol", "netpol-relay-0", PORT, address);
    for (name, namespaces) in [
        ("jane", &[Some("shop")][..]),
        ("root", &[None]),
        ("joe", &[]),
    ] {
        world.api.add_token(name, User::new(name));
        // As the Role netpol-client says, and nothing beyond.
        for (verb, resource) in [
            ("list", "pods"),
            ("get", "pods/portforward"),
            ("get", "configmaps"),
        ] {
            world.api.grant(name, verb, resource, Some("netpol"));
        }
        for namespace in namespaces {
            world
                .api
                .grant(name, "watch", "flows.observer.netpol", *namespace);
        }
    }
    let list = async |user: &str| {
        world.change_kubeconfig(|config| config["users"][0]["user"] = json!({ "token": user }));
        let output = world.flows(&["list", "-A"]).output().await.unwrap();
        (
            text(&output.stdout).to_owned(),
            text(&output.stderr).to_owned(),
        )
    };

    let (shown, said) = list("jane").await;
    assert_eq!(said, "");
    assert!(shown.contains("shop/web "), "{shown}");
    assert!(shown.contains("→ 10.0.0.2:80 (withheld)"), "{shown}");
    assert!(!shown.contains("bank"), "{shown}");

    let (shown, said) = list("root").await;
    assert_eq!(said, "");
    assert!(shown.contains("→ bank/db:80 "), "{shown}");

    let (shown, said) = list("joe").await;
    assert_eq!(shown, "");
    assert!(
        said.starts_with(
            "flows: relay netpol/netpol-relay-0 of context testkit does not let you read that: "
        ),
        "{said}"
    );
    assert!(
        said.contains("User \"joe\" can watch resource \"flows\" in API group \"observer.netpol\""),
        "{said}"
    );
}
