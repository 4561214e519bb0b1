//! What is suggested for some small worlds, as it is applied.

use super::world::{at, edge, enforce, group, history, node, outside, run};
use crate::history::{Agreement, History, Party, RememberedPolicy};
use crate::k8s::write::{Comments, policy_yaml};
use crate::manifest;
use crate::model::{Object, Protocol};
use crate::suggest::{Directions, Options, Suggestions, Withheld, WorkloadPattern, suggest};
use crate::unused::Limit;

/// The documents, without what they all begin with.
pub(super) fn yaml(suggestions: &Suggestions) -> String {
    let documents = suggestions.policies.iter().map(|one| {
        policy_yaml(
            &RememberedPolicy::Network(one.policy.clone()),
            &Comments::default(),
        )
    });
    let text = documents.collect::<Vec<_>>().join("---\n");
    let read = manifest::parse_strict(&text);
    assert_eq!(read.errors, [], "{text}");
    let policies = suggestions
        .policies
        .iter()
        .map(|one| Object::NetworkPolicy(one.policy.clone()));
    assert_eq!(read.objects, policies.collect::<Vec<_>>());
    text.replace(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n",
        "",
    )
}

pub(super) fn shop(history: &History) -> Suggestions {
    suggest(history, &Options::new("shop"), |_| ())
}

pub(super) fn of(history: &History, workload: &str, directions: Directions) -> Suggestions {
    let options = Options {
        workload: Some(WorkloadPattern {
            name: workload.into(),
            kind: None,
        }),
        directions,
        ..Options::new("shop")
    };
    suggest(history, &options, |_| ())
}

pub(super) const INGRESS: Directions = Directions {
    ingress: true,
    egress: false,
};
pub(super) const EGRESS: Directions = Directions {
    ingress: false,
    egress: true,
};

/// `web` and `db` of `shop`, the cluster's DNS, and what usually goes on between them.
pub(super) fn usual() -> History {
    let mut history = history();
    let web = run(&mut history, group("shop/web", "app=web,tier=front"));
    let db = run(&mut history, group("shop/db", "app=db,tier=back"));
    let dns = run(
        &mut history,
        group("kube-system/coredns", "k8s-app=kube-dns"),
    );
    let gateway = run(&mut history, group("edge/gateway", "app=gateway"));
    history.edges.push(edge(&web, &db, 5432));
    let mut lookup = edge(&web, &dns, 53);
    lookup.key.protocol = Protocol::Udp;
    history.edges.push(lookup);
    history.edges.push(edge(&gateway, &web, 8080));
    history
}

#[test]
fn a_namespace_gets_a_policy_per_workload_and_the_default_deny() {
    let suggestions = shop(&usual());
    assert_eq!(
        yaml(&suggestions),
        "\
metadata:
  name: db
  namespace: shop
spec:
  podSelector:
    matchLabels:
      app: db
  policyTypes:
    - Ingress
    - Egress
  ingress:
    - from:
        - podSelector:
            matchLabels:
              app: web
      ports:
        - protocol: TCP
          port: 5432
---
metadata:
  name: web
  namespace: shop
spec:
  podSelector:
    matchLabels:
      app: web
  policyTypes:
    - Ingress
    - Egress
  ingress:
    - from:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: edge
          podSelector:
            matchLabels:
              app: gateway
      ports:
        - protocol: TCP
          port: 8080
  egress:
    - to:
        - podSelector:
            matchLabels:
              app: db
      ports:
        - protocol: TCP
          port: 5432
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: kube-system
          podSelector:
            matchLabels:
              k8s-app: kube-dns
      ports:
        - protocol: TCP
          port: 53
        - protocol: UDP
          port: 53
---
metadata:
  name: default-deny
  namespace: shop
spec:
  podSelector: {}
  policyTypes:
    - Ingress
    - Egress
"
    );
    assert_eq!(suggestions.kept.len(), 3);
    assert_eq!(suggestions.left_out, []);
    assert_eq!(suggestions.evidence.limits, []);
}

