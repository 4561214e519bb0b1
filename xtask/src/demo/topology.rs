//! The demo's cluster: what `deploy/demo` describes, made real.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context, Result};
use netpol_testkit::cluster::WORLD_IPV4;
use netpol_testkit::traffic::{TcpServer, UdpServer};
use netpol_testkit::{Cluster, PodSpec, artifact, firewall};

/// Prefix of every namespace the demo makes.
pub(super) const NAME: &str = "netpol-demo";
/// Name of the node in the manifests.
pub(super) const NODE: &str = "node-1";

/// Pods with the last part of both addresses: 10.244.1.N and fd00:244:1::N, read the same.
const PODS: [(&str, u8); 5] = [
    ("ci/runner", 10),
    ("ci/lint", 11),
    ("data/artifacts", 20),
    ("data/postgres", 21),
    ("prod/web", 30),
];

/// The artifact store's Service.
pub(super) const ARTIFACTS: (Ipv4Addr, u16) = (Ipv4Addr::new(10, 96, 0, 20), 80);
/// The same, IPv6.
pub(super) const ARTIFACTS6: (Ipv6Addr, u16) =
    (Ipv6Addr::new(0xfd00, 0x96, 0, 0, 0, 0, 0, 0x20), 80);

/// What makes the world silent.
const MUTE: &str = "
table inet mute {
    chain input {
        type filter hook input priority filter; policy accept;
        tcp dport 443 drop
    }
}
";

/// A machine outside that takes packets and says nothing.
pub(super) const SILENT: (Ipv4Addr, u16) = (WORLD_IPV4, 443);
/// The node's way out, which is no pod's interface.
pub(super) const UPLINK: &str = "eth0";

/// The cluster with its servers. The servers are dropped first.
pub(super) struct Demo {
    _tcp: Vec<TcpServer>,
    _udp: Vec<UdpServer>,
    pub(super) cluster: Cluster,
}

/// Makes pods, enforcement and servers. Every namespace's name begins with `name`.
pub(super) fn create(name: &str) -> Result<Demo> {
    let cluster = PODS
        .into_iter()
        .fold(Cluster::named(name), |cluster, (name, last)| {
            cluster.pod(PodSpec::new(name, ipv4(last)).ipv6(ipv6(last)))
        })
        .world()
        .build()
        .context("cannot make the demo's cluster (does another demo run?)")?;
    let path = artifact::workspace().join("deploy/demo/enforcement.nft");
    let rules = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    firewall::nft(cluster.node(), &rules)?;
    firewall::nft(cluster.world(), MUTE)?;

    let any = |port: u16| SocketAddr::from(([0_u16; 8], port));
    let server = |pod: &str, port| TcpServer::start(cluster.pod(pod).netns(), any(port));
    // Nobody listens on the store's admin port, which policy allows.
    let tcp = vec![
        server("data/artifacts", 8080)?,
        server("data/postgres", 5432)?,
        server("prod/web", 80)?,
    ];
    let store = cluster.pod("data/artifacts").netns();
    let udp = vec![
        UdpServer::echo(store, any(8125))?,
        UdpServer::silent(store, any(8126))?,
    ];
    Ok(Demo {
        _tcp: tcp,
        _udp: udp,
        cluster,
    })
}

fn ipv4(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 244, 1, last)
}

/// The decimal digits of `last` as hexadecimal ones.
fn ipv6(last: u8) -> Ipv6Addr {
    let digits = u16::from(last / 10 * 16 + last % 10);
    Ipv6Addr::new(0xfd00, 0x244, 1, 0, 0, 0, 0, digits)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use netpol_testkit::namespace::unique_name;
    use netpol_testkit::requirement::{Requirement, require, require_root};
    use netpol_testkit::traffic::{Outcome, TcpAttempt, UdpAttempt};

    use super::*;

    #[test]
    fn enforcement_does_what_the_captions_say() {
        if !require_root() || !require(&[Requirement::Command("nft")]) {
            return;
        }
        let demo = create(&unique_name("netpol-demo-test")).unwrap();
        let pod = |name| demo.cluster.pod(name);
        let (store, postgres) = (pod("data/artifacts"), pod("data/postgres"));
        let briefly = Duration::from_millis(200);
        for (from, to, expected) in [
            ("ci/runner", ARTIFACTS.into(), Outcome::Answered),
            ("ci/runner", ARTIFACTS6.into(), Outcome::Answered),
            ("prod/web", ARTIFACTS.into(), Outcome::Answered),
            ("prod/web", postgres.at(5432), Outcome::Answered),
            ("ci/runner", postgres.at(5432), Outcome::TimedOut),
            ("ci/lint", postgres.at6(5432), Outcome::TimedOut),
            ("ci/lint", pod("prod/web").at(80), Outcome::Refused),
            ("ci/lint", pod("prod/web").at6(80), Outcome::Answered),
            ("ci/runner", store.at(8081), Outcome::Refused),
            ("ci/lint", store.at(8080), Outcome::TimedOut),
            ("prod/web", postgres.at6(5432), Outcome::TimedOut),
            ("prod/web", SILENT.into(), Outcome::TimedOut),
        ] {
            let attempt = match expected {
                Outcome::TimedOut => TcpAttempt::to(to).timeout(briefly),
                _ => TcpAttempt::to(to),
            };
            let outcome = attempt.exchange_from(pod(from).netns(), b"x").unwrap();
            assert_eq!(outcome, expected, "{from} to {to}");
        }
        for (attempt, expected) in [
            (UdpAttempt::to(store.at(8125)), Outcome::Answered),
            (
                UdpAttempt::to(store.at(8126)).timeout(briefly),
                Outcome::TimedOut,
            ),
        ] {
            assert_eq!(
                attempt.exchange_from(pod("ci/lint").netns(), b"x").unwrap(),
                expected
            );
        }
    }

    #[test]
    fn manifests_describe_these_pods() {
        let path = artifact::workspace().join("deploy/demo/manifests/cluster.yaml");
        let manifests = std::fs::read_to_string(path).unwrap();
        for (name, last) in PODS {
            let (namespace, pod) = name.split_once('/').unwrap();
            let document = manifests
                .split("\n---\n")
                .find(|text| {
                    text.contains("kind: Pod\n")
                        && text.contains(&format!("name: {pod}\n  namespace: {namespace}\n"))
                })
                .unwrap();
            let addresses = format!("[{{ ip: {} }}, {{ ip: \"{}\" }}]", ipv4(last), ipv6(last));
            assert!(document.contains(&addresses), "{name}: {addresses}");
        }
        assert_eq!(manifests.matches("kind: Pod\n").count(), PODS.len());
        assert!(manifests.contains(&format!(
            "clusterIPs: [{}, \"{}\"]",
            ARTIFACTS.0, ARTIFACTS6.0
        )));
    }
}
