//! Rules that are too wide, and what they should be.

use crate::history::{History, Observed, Party, Port, RememberedPolicy};
use crate::k8s::write::{Comments, policy_yaml};
use crate::model::Protocol;
use crate::suggest::tests::world::{at, edge, enforce, group, history, node, outside, run};
use crate::tighten::{Options, Proposal, Tightening, Unseen, tighten};

/// `shop/db` under a policy with this spec, besides pods of `shop` and of `data`.
fn world(spec: &str) -> (History, Vec<Party>) {
    let mut history = history();
    let pods = [
        ("shop/db", "app=db"),
        ("shop/web", "app=web"),
        ("shop/api", "app=api"),
        ("shop/cron", "app=cron"),
        ("data/etl", "app=etl"),
        ("data/bi", "app=bi"),
    ];
    let pods = pods
        .map(|(name, labels)| run(&mut history, group(name, labels)))
        .to_vec();
    enforce(
        &mut history,
        &format!(
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: db, namespace: shop}}, spec: {spec}}}"
        ),
    );
    (history, pods)
}

fn proposal(tightening: &Tightening) -> &Proposal {
    assert_eq!(tightening.withheld, []);
    assert_eq!(tightening.proposals.len(), 1, "{tightening:?}");
    &tightening.proposals[0]
}

/// The rules as they should be, and the findings in words.
fn narrowed(history: &History) -> (String, Vec<String>) {
    let tightening = tighten(history, &Options::default(), |_| ());
    let proposal = proposal(&tightening);
    let policy = RememberedPolicy::Network(proposal.after.clone());
    let yaml = policy_yaml(&policy, &Comments::default());
    let rules = yaml.split_once("    - Ingress\n").unwrap().1;
    let findings = proposal
        .findings
        .iter()
        .map(|one| format!("{} | {} | {}", one.permits, one.used, one.unseen));
    (rules.to_owned(), findings.collect())
}

#[test]
fn a_wide_block_for_some_addresses() {
    let (mut history, pods) = world(
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 203.0.0.0/16, except: [203.0.113.0/30]}}], ports: [{port: 5432}]}]}",
    );
    for address in ["203.0.113.7/32", "203.0.200.1/32", "203.0.200.2/32"] {
        history.edges.push(edge(&outside(address), &pods[0], 5432));
    }
    let (rules, findings) = narrowed(&history);
    assert_eq!(
        rules,
        "  ingress:
    - from:
        - ipBlock:
            cidr: 203.0.113.7/32
        - ipBlock:
            cidr: 203.0.200.1/32
        - ipBlock:
            cidr: 203.0.200.2/32
      ports:
        - protocol: TCP
          port: 5432
"
    );
    assert_eq!(
        findings,
        [
            "203.0.0.0/16 except 203.0.113.0/30: 65532 addresses | 203.0.113.7, 203.0.200.1, 203.0.200.2 | 65529 addresses"
        ]
    );
}

#[test]
fn a_block_is_not_kept_wide_for_pods_that_a_selector_lets_through() {
    let (mut history, pods) = world(
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 5432}]}]}",
    );
    history.edges.push(edge(&pods[1], &pods[0], 5432));
    history
        .edges
        .push(edge(&outside("203.0.113.7/32"), &pods[0], 5432));
    let (rules, findings) = narrowed(&history);
    assert!(rules.contains("cidr: 203.0.113.7/32"), "{rules}");
    assert_eq!(
        findings,
        ["0.0.0.0/0: 4294967296 addresses | 203.0.113.7 | 4294967295 addresses"]
    );
}

#[test]
fn exceptions_within_a_narrower_block_stay() {
    let (mut history, pods) = world(
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 203.0.0.0/16, except: [203.0.113.4/30]}}]}]}",
    );
    let far = (0..7).map(|net| format!("203.0.{net}.1/32"));
    for address in far.chain(["203.0.113.1/32".to_owned(), "203.0.113.9/32".to_owned()]) {
        history.edges.push(edge(&outside(&address), &pods[0], 5432));
    }
    let (rules, _) = narrowed(&history);
    assert!(
        rules.contains("cidr: 203.0.113.0/28\n            except:\n              - 203.0.113.4/30"),
        "{rules}"
    );
}