#[test]
fn a_workload_gets_its_policy_alone_and_the_default_deny_is_not_printed() {
    let suggestions = of(&usual(), "web", INGRESS);
    assert_eq!(suggestions.policies.len(), 1);
    let policy = &suggestions.policies[0].policy;
    assert_eq!(policy.egress, None);
    assert_eq!(policy.ingress.as_ref().unwrap().len(), 1);
}

#[test]
fn peers_that_use_the_same_ports_are_one_rule_and_the_same_labels_in_two_namespaces_one_peer() {
    let mut history = usual();
    let web = history.population[0].group.clone();
    let api = run(&mut history, group("shop/api", "app=api"));
    let agents = ["blue", "green"].map(|namespace| {
        run(
            &mut history,
            group(&format!("{namespace}/agent"), "app=agent"),
        )
    });
    for source in [&api, &agents[0], &agents[1]] {
        history
            .edges
            .push(edge(source, &Party::Pods(web.clone()), 8080));
    }
    let text = yaml(&of(&history, "web", INGRESS));
    let rule = "\
  ingress:
    - from:
        - podSelector:
            matchLabels:
              app: api
        - namespaceSelector:
            matchExpressions:
              - key: kubernetes.io/metadata.name
                operator: In
                values:
                  - blue
                  - green
          podSelector:
            matchLabels:
              app: agent
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: edge
          podSelector:
            matchLabels:
              app: gateway
      ports:
        - protocol: TCP
          port: 8080
";
    assert!(text.ends_with(rule), "{text}");
}

#[test]
fn many_peers_of_a_namespace_are_all_of_it_and_that_is_told() {
    let mut history = usual();
    let db = Party::Pods(history.population[1].group.clone());
    for index in 0..20 {
        let app = format!("app=client-{index}");
        let client = run(&mut history, group(&format!("many/client-{index}"), &app));
        if index < 17 {
            history.edges.push(edge(&client, &db, 5432));
        }
    }
    let suggestions = of(&history, "db", INGRESS);
    let rule = &suggestions.policies[0].ingress[0];
    assert_eq!(rule.peers[1].whole_namespace, Some(20));
    assert_eq!(rule.peers[1].called.len(), 17);
    let text = yaml(&suggestions);
    assert!(
        text.contains("kubernetes.io/metadata.name: many\n      ports"),
        "{text}"
    );
}

#[test]
fn outside_addresses_nodes_and_services_without_a_backend() {
    let mut history = usual();
    let web = Party::Pods(history.population[0].group.clone());
    for address in ["198.51.100.7/32", "203.0.113.9/32"] {
        history.edges.push(edge(&web, &outside(address), 443));
    }
    // The pods of web are on n1: n2 is another node.
    history.edges.push(edge(&web, &node("n2"), 6443));
    history.edges.push(edge(&web, &node("n1"), 10250));
    let itself = Party::Service {
        namespace: "shop".into(),
        name: "web".into(),
    };
    history.edges.push(edge(&web, &itself, 80));
    let suggestions = of(&history, "web", EGRESS);
    let text = yaml(&suggestions);
    let rules = "\
    - to:
        - ipBlock:
            cidr: 192.0.2.2/32
      ports:
        - protocol: TCP
          port: 6443
    - to:
        - ipBlock:
            cidr: 198.51.100.7/32
        - ipBlock:
            cidr: 203.0.113.9/32
      ports:
        - protocol: TCP
          port: 443
";
    assert!(text.ends_with(rules), "{text}");
    // Ports are those of the pods, not that of the Service.
    let behind = "\
              app: web
      ports:
        - protocol: TCP
          port: 8080
";
    assert!(text.contains(behind), "{text}");
    assert_eq!(suggestions.undecided.len(), 1, "the Service's backend");
    assert_eq!(suggestions.left_out.len(), 1, "the own node");
}

