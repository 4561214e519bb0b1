//! Policies that everybody writes, each with the table of who reaches whom: the recipes of
//! github.com/ahmetb/kubernetes-network-policy-recipes by number and name, and those of the Kubernetes documentation.

mod documentation;
mod egress;
mod ingress;
mod namespaces;

use crate::support::cluster::Cluster;

/// Pods `default/web` and `default/other`, and one more in each of the namespaces prod and dev.
fn web() -> Cluster {
    Cluster::default()
        .namespace("default", "{}")
        .namespace("prod", "{purpose: production}")
        .namespace("dev", "{purpose: testing}")
        .pod("default/web", "{app: web}")
        .pod("default/other", "{app: other}")
        .pod("prod/client", "{app: client}")
        .pod("dev/client", "{app: client}")
}