#[test]
fn a_namespace_for_one_workload_and_all_ports_for_one() {
    let (mut history, pods) = world(
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]}",
    );
    history.edges.push(edge(&pods[1], &pods[0], 5432));
    let (rules, findings) = narrowed(&history);
    assert_eq!(
        rules,
        "  ingress:
    - from:
        - podSelector:
            matchLabels:
              app: web
      ports:
        - protocol: TCP
          port: 5432
"
    );
    assert_eq!(findings.len(), 2);
    assert!(findings[0].ends_with("| shop/web[Deployment] | 3 workloads, such as shop/api[Deployment], shop/cron[Deployment], shop/db[Deployment]"), "{findings:?}");
    assert_eq!(
        findings[1],
        "every port of every protocol | TCP 5432 | every other port and protocol"
    );
}

#[test]
fn all_namespaces_for_one_workload_keep_what_else_was_asked_of_it() {
    let (mut history, pods) = world(
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}, podSelector: {matchExpressions: [{key: app, operator: Exists}, {key: legacy, operator: DoesNotExist}]}}], ports: [{port: 5432}]}]}",
    );
    history.edges.push(edge(&pods[4], &pods[0], 5432));
    let (rules, _) = narrowed(&history);
    assert!(
        rules.starts_with(
            "  ingress:
    - from:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: data
          podSelector:
            matchLabels:
              app: etl
            matchExpressions:
              - key: legacy
                operator: DoesNotExist
"
        ),
        "{rules}"
    );
}

#[test]
fn everyone_and_ranges_of_ports() {
    let (mut history, pods) = world(
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 5000, endPort: 6000}, {protocol: UDP}]}]}",
    );
    history.edges.push(edge(&pods[1], &pods[0], 5432));
    history
        .edges
        .push(edge(&outside("203.0.113.7/32"), &pods[0], 5433));
    let (rules, findings) = narrowed(&history);
    assert_eq!(
        rules,
        "  ingress:
    - from:
        - podSelector:
            matchLabels:
              app: web
        - ipBlock:
            cidr: 203.0.113.7/32
      ports:
        - protocol: TCP
          port: 5432
        - protocol: TCP
          port: 5433
        - protocol: UDP
"
    );
    assert!(
        findings[0].starts_with(
            "everyone | shop/web[Deployment], 203.0.113.7 | every other address and pod"
        ),
        "{findings:?}"
    );
    assert_eq!(
        findings[1],
        "TCP ports 5000-6000 | TCP 5432, TCP 5433 | 999 ports"
    );
}

#[test]
fn what_is_used_as_it_stands_or_not_at_all_stays() {
    for spec in [
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}",
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: In, values: [web]}]}}, {ipBlock: {cidr: 198.0.0.0/8}}], ports: [{port: 5432}, {port: 1, endPort: 1000}]}]}",
    ] {
        let (mut history, pods) = world(spec);
        history.edges.push(edge(&pods[1], &pods[0], 5432));
        let tightening = tighten(&history, &Options::default(), |_| ());
        assert_eq!(
            (tightening.proposals.len(), tightening.looked_at),
            (0, 1),
            "{spec}"
        );
    }
}

