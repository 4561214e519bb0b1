//! What others match in any case.

use netpol_policy::unused::{Confidence, Status};

use super::world::World;

/// The statuses of the entries of policy `one` beside others, in order.
fn statuses(world: &World) -> Vec<(Status, Confidence)> {
    let report = world.judged();
    let one = report
        .policies
        .iter()
        .find(|one| &*one.policy.name == "one")
        .unwrap();
    one.entries
        .iter()
        .map(|entry| (entry.status, entry.confidence))
        .collect()
}

const ANY: (Status, Confidence) = (Status::Shadowed, Confidence::High);
const KNOWN: (Status, Confidence) = (Status::Shadowed, Confidence::Medium);
const INSUFFICIENT: (Status, Confidence) = (Status::InsufficientEvidence, Confidence::Insufficient);
const IDLE: (Status, Confidence) = (Status::Idle, Confidence::High);

#[test]
fn entries_are_shadowed_where_it_is_shown_and_nowhere_else() {
    let web = "podSelector: {matchLabels: {app: web}}";
    let all = "podSelector: {}";
    for (what, one, others, expected) in [
        (
            "nobody else",
            format!("{web}, ingress: [{{}}]"),
            vec![],
            IDLE,
        ),
        (
            "everyone on every port",
            format!("{web}, ingress: [{{from: [{{podSelector: {{}}}}], ports: [{{port: 80}}]}}]"),
            vec![format!("{all}, ingress: [{{}}]")],
            ANY,
        ),
        (
            "other pods are selected",
            format!("{all}, ingress: [{{ports: [{{port: 80}}]}}]"),
            vec![format!("{web}, ingress: [{{}}]")],
            KNOWN, // prod has no other pods than web
        ),
        (
            "the other direction",
            format!("{web}, ingress: [{{}}]"),
            vec![format!("{web}, egress: [{{}}], policyTypes: [Egress]")],
            IDLE,
        ),
        (
            "a default deny",
            format!("{web}, ingress: [{{}}]"),
            vec![all.to_owned()],
            IDLE,
        ),
        (
            "other ports",
            format!("{web}, ingress: [{{ports: [{{port: 80}}]}}]"),
            vec![format!("{web}, ingress: [{{ports: [{{port: 81}}]}}]")],
            IDLE,
        ),
        (
            "a range of ports",
            format!("{web}, ingress: [{{ports: [{{port: 80}}]}}]"),
            vec![format!(
                "{web}, ingress: [{{ports: [{{port: 1, endPort: 99}}]}}]"
            )],
            ANY,
        ),
        (
            "two ranges together",
            format!("{web}, ingress: [{{ports: [{{port: 10, endPort: 20}}]}}]"),
            vec![
                format!("{web}, ingress: [{{ports: [{{port: 1, endPort: 15}}]}}]"),
                format!("{all}, ingress: [{{ports: [{{port: 16, endPort: 30}}]}}]"),
            ],
            ANY,
        ),
        (
            "a named port, by the numbers that the pods have",
            format!("{web}, ingress: [{{ports: [{{port: http}}]}}]"),
            vec![format!("{web}, ingress: [{{ports: [{{port: 8080}}]}}]")],
            (Status::Idle, Confidence::High),
        ),
        (
            "a peer with more labels",
            format!(
                "{web}, ingress: [{{from: [{{podSelector: {{matchLabels: {{app: web, tier: a}}}}}}]}}]"
            ),
            vec![format!(
                "{web}, ingress: [{{from: [{{podSelector: {{matchLabels: {{tier: a}}}}}}]}}]"
            )],
            (Status::DanglingPeer, Confidence::High),
        ),
        (
            "the namespace by its name",
            format!("{web}, ingress: [{{from: [{{podSelector: {{matchLabels: {{app: web}}}}}}]}}]"),
            vec![format!(
                "{web}, ingress: [{{from: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: prod}}}}}}]}}]"
            )],
            ANY,
        ),
        (
            "all pods that are known have another label",
            format!(
                "{web}, ingress: [{{from: [{{namespaceSelector: {{}}, podSelector: {{matchLabels: {{app: build}}}}}}]}}]"
            ),
            vec![format!(
                "{web}, ingress: [{{from: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: ci}}}}}}]}}]"
            )],
            KNOWN,
        ),
        (
            "some pods that are known",
            format!("{web}, ingress: [{{from: [{{namespaceSelector: {{}}}}]}}]"),
            vec![format!(
                "{web}, ingress: [{{from: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: ci}}}}}}]}}]"
            )],
            IDLE,
        ),
        (
            "two peers together",
            format!("{web}, ingress: [{{from: [{{namespaceSelector: {{}}}}]}}]"),
            vec![format!(
                "{web}, ingress: [{{from: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: ci}}}}}}, {{podSelector: {{}}}}]}}]"
            )],
            KNOWN,
        ),
        (
            "a block in blocks",
            format!(
                "{web}, ingress: [{{from: [{{ipBlock: {{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}}}]}}]"
            ),
            vec![
                format!(
                    "{web}, ingress: [{{from: [{{ipBlock: {{cidr: 10.0.0.0/9, except: [10.1.2.0/24]}}}}]}}]"
                ),
                format!("{all}, ingress: [{{from: [{{ipBlock: {{cidr: 10.128.0.0/9}}}}]}}]"),
            ],
            ANY,
        ),
        (
            "a block but for an exception",
            format!("{web}, ingress: [{{from: [{{ipBlock: {{cidr: 10.0.0.0/8}}}}]}}]"),
            vec![format!(
                "{web}, ingress: [{{from: [{{ipBlock: {{cidr: 0.0.0.0/0, except: [10.9.9.9/32]}}}}]}}]"
            )],
            IDLE,
        ),
        (
            "pods in a block that holds all addresses: implementations differ",
            format!("{web}, ingress: [{{from: [{{podSelector: {{}}}}]}}]"),
            vec![format!(
                "{web}, ingress: [{{from: [{{ipBlock: {{cidr: 0.0.0.0/0}}}}, {{ipBlock: {{cidr: '::/0'}}}}]}}]"
            )],
            IDLE,
        ),
        (
            "a block of pods beside a selector of every pod",
            format!("{web}, ingress: [{{from: [{{ipBlock: {{cidr: 10.244.0.0/16}}}}]}}]"),
            vec![format!(
                "{web}, ingress: [{{from: [{{namespaceSelector: {{}}}}]}}]"
            )],
            IDLE,
        ),
        (
            "every port of each protocol is not every port",
            format!("{web}, ingress: [{{}}]"),
            vec![format!(
                "{web}, ingress: [{{ports: [{{protocol: TCP}}, {{protocol: UDP}}, {{protocol: SCTP}}]}}]"
            )],
            IDLE,
        ),
    ] {
        let mut text = format!("one: {{{one}}}");
        for (index, other) in others.iter().enumerate() {
            text.push_str(&format!("\nother{index}: {{{other}}}"));
        }
        let world = World::new(&text).with_port("http", 8080);
        // A named port of the peer is none of the policy's own pods.
        let expected = if what.starts_with("a named port") {
            (Status::UnresolvedNamedPort, Confidence::High)
        } else {
            expected
        };
        assert_eq!(statuses(&world), [expected], "{what}");
    }
}

