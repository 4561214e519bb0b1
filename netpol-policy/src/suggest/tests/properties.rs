//! Random histories: what is suggested denies nothing that it was made for, and permits little else.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::world::{at, edge, group, history, node, outside, run};
use crate::history::{
    Agreement, History, Observed, Party, PodGroup, PolicyRevision, Port, Present, RememberedPolicy,
    Traffic,
};
use crate::k8s::write::{Comments, policy_yaml};
use crate::manifest;
use crate::model::{Object, Protocol};
use crate::replay::{Asked, Engine, LabelsOf, Proposed};
use crate::suggest::{Fate, Options, Suggestions, Withheld, suggest};
use crate::verdict::Decision;

const LABELS: [&str; 8] = [
    "",
    "app=a",
    "app=b",
    "app=a,tier=x",
    "app=a,tier=y,version=2",
    "k8s-app=kube-dns",
    "version=1",
    "tier=x,team=red",
];

/// Pods of a workload, with the labels they have and those they had.
fn workload(number: usize) -> impl Strategy<Value = Vec<(PodGroup, bool)>> {
    let space = select(vec!["shop", "shop", "data"]);
    let forms = prop::collection::vec((select(&LABELS[..]), any::<bool>()), 1..3);
    (space, forms).prop_map(move |(space, forms)| {
        let name = format!("{space}/w{number}");
        let forms = forms.into_iter();
        forms
            .map(|(labels, is_now)| (group(&name, labels), is_now))
            .collect()
    })
}

/// Pods of a workload that one label tells from all others.
fn plain_workload(number: usize) -> impl Strategy<Value = Vec<(PodGroup, bool)>> {
    select(vec!["shop", "shop", "data"]).prop_map(move |space| {
        let group = group(&format!("{space}/w{number}"), &format!("app=w{number}"));
        vec![(group, true)]
    })
}

fn other() -> impl Strategy<Value = Party> {
    prop_oneof![
        6 => (0_u8..4, any::<u8>()).prop_map(|(net, host)| outside(&format!("203.0.{net}.{host}/32"))),
        1 => select(vec!["203.0.113.0/24", "203.0.0.0/16"]).prop_map(outside),
        2 => select(vec!["n1", "n2"]).prop_map(node),
        1 => Just(Party::Many),
        1 => select(vec![("kube-system", "kube-dns"), ("shop", "web")]).prop_map(|(namespace, name)| {
            Party::Service { namespace: namespace.into(), name: name.into() }
        }),
    ]
}

#[derive(Clone, Debug)]
struct Draw {
    ends: (Index, Index),
    /// Who is at one of the ends in place of a pod, and whether it is the source.
    other: Option<(Party, bool)>,
    protocol: Protocol,
    port: Port,
    observed: Observed,
    agreement: Agreement,
    node: &'static str,
}

fn draw() -> impl Strategy<Value = Draw> {
    let others = prop::option::weighted(0.4, (other(), any::<bool>()));
    let protocol = select(vec![
        Protocol::Tcp,
        Protocol::Tcp,
        Protocol::Udp,
        Protocol::Other(1),
    ]);
    let port = prop_oneof![
        4 => select(vec![53, 80, 443, 5432]).prop_map(Port::One),
        2 => (30_000_u16..30_040).prop_map(Port::One),
        1 => Just(Port::Many),
    ];
    let observed = prop_oneof![
        5 => Just(Observed::Forwarded),
        1 => select(vec![Observed::Dropped, Observed::Unanswered]),
    ];
    let agreement = select(vec![
        Agreement::Agree,
        Agreement::Agree,
        Agreement::DeniedButForwarded,
    ]);
    let ends = (any::<Index>(), any::<Index>());
    let node = select(vec!["n1", "n2"]);
    (ends, others, protocol, port, observed, agreement, node).prop_map(
        |(ends, other, protocol, port, observed, agreement, node)| Draw {
            ends,
            other,
            protocol,
            port,
            observed,
            agreement,
            node,
        },
    )
}

/// Labels of any kind, some of them of earlier.
fn world() -> impl Strategy<Value = (History, Vec<Party>)> {
    world_of((0..6).map(|number| workload(number).boxed()).collect())
}

/// Labels as they should be.
fn plain_world() -> impl Strategy<Value = (History, Vec<Party>)> {
    world_of(
        (0..6)
            .map(|number| plain_workload(number).boxed())
            .collect(),
    )
}

fn world_of(
    workloads: Vec<BoxedStrategy<Vec<(PodGroup, bool)>>>,
) -> impl Strategy<Value = (History, Vec<Party>)> {
    let draws = prop::collection::vec(draw(), 0..40);
    (workloads, draws).prop_map(|(workloads, draws)| {
        let mut history = history();
        let mut pods = Vec::new();
        for (group, is_now) in workloads.into_iter().flatten() {
            let party = run(&mut history, group);
            if !is_now {
                // The one just added.
                if let Some(Present {
                    pods, last_seen, ..
                }) = history.population.last_mut()
                {
                    pods.clear();
                    *last_seen = at(60);
                }
            }
            pods.push(party);
        }
        for draw in draws {
            let mut source = draw.ends.0.get(&pods).clone();
            let mut destination = draw.ends.1.get(&pods).clone();
            match draw.other {
                Some((other, true)) => source = other,
                Some((other, false)) => destination = other,
                None => {}
            }
            let mut edge = edge(&source, &destination, 1);
            edge.key.protocol = draw.protocol;
            edge.key.port = match draw.protocol.is_defined() {
                true => draw.port,
                false => Port::None,
            };
            edge.key.observed = draw.observed;
            edge.key.agreement = draw.agreement;
            edge.key.node = draw.node.into();
            history.edges.push(edge);
        }
        (history, pods)
    })
}

