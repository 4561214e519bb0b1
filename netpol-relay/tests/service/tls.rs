//! Certificates on both sides, replaced while the relay runs.

use std::net::SocketAddr;
use std::path::Path;
use std::time::SystemTime;

use netpol_api::v1::node_state::State;
use netpol_testkit::Authority;
use netpol_testkit::authority::Validity;
use netpol_transport::listen::Door;
use netpol_transport::tls::{ClientCertificates, Identity, Pem, ServerTls, ServerTlsFiles};
use tokio::net::TcpListener;

use crate::agent::{Agent, World};
use crate::flow;
use crate::readers::wait_for_streams;
use crate::relay::{Relay, follow};

const NAME: &str = "netpol-agent.netpol.svc";

/// Certificates of one authority for both sides, as `agent.*`, `relay.*` and `ca.crt` in a directory.
fn issue(directory: &Path) {
    let authority = Authority::new().unwrap();
    let agent = authority.server(&[NAME], Validity::Always).unwrap();
    let relay = authority.client("netpol-relay", Validity::Always).unwrap();
    agent.write(directory, "agent").unwrap();
    relay.write(directory, "relay").unwrap();
    std::fs::write(directory.join("ca.crt"), authority.certificate()).unwrap();
}

fn pem(directory: &Path, name: &str) -> Pem {
    Pem::File(directory.join(name))
}

/// An agent that asks for certificates of `clients`/ca.crt.
fn serve(world: &World, address: SocketAddr, own: &Path, clients: &Path) -> Agent {
    let tls = ServerTls::load(&ServerTlsFiles {
        identity: Identity {
            certificate: pem(own, "agent.crt"),
            key: pem(own, "agent.key"),
        },
        clients: ClientCertificates::Required(pem(clients, "ca.crt")),
    });
    let tls = tls.unwrap();
    let listener = std::net::TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    world.serve_at(move || (Door::Tls(TcpListener::from_std(listener).unwrap(), tls), ()))
}

fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

async fn relay(address: SocketAddr, directory: &Path) -> Relay {
    let file = |name: &str| directory.join(name).to_str().unwrap().to_owned();
    let arguments = [
        ["--agent-ca", &file("ca.crt")],
        ["--agent-cert", &file("relay.crt")],
        ["--agent-key", &file("relay.key")],
    ];
    Relay::of(&[address], &arguments.concat()).await
}

/// What the relay says of its only node, once that can be reached no more.
async fn trouble(relay: &Relay) -> String {
    let status = relay.status(|status| {
        let state = status.nodes.first().and_then(|node| node.state.as_ref());
        state.is_some_and(|state| {
            state.state() == State::Unreachable && state.message != "not connected yet"
        })
    });
    let mut status = status.await;
    status.nodes.remove(0).state.unwrap().message
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_asked_for_by_both_sides_and_may_be_replaced() {
    let directory = tempfile::tempdir().unwrap();
    issue(directory.path());
    let address = free_address();
    let world = World::new("node-1");
    let agent = serve(&world, address, directory.path(), directory.path());
    let relay = relay(address, directory.path()).await;
    let mut reader = relay.watch(follow()).await;
    wait_for_streams(std::slice::from_ref(&agent), 1).await;
    world.see(flow("node-1", 1, SystemTime::now()));
    assert_eq!(reader.flow().await.0.id, "node-1-1");

    // All certificates are new, of another authority; the relay is not restarted.
    drop(agent);
    issue(directory.path());
    let agent = serve(&world, address, directory.path(), directory.path());
    assert_eq!(reader.state().await.1, State::Unreachable);
    assert_eq!(reader.state().await.1, State::Followed);
    world.see(flow("node-1", 2, SystemTime::now()));
    assert_eq!(reader.flow().await.0.id, "node-1-2");
    drop(agent);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_named_on_either_side() {
    let [ours, theirs] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    issue(ours.path());
    issue(theirs.path());
    let address = free_address();
    let world = World::new("node-1");
    let agent = serve(&world, address, ours.path(), theirs.path());
    let not_accepted = relay(address, ours.path()).await;
    let told = trouble(&not_accepted).await;
    let expected = format!("https://{address} does not accept the client certificate: ");
    assert!(told.starts_with(&expected), "{told}");
    not_accepted.stop().await;
    drop(agent);

    let _agent = serve(&world, address, theirs.path(), ours.path());
    let not_trusting = relay(address, ours.path()).await;
    let authority = ours.path().join("ca.crt");
    assert_eq!(
        trouble(&not_trusting).await,
        format!(
            "the certificate of https://{address} is signed by no authority in {}",
            authority.display()
        )
    );
    not_trusting.stop().await;
}