#[test]
fn what_is_not_known_well_enough_stays() {
    let spec = "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{}]}";
    for (source, port, findings) in [
        (Party::Many, Port::One(5432), 1),
        (node("n9"), Port::One(5432), 1),
        (
            Party::Pods(group("data/bare", "").into()),
            Port::One(5432),
            1,
        ),
        (outside("203.0.113.7/32"), Port::Many, 0),
        (outside("203.0.113.7/32"), Port::One(5432), 2),
    ] {
        let (mut history, pods) = world(spec);
        let mut seen = edge(&source, &pods[0], 1);
        seen.key.port = port;
        history.edges.push(seen);
        let tightening = tighten(&history, &Options::default(), |_| ());
        let found = tightening.proposals.iter().map(|one| one.findings.len());
        assert_eq!(found.sum::<usize>(), findings, "{source:?} {port:?}");
    }
    let (mut history, pods) = world(spec);
    let mut ping = edge(&pods[1], &pods[0], 1);
    (ping.key.protocol, ping.key.port) = (Protocol::Other(1), Port::None);
    history.edges.push(ping);
    assert_eq!(tighten(&history, &Options::default(), |_| ()).proposals, []);
    // A scan among others.
    let (mut history, pods) = world(spec);
    history.edges.push(edge(&pods[1], &pods[0], 5432));
    history.edges.push(edge(&Party::Many, &pods[0], 5432));
    let tightening = tighten(&history, &Options::default(), |_| ());
    assert_eq!(proposal(&tightening).undecided.len(), 1);
}

#[test]
fn what_got_no_answer_is_no_use_and_is_told_where_it_goes() {
    let (mut history, pods) = world(
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}], ports: [{port: 5432}]}]}",
    );
    history.edges.push(edge(&pods[1], &pods[0], 5432));
    let mut silent = edge(&pods[2], &pods[0], 5432);
    silent.key.observed = Observed::Unanswered;
    history.edges.push(silent);
    let tightening = tighten(&history, &Options::default(), |_| ());
    let proposal = proposal(&tightening);
    assert_eq!(proposal.denied.len(), 1);
    assert_eq!(proposal.kept.as_ref().unwrap().connections, 10);
    assert!(matches!(&proposal.findings[0].unseen, Unseen::Workloads(names) if names.len() == 3));
}

#[test]
fn a_policy_that_changed_starts_its_window_anew() {
    let (mut history, pods) =
        world("{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{}]}");
    history.edges.push(edge(&pods[1], &pods[0], 5432));
    assert!(proposal(&tighten(&history, &Options::default(), |_| ())).is_supported());
    history.policies[0].since = at(29 * 86_400);
    let tightening = tighten(&history, &Options::default(), |_| ());
    let proposal = proposal(&tightening);
    assert!(!proposal.is_supported(), "{:?}", proposal.evidence.limits);
}

#[test]
fn only_policies_of_the_namespaces_that_are_asked_about() {
    let (mut history, pods) = world("{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}");
    history.edges.push(edge(&pods[1], &pods[0], 5432));
    let options = Options {
        namespaces: vec!["data".into()],
        ..Options::default()
    };
    assert_eq!(tighten(&history, &options, |_| ()).looked_at, 0);
}

#[test]
fn what_nodes_used_stays_since_nodes_to_come_have_other_addresses() {
    for spec in [
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 5432}]}]}",
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}], ports: [{port: 5432}]}]}",
    ] {
        let (mut history, pods) = world(spec);
        history.edges.push(edge(&node("n2"), &pods[0], 5432));
        let tightening = tighten(&history, &Options::default(), |_| ());
        assert_eq!(tightening.proposals, [], "{spec}");
    }
}

#[test]
fn entries_that_come_to_the_same_are_written_once() {
    let (mut history, pods) = world(
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}, {podSelector: {matchExpressions: [{key: app, operator: Exists}]}}], ports: [{port: 5432}, {port: 1, endPort: 9999}]}]}",
    );
    history.edges.push(edge(&pods[1], &pods[0], 5432));
    let (rules, findings) = narrowed(&history);
    assert_eq!(
        rules,
        "  ingress:
    - from:
        - podSelector:
            matchLabels:
              app: web
      ports:
        - protocol: TCP
          port: 5432
"
    );
    assert_eq!(findings.len(), 3);
}