#[test]
fn workloads_that_no_label_tells_apart_share_a_policy() {
    let mut history = usual();
    let db = Party::Pods(history.population[1].group.clone());
    for version in ["v1", "v2"] {
        let labels = format!("app=reviews,version={version}");
        let reviews = run(
            &mut history,
            group(&format!("shop/reviews-{version}"), &labels),
        );
        history.edges.push(edge(&reviews, &db, 5432));
    }
    let suggestions = shop(&history);
    let names: Vec<_> = suggestions
        .policies
        .iter()
        .map(|one| (&*one.policy.reference.name, one.workloads.len()))
        .collect();
    let expected = [("db", 1), ("reviews", 2), ("web", 1), ("default-deny", 0)];
    assert_eq!(names, expected);
    // And they are one peer of the database.
    assert_eq!(suggestions.policies[0].ingress[0].rule.peers.len(), 2);
}

#[test]
fn a_policy_for_one_workload_lets_through_what_the_others_need_that_it_selects() {
    let mut history = usual();
    let db = Party::Pods(history.population[1].group.clone());
    let labels = ["app=reviews", "app=reviews,track=canary"];
    for (index, labels) in labels.into_iter().enumerate() {
        let reviews = run(
            &mut history,
            group(&format!("shop/reviews-{index}"), labels),
        );
        let port = 5432 + u16::try_from(index).unwrap();
        history.edges.push(edge(&reviews, &db, port));
    }
    let suggestions = of(&history, "reviews-0", EGRESS);
    assert_eq!(suggestions.policies[0].workloads.len(), 2);
    assert_eq!(suggestions.kept.len(), 2);
}

#[test]
fn what_has_no_labels_gets_no_policy_and_no_default_deny_cuts_it_off() {
    let mut history = usual();
    let db = Party::Pods(history.population[1].group.clone());
    let bare = run(&mut history, group("shop/debug", ""));
    history.edges.push(edge(&bare, &db, 5432));
    let suggestions = shop(&history);
    assert_eq!(suggestions.policies.len(), 2);
    assert!(matches!(&suggestions.withheld[..],
        [Withheld::WithoutLabels(one), Withheld::DefaultDeny(cut_off)] if cut_off == std::slice::from_ref(one)));
    let reasons: Vec<_> = suggestions
        .left_out
        .iter()
        .map(|one| one.reason.as_str())
        .collect();
    assert_eq!(reasons, ["peer-without-labels", "without-labels"]);
}

#[test]
fn what_others_deny_is_kept_on_demand_and_said_to_be_denied_still() {
    let mut history = usual();
    enforce(
        &mut history,
        r"
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: no-db}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  egress: [{action: Deny, to: [{pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: db}}}}]}]
",
    );
    history.edges[0].key.agreement = Agreement::DeniedButForwarded;
    assert_eq!(shop(&history).still_denied, []);
    let options = Options {
        unenforced: true,
        ..Options::new("shop")
    };
    let suggestions = suggest(&history, &options, |_| ());
    assert_eq!(suggestions.still_denied.len(), 1);
    assert_eq!(suggestions.withheld, []);
}

#[test]
fn labels_that_changed_are_left_aside_where_they_hinder() {
    let mut history = usual();
    let db = Party::Pods(history.population[1].group.clone());
    // Once it was labelled like web.
    let then = Party::Pods(group("shop/job", "app=web").into());
    run(&mut history, group("shop/job", "app=job"));
    history.edges.push(edge(&then, &db, 5432));
    let suggestions = shop(&history);
    let job = suggestions
        .policies
        .iter()
        .find(|one| &*one.policy.reference.name == "job")
        .unwrap();
    assert!(job.is_of_now);
    assert_eq!(suggestions.withheld, []);
}

#[test]
fn what_takes_from_the_evidence_is_told() {
    let mut history = usual();
    history.nodes[0].intervals[0].from = at(29 * 86_400);
    history.nodes.pop();
    let limits = shop(&history).evidence.limits;
    assert!(matches!(limits[0], Limit::ShortWindow { .. }), "{limits:?}");
    assert!(
        limits
            .iter()
            .any(|one| matches!(one, Limit::OthersWithoutHistory { .. })),
        "{limits:?}"
    );
}
