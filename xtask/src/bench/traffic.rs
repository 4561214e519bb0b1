//! Two pods, routed through a node: how much goes through with and without the agent.

use std::time::Duration;

use anstream::println;
use anyhow::{Context, Result};
use netpol_testkit::record;
use netpol_testkit::traffic::{Bound, TcpAttempt, TcpServer, UdpServer, tcp_loop, udp_flood};
use netpol_testkit::{AgentProcess, Cluster, PodSpec, WorkDirectory, inventory};

/// One sample of one kind.
const SAMPLE: Duration = Duration::from_secs(1);
/// A small request, so that connections and not bytes are measured.
const REQUEST: &[u8] = b"GET";

/// The best of all rounds, a second.
#[derive(Debug, Default, Clone, Copy)]
struct Best {
    datagrams: f64,
    connections: f64,
}

impl Best {
    fn keep(&mut self, sample: Self) {
        self.datagrams = self.datagrams.max(sample.datagrams);
        self.connections = self.connections.max(sample.connections);
    }
}

/// Interleaves samples with and without the agent, so that both meet the same noise.
pub(super) fn run(rounds: u16) -> Result<()> {
    record::sweep()?;
    let cluster = Cluster::builder("netpol-bench")
        .pod(PodSpec::new("bench/client", [10, 244, 1, 10].into()))
        .pod(PodSpec::new("bench/server", [10, 244, 1, 20].into()))
        .build()?;
    // Connections a second times a sample must find a free port each.
    let client = cluster.pod("bench/client").netns();
    client.sysctl("ipv4/ip_local_port_range", "1024 65535")?;
    let directory = WorkDirectory::unique("netpol-bench")?;
    let manifests = directory.path().join("manifests");
    std::fs::create_dir(&manifests).context("cannot create the inventory's directory")?;
    inventory::write(&cluster, &manifests)?;

    let (mut without, mut with) = (Best::default(), Best::default());
    for round in 0..rounds {
        without.keep(sample(&cluster, 2 * round)?);
        let arguments = [
            "--inventory",
            manifests.to_str().context("a path in UTF-8")?,
            "--node",
            inventory::NODE_NAME,
        ];
        let agent = AgentProcess::start(cluster.node(), directory.path(), arguments)?;
        with.keep(sample(&cluster, 2 * round + 1)?);
        agent.stop()?;
        println!("round {} of {rounds}", round + 1);
    }
    print_table(without, with);
    Ok(())
}

/// Each sample has ports of its own: what the one before left in TIME_WAIT is not in its way.
fn sample(cluster: &Cluster, number: u16) -> Result<Best> {
    let (client, server) = (
        cluster.pod("bench/client").netns(),
        cluster.pod("bench/server"),
    );
    let (tcp, udp) = (server.at(2000 + number), server.at(3000 + number));
    let sink = UdpServer::silent(server.netns(), udp)?;
    udp_flood(client, udp, 0, &[0; 64], Bound::time(SAMPLE))?;
    let datagrams = sink.received() as f64 / SAMPLE.as_secs_f64();
    drop(sink);
    let _server = TcpServer::sequential(server.netns(), tcp)?;
    let counts = tcp_loop(client, TcpAttempt::to(tcp), REQUEST, Bound::time(SAMPLE))?;
    Ok(Best {
        datagrams,
        connections: counts.answered as f64 / SAMPLE.as_secs_f64(),
    })
}

fn print_table(without: Best, with: Best) {
    println!(
        "{:<34} {:>12} {:>12} {:>8}",
        "", "without", "with agent", "ratio"
    );
    for (name, without, with) in [
        (
            "UDP datagrams received a second",
            without.datagrams,
            with.datagrams,
        ),
        (
            "TCP connect-request-close a second",
            without.connections,
            with.connections,
        ),
    ] {
        println!(
            "{name:<34} {without:>12.0} {with:>12.0} {:>8.2}",
            with / without
        );
    }
}