/// Known for an hour: others are just not there yet.
#[test]
fn what_holds_for_known_pods_wants_that_they_are_known_for_long() {
    let text = "one: {podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}
        other: {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [prod, ci]}]}}]}]}";
    let world = World::new(text);
    assert_eq!(statuses(&world), [KNOWN]);
    let young = world
        .clone()
        .watched("n1", &[(29, 30)])
        .watched("n2", &[(29, 30)]);
    let entry = young.entry("one ingress[0] from[0]");
    assert_eq!(entry.status, Status::InsufficientEvidence);
    assert_eq!(entry.if_evidence_held, Some(Status::Shadowed));
    assert_eq!(
        entry.limits[0].to_string(),
        "it has been known who exists for 1d, and 7d are asked for"
    );
    let gaps = world.watched("n1", &[(0, 1)]).watched("n2", &[(29, 30)]);
    let entry = gaps.entry("one ingress[0] from[0]");
    assert_eq!(entry.status, Status::InsufficientEvidence);
}

#[test]
fn a_named_port_is_a_number_of_the_pods_that_are_known() {
    let text = "one: {podSelector: {}, ingress: [{ports: [{port: http}]}]}
        other: {podSelector: {}, ingress: [{ports: [{port: 8080}]}]}";
    let web = |port| {
        let mut world = World::new(text)
            .pods("prod/db", &[("n1", 1)])
            .with_port("http", 8080);
        let mut first = (*world.0.population[0].group).clone();
        first.ports = vec![netpol_policy::model::NamedPort {
            name: "http".into(),
            protocol: netpol_policy::model::Protocol::Tcp,
            port,
        }];
        world.0.population[0].group = first.into();
        world
    };
    // Only peers that are pods are looked up by name; this one is everyone.
    assert_eq!(statuses(&web(8080)), [KNOWN]);
    assert_eq!(statuses(&web(8081)), [IDLE]);
}

