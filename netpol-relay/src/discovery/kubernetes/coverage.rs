//! Which nodes have an agent, and which have none.

use std::collections::BTreeMap;

use super::agent_pod::AgentPod;
use super::watched::Watched;
use crate::discovery::{Discovered, Expected, Whereabouts};

/// Puts pods and nodes together.
pub(super) fn coverage(pods: &Watched<AgentPod>, nodes: &Watched<()>) -> Discovered {
    let troubles = [&pods.trouble, &nodes.trouble];
    Discovered {
        agents: agents(pods, nodes),
        complete: pods.listed && (nodes.listed || nodes.trouble.is_some()),
        troubles: troubles.into_iter().flatten().cloned().collect(),
    }
}

fn agents(pods: &Watched<AgentPod>, nodes: &Watched<()>) -> Vec<Expected> {
    let mut listening = Vec::new();
    let mut nowhere: BTreeMap<&str, String> = BTreeMap::new();
    if pods.listed {
        for node in nodes.objects.keys() {
            nowhere.insert(node, "no pod of netpol-agent is on this node".to_owned());
        }
    }
    for pod in pods.objects.values() {
        match (&pod.whereabouts, &pod.node) {
            (Whereabouts::At(_), node) => listening.push(Expected {
                node: node.clone(),
                whereabouts: pod.whereabouts.clone(),
            }),
            (Whereabouts::Nowhere(why), Some(node)) => {
                nowhere.insert(node, why.clone());
            }
            // Neither a node nor an address: nothing to name.
            (Whereabouts::Nowhere(_), None) => {}
        }
    }
    // A pod that failed stays beside the one that took its place.
    for agent in &listening {
        if let Some(node) = &agent.node {
            nowhere.remove(node.as_str());
        }
    }
    let nowhere = nowhere.into_iter().map(|(node, why)| Expected {
        node: Some(node.to_owned()),
        whereabouts: Whereabouts::Nowhere(why),
    });
    nowhere.chain(listening.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::AgentAddress;

    fn at(address: &str) -> Whereabouts {
        Whereabouts::At(AgentAddress::Tcp(address.to_owned()))
    }

    fn watched<T>(objects: impl IntoIterator<Item = (&'static str, T)>) -> Watched<T> {
        let mut watched = Watched::default();
        for (name, object) in objects {
            watched.objects.insert(name.to_owned(), object);
        }
        watched.listed = true;
        watched
    }

    fn pod(node: &str, whereabouts: Whereabouts) -> AgentPod {
        AgentPod {
            node: Some(node.to_owned()),
            whereabouts,
        }
    }

    #[test]
    fn nodes_without_a_listening_pod_are_named_with_the_reason() {
        let failed = || Whereabouts::Nowhere("pod x is Failed: Evicted".to_owned());
        let pods = watched([
            ("a", pod("n1", at("10.0.0.1:1"))),
            ("b", pod("n1", failed())),
            ("c", pod("n2", failed())),
        ]);
        let nodes = watched([("n1", ()), ("n2", ()), ("n3", ())]);
        let found = coverage(&pods, &nodes);
        assert!(found.complete);
        let told: Vec<_> = found
            .agents
            .iter()
            .map(|agent| (agent.node.as_deref().unwrap(), &agent.whereabouts))
            .collect();
        let missing = Whereabouts::Nowhere("no pod of netpol-agent is on this node".to_owned());
        assert_eq!(
            told,
            [
                ("n2", &failed()),
                ("n3", &missing),
                ("n1", &at("10.0.0.1:1")),
            ]
        );
    }

    #[test]
    fn who_may_not_read_nodes_has_agents_all_the_same() {
        let pods = watched([("a", pod("n1", at("10.0.0.1:1")))]);
        let mut nodes = Watched::default();
        nodes.trouble = Some("forbidden".to_owned());
        let found = coverage(&pods, &nodes);
        assert!(found.complete);
        assert_eq!(found.agents.len(), 1);
        assert_eq!(found.troubles, ["forbidden"]);
        let unlisted = coverage(&Watched::default(), &watched([("n1", ())]));
        assert!(unlisted.agents.is_empty() && !unlisted.complete);
    }
}