fn engine(history: &History, suggestions: &Suggestions, labels: LabelsOf) -> Engine {
    let policies = suggestions.policies.iter();
    let policies: Vec<_> = policies
        .map(|one| RememberedPolicy::Network(one.policy.clone()))
        .collect();
    Engine::new(history, &policies, labels)
}

/// Whether some rule permits more than what was seen, as its evidence tells.
fn is_widened(suggestions: &Suggestions) -> bool {
    suggestions.policies.iter().any(|policy| {
        let rules = || policy.ingress.iter().chain(&policy.egress);
        policy.workloads.len() > 1
            || policy.is_of_now
            || rules().any(|rule| {
                rule.ports
                    .iter()
                    .any(|span| span.admitted() > u32::from(span.seen))
                    || rule
                        .peers
                        .iter()
                        .any(|peer| !peer.also.is_empty() || peer.called.len() > 1)
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn nothing_kept_is_denied_and_what_is_printed_can_be_applied(
        (history, _) in world(),
        unenforced in any::<bool>(),
    ) {
        let options = Options { unenforced, ..Options::new("shop") };
        let suggestions = suggest(&history, &options, |_| ());
        let denies = suggestions.withheld.iter().any(|one| matches!(one, Withheld::Denies { .. }));
        prop_assert!(!denies, "{:?}", suggestions.withheld);
        prop_assert_eq!(&suggestions.still_denied, &[]);
        let mut then = engine(&history, &suggestions, LabelsOf::FlowTime);
        for traffic in &suggestions.kept {
            prop_assert_eq!(then.answer(traffic).decision(), Decision::Allowed, "{:?}", traffic);
        }
        let mut now = engine(&history, &suggestions, LabelsOf::Now(Proposed::default()));
        for traffic in &suggestions.passes_now {
            prop_assert_eq!(now.answer(traffic).decision(), Decision::Allowed, "{:?}", traffic);
        }
        for left_out in &suggestions.left_out {
            let answer = then.answer(&left_out.traffic).decision();
            // By the labels of now it may pass.
            if left_out.fate == Fate::Denied {
                prop_assert_eq!(answer, Decision::Denied, "{:?}", left_out);
            }
        }
        for undecided in &suggestions.undecided {
            let traffic = &undecided.traffic;
            let is_denied = [&mut then, &mut now].into_iter().all(|engine| {
                engine.answer(traffic).decision() == Decision::Denied
            });
            prop_assert!(!is_denied, "{:?}", traffic);
        }
        for suggested in &suggestions.policies {
            let policy = RememberedPolicy::Network(suggested.policy.clone());
            let read = manifest::parse_strict(&policy_yaml(&policy, &Comments::default()));
            prop_assert_eq!(&read.errors, &[]);
            prop_assert_eq!(&read.objects, &[Object::NetworkPolicy(suggested.policy.clone())]);
        }
    }

    #[test]
    fn the_order_of_what_is_remembered_makes_no_difference_and_once_applied_it_is_suggested_again(
        (mut history, _) in world(),
    ) {
        let first = suggest(&history, &Options::new("shop"), |_| ());
        history.edges.reverse();
        history.population.reverse();
        let other = suggest(&history, &Options::new("shop"), |_| ());
        prop_assert_eq!(&first.policies, &other.policies);
        history.policies = first.policies.iter().map(|one| PolicyRevision {
            policy: RememberedPolicy::Network(one.policy.clone()),
            since: at(0),
            until: None,
        }).collect();
        let again = suggest(&history, &Options::new("shop"), |_| ());
        prop_assert_eq!(&first.policies, &again.policies);
        prop_assert_eq!(&again.in_force, &[]);
    }

    #[test]
    fn nothing_is_permitted_that_was_not_seen_unless_it_is_told(
        (history, pods) in plain_world(),
        port in select(vec![53, 80, 443, 5432, 30_001]),
    ) {
        let suggestions = suggest(&history, &Options::new("shop"), |_| ());
        // Most worlds are left.
        prop_assume!(!is_widened(&suggestions) && suggestions.withheld.is_empty());
        let mut then = engine(&history, &suggestions, LabelsOf::FlowTime);
        let in_shop = |party: &Party| matches!(party, Party::Pods(group) if &*group.namespace == "shop");
        for source in pods.iter().filter(|party| in_shop(party)) {
            for destination in pods.iter().filter(|party| in_shop(party)) {
                let asked = Asked {
                    source,
                    destination,
                    service: None,
                    protocol: Protocol::Tcp,
                    port: Port::One(port),
                    nodes: &[],
                };
                let was_seen = suggestions.kept.iter().any(|traffic: &Traffic| {
                    traffic.port == asked.port && is_same(&traffic.source, source)
                        && is_same(&traffic.destination, destination)
                });
                let is_dns = port == 53;
                if then.ask(&asked).decision() == Decision::Allowed && !is_dns {
                    prop_assert!(was_seen, "{:?} to {:?}", source, destination);
                }
            }
        }
    }
}

/// One workload, whatever its labels.
fn is_same(one: &Party, other: &Party) -> bool {
    matches!((one, other), (Party::Pods(one), Party::Pods(other))
        if one.namespace == other.namespace && one.workload == other.workload)
}
