//! Whole worlds as a user writes them, with every construct of the APIs, and questions about them.
//!
//! Few labels, few addresses, few ports: what is generated meets often. Everything is what an API server would accept,
//! but for blocks with host bits or leading zeros, which it once did (rule 26).

mod cluster;
mod network_policy;
mod requests;
mod selector;
mod tiered;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::Value;

pub(crate) use self::network_policy::rule;
pub(crate) use self::requests::Request;
pub(crate) use self::tiered::has_unknown_peer;

/// Objects, questions about them, and the domain names that are known.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) cluster: Vec<Value>,
    pub(crate) policies: Vec<Value>,
    pub(crate) names: BTreeMap<IpAddr, Vec<String>>,
    pub(crate) requests: Vec<Request>,
}

/// Questions about each world.
const REQUESTS: usize = 64;

/// Worlds with policies of all kinds.
pub(crate) fn cases() -> impl Strategy<Value = Case> {
    // Few, so that something is left to the Baseline tier; or many.
    let network_policies = prop_oneof![network_policy::policies(1), network_policy::policies(6)];
    let all = (network_policies, tiered::policies());
    with_policies(all.prop_map(|(mut policies, tiered)| {
        policies.extend(tiered);
        policies
    }))
}

/// Worlds with no policy but NetworkPolicy.
pub(crate) fn network_policy_cases() -> impl Strategy<Value = Case> {
    with_policies(network_policy::policies(6))
}

fn with_policies(policies: impl Strategy<Value = Vec<Value>>) -> impl Strategy<Value = Case> {
    let draws = prop::collection::vec(requests::draw(), REQUESTS);
    (cluster::objects(), policies, names(), draws).prop_map(|(cluster, policies, names, draws)| {
        let offer = requests::offer(&cluster, &policies);
        let requests = draws.iter().map(|draw| draw.of(&cluster, &offer));
        Case {
            requests: requests.collect(),
            cluster,
            policies,
            names,
        }
    })
}

/// What is known of names: one address has several, one has none, of the others it is not known.
fn names() -> impl Strategy<Value = BTreeMap<IpAddr, Vec<String>>> {
    let known = vec![
        ("203.0.113.8", vec!["www.example.com", "EXAMPLE.org."]),
        ("203.0.113.9", vec!["example.com"]),
        ("203.0.113.10", vec![]),
        ("2001:db8::9", vec!["a.b.example.com", "myexample.com"]),
    ];
    subsequence(known, 2..=4).prop_map(|known| {
        let entry = |(address, names): (&str, Vec<&str>)| {
            let names = names.into_iter().map(str::to_owned).collect();
            (address.parse().unwrap(), names)
        };
        known.into_iter().map(entry).collect()
    })
}

impl Case {
    pub(crate) fn objects(&self) -> Vec<Value> {
        [&*self.cluster, &*self.policies].concat()
    }
}

/// One object a line, so that it can be read and be given back to the library.
impl fmt::Debug for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out)?;
        for object in self.cluster.iter().chain(&self.policies) {
            writeln!(out, "{object}")?;
        }
        write!(out, "names: {:?}", self.names)
    }
}
