//! Rule by rule: the Admin and the Baseline tier around NetworkPolicy.

mod actions;
mod fields;
mod order;
mod peers;

use std::net::SocketAddr;

use netpol_policy::evaluate::evaluate;
use netpol_policy::model::Protocol::{self, Tcp};
use netpol_policy::verdict::{DirectionVerdict, Tier, TierOutcome, Verdict};

use crate::support::cluster::Cluster;

/// Namespace shop with a web server, a database and a pod in the network of node n1; namespace ci with a build.
fn world() -> Cluster {
    Cluster::default()
        .namespace("shop", "{team: shop}")
        .namespace("ci", "{team: build}")
        .node("n1", "{disk: ssd}")
        .node("n2", "{disk: hdd}")
        .pod("shop/web", "{app: web}")
        .pod_with_ports(
            "shop/db",
            "{app: db}",
            "[{name: sql, containerPort: 5432}, {name: dns, containerPort: 53, protocol: UDP}]",
        )
        .host_network_pod("shop/host", "{app: host}", "n1")
        .pod("ci/build", "{app: build}")
}

/// Pods of namespace shop.
const SHOP: &str = "subject: {namespaces: {matchLabels: {team: shop}}}";
const FROM_CI: &str = "from: [{namespaces: {matchLabels: {team: build}}}]";
const FROM_ALL: &str = "from: [{namespaces: {}}]";
const TO_EVERYWHERE: &str = "to: [{networks: [0.0.0.0/0, '::/0']}]";

impl Cluster {
    /// A ClusterNetworkPolicy for the pods of shop.
    fn tiered(self, name: &str, tier: &str, priority: u16, rules: &str) -> Self {
        let spec = format!("{{tier: {tier}, priority: {priority}, {SHOP}, {rules}}}");
        self.cluster_policy(
            name,
            &format!(
                "{{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {{name: {name}}}, spec: {spec}}}"
            ),
        )
    }

    fn admin(self, name: &str, priority: u16, rules: &str) -> Self {
        self.tiered(name, "Admin", priority, rules)
    }

    fn baseline(self, name: &str, priority: u16, rules: &str) -> Self {
        self.tiered(name, "Baseline", priority, rules)
    }

    /// An AdminNetworkPolicy for the pods of shop.
    fn older_admin(self, name: &str, priority: u16, rules: &str) -> Self {
        self.cluster_policy(
            &format!("older {name}"),
            &format!(
                "{{apiVersion: policy.networking.k8s.io/v1alpha1, kind: AdminNetworkPolicy, metadata: {{name: {name}}}, spec: {{priority: {priority}, {SHOP}, {rules}}}}}"
            ),
        )
    }

    /// The BaselineAdminNetworkPolicy, for the pods of shop.
    fn older_baseline(self, rules: &str) -> Self {
        self.cluster_policy(
            "older default",
            &format!(
                "{{apiVersion: policy.networking.k8s.io/v1alpha1, kind: BaselineAdminNetworkPolicy, metadata: {{name: default}}, spec: {{{SHOP}, {rules}}}}}"
            ),
        )
    }

    /// What ingress of the database says of the build.
    fn build_to_db(&self, protocol: Protocol, port: u16) -> DirectionVerdict {
        self.ask("ci/build", "shop/db", protocol, port).ingress
    }

    /// What egress of the web server says.
    fn web_to(&self, to: &str, protocol: Protocol, port: u16) -> DirectionVerdict {
        self.ask("shop/web", to, protocol, port).egress
    }

    /// What is decided where the web server dialled a Service.
    fn through_service(&self, from: &str, to: &str) -> Verdict {
        let mut connection = self.connection(from, to, Tcp, 5432);
        connection.dialled = Some("10.96.0.1:80".parse::<SocketAddr>().unwrap());
        evaluate(self.inventory(), &connection)
    }
}

/// Tiers asked, and what they said, without the rules that passed.
fn path(verdict: &DirectionVerdict) -> Vec<(Tier, &'static str)> {
    let words = |outcome: &TierOutcome| match outcome {
        TierOutcome::NotSelected => "not selected",
        TierOutcome::NoMatch => "no match",
        TierOutcome::Passed(_) => "passed",
        TierOutcome::Allowed => "allowed",
        TierOutcome::Denied => "denied",
        TierOutcome::Undecided => "undecided",
    };
    let steps = verdict.path.iter();
    steps
        .map(|step| (step.tier, words(&step.outcome)))
        .collect()
}
