//! Lookups of names.

use super::golden::{EGRESS, of, usual, yaml};
use super::world::{edge, group, history, outside, run};
use crate::history::Party;
use crate::model::Protocol;
use crate::suggest::{Options, suggest};

#[test]
fn lookups_are_let_through_over_udp_and_tcp_by_whatever_way_they_go() {
    let mut history = usual();
    let web = Party::Pods(history.population[0].group.clone());
    let service = Party::Service {
        namespace: "kube-system".into(),
        name: "kube-dns".into(),
    };
    // NodeLocal DNS, and its backend that was not seen.
    for destination in [&outside("169.254.20.10/32"), &service] {
        let mut lookup = edge(&web, destination, 53);
        lookup.key.protocol = Protocol::Udp;
        history.edges.push(lookup);
    }
    let text = yaml(&of(&history, "web", EGRESS));
    let rule = "\
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: kube-system
          podSelector:
            matchLabels:
              k8s-app: kube-dns
        - ipBlock:
            cidr: 169.254.20.10/32
      ports:
        - protocol: TCP
          port: 53
        - protocol: UDP
          port: 53
";
    assert!(text.ends_with(rule), "{text}");
}

#[test]
fn the_cluster_s_dns_is_named_as_people_know_it_and_answers_over_tcp_too() {
    let mut history = history();
    let labels = "app.kubernetes.io/name=rke2-coredns,app.kubernetes.io/instance=rke2-coredns,k8s-app=kube-dns";
    let dns = run(&mut history, group("kube-system/coredns", labels));
    let web = run(&mut history, group("shop/web", "app=web"));
    let mut lookup = edge(&web, &dns, 53);
    lookup.key.protocol = Protocol::Udp;
    history.edges.push(lookup);
    let suggestions = suggest(&history, &Options::new("kube-system"), |_| ());
    let text = yaml(&suggestions);
    assert!(text.contains("k8s-app: kube-dns"), "{text}");
    let ports = suggestions.policies[0].ingress[0].rule.ports.len();
    assert_eq!(ports, 2, "{text}");
}
