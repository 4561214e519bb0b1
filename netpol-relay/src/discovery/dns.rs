//! All addresses of a name: those of a headless Service are those of its pods.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;

use super::{AgentAddress, Discovered};

/// How often the name is resolved. CoreDNS holds answers for 5 s as well, unless told otherwise.
const EVERY: Duration = Duration::from_secs(5);

/// Resolves a name again and again.
pub(super) async fn follow(host: &str, port: u16, found: &watch::Sender<Discovered>) {
    loop {
        // A name with a port is resolved as `lookup_host` wants it; brackets would stay part of the name in a pair.
        let answer = lookup_host(format!("{host}:{port}")).await;
        found.send_if_modified(|found| take(found, host, answer.map(Iterator::collect)));
        sleep(EVERY).await;
    }
}

/// Takes an answer; says whether anything is new. A name that cannot be resolved takes no agent away: whether they are there
/// is seen by their connections.
fn take(found: &mut Discovered, host: &str, answer: std::io::Result<BTreeSet<SocketAddr>>) -> bool {
    let next = match answer {
        Ok(addresses) => Discovered::of_addresses(
            addresses
                .into_iter()
                .map(|address| AgentAddress::Tcp(address.to_string())),
        ),
        Err(error) => {
            let trouble = format!("the name {host} cannot be resolved: {error}");
            Discovered {
                agents: found.agents.clone(),
                complete: found.complete,
                troubles: vec![trouble],
            }
        }
    };
    let differs = *found != next;
    if differs {
        for trouble in &next.troubles {
            warn!("{trouble}");
        }
        *found = next;
    }
    differs
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn resolved(addresses: &[&str]) -> io::Result<BTreeSet<SocketAddr>> {
        Ok(addresses.iter().map(|one| one.parse().unwrap()).collect())
    }

    #[test]
    fn addresses_come_and_go_and_stay_where_the_name_cannot_be_resolved() {
        let mut found = Discovered::default();
        assert!(take(
            &mut found,
            "agents",
            resolved(&["10.0.0.1:1", "[fd00::1]:1"])
        ));
        assert_eq!(found.agents.len(), 2);
        assert!(found.complete);
        assert!(!take(
            &mut found,
            "agents",
            resolved(&["[fd00::1]:1", "10.0.0.1:1"])
        ));

        let failed = || Err(io::Error::other("no such host"));
        assert!(take(&mut found, "agents", failed()));
        assert_eq!(found.agents.len(), 2);
        assert_eq!(
            found.troubles,
            ["the name agents cannot be resolved: no such host"]
        );
        assert!(!take(&mut found, "agents", failed()));

        assert!(take(&mut found, "agents", resolved(&["10.0.0.2:1"])));
        assert_eq!(
            found,
            Discovered::of_addresses([AgentAddress::Tcp("10.0.0.2:1".to_owned())])
        );
    }
}