#[test]
fn two_that_match_the_same_shadow_each_other_and_name_each_other() {
    let world = World::new(
        "one: {podSelector: {}, ingress: [{ports: [{port: 80}]}, {ports: [{port: 80}]}]}",
    );
    assert_eq!(statuses(&world), [ANY, ANY]);
    let entry = world.entry("one ingress[1] ports[0]");
    assert_eq!(entry.shadowed_by.len(), 1);
    assert_eq!(
        entry.because,
        "all that it matches is matched by prod/one ingress[0] ports[0]"
    );
}

fn tiered(name: &str, tier: &str, priority: u16, rules: &str) -> String {
    format!(
        "kind: ClusterNetworkPolicy\napiVersion: policy.networking.k8s.io/v1alpha2\nmetadata: {{name: {name}}}\nspec: {{tier: {tier}, priority: {priority}, subject: {{namespaces: {{}}}}, ingress: [{rules}]}}"
    )
}

#[test]
fn in_the_tiers_what_is_asked_first_shadows_whatever_it_does() {
    let every = "from: [{namespaces: {}}]";
    let accept = format!("{{action: Accept, {every}}}");
    let deny = format!("{{action: Deny, {every}}}");
    let narrow = "{action: Accept, from: [{pods: {podSelector: {matchLabels: {app: build}}}}]}";
    let unknown = "{action: Accept, from: [{namespaces: {}}, {somethingNew: {}}]}";
    let guard = (Status::Deny, Confidence::High);
    for (what, policies, expected) in [
        (
            "the rule before",
            vec![tiered("one", "Admin", 5, &format!("{deny}, {narrow}"))],
            vec![guard, ANY],
        ),
        (
            "not the one behind",
            vec![tiered("one", "Admin", 5, &format!("{narrow}, {deny}"))],
            vec![IDLE, guard],
        ),
        (
            "a policy of higher precedence",
            vec![
                tiered("one", "Admin", 5, narrow),
                tiered("two", "Admin", 4, &accept),
            ],
            vec![ANY],
        ),
        (
            "equal priority is not defined",
            vec![
                tiered("one", "Admin", 5, narrow),
                tiered("two", "Admin", 5, &accept),
            ],
            vec![IDLE],
        ),
        (
            "another tier",
            vec![
                tiered("one", "Baseline", 5, narrow),
                tiered("two", "Admin", 4, &accept),
            ],
            vec![IDLE],
        ),
        (
            "what fails closed accepts nothing here, and who knows what elsewhere",
            vec![tiered("one", "Admin", 5, &format!("{unknown}, {narrow}"))],
            vec![INSUFFICIENT, INSUFFICIENT, IDLE],
        ),
    ] {
        let world = World::new(&policies.join("\n---\n"));
        assert_eq!(statuses(&world), expected, "{what}");
    }
}

#[test]
fn rule_37_baseline_is_never_asked_where_network_policies_isolate_all_pods() {
    let baseline = tiered(
        "one",
        "Baseline",
        1,
        "{action: Deny, from: [{namespaces: {}}]}",
    );
    let world = World::new(&format!("closed: {{podSelector: {{}}}}\n---\n{baseline}"));
    // ci/build is not isolated.
    assert_eq!(statuses(&world), [(Status::Deny, Confidence::High)]);
    let mut world = world;
    world
        .0
        .population
        .retain(|present| &*present.group.namespace == "prod");
    assert_eq!(statuses(&world), [KNOWN]);
}
