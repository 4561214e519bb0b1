//! Generated worlds: connections between nodes, and what each node saw of them.

use std::collections::{BTreeMap, BTreeSet};

use netpol_api::v1::drop::Class;
use netpol_api::v1::endpoint::Kind;
use netpol_api::v1::{Flow, ServiceAddress};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::drive::all_kept;
use crate::world::{Connection, dropped, ended, millis, unanswered};

pub(crate) const NODES: usize = 4;
/// Ports are used again after so long (ms): longer than any host goes on trying to open a connection.
const REUSED_AFTER: u64 = 200_000;

/// What became of a connection, and who saw it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Answered,
    Ended,
    DroppedAtDestination,
    DroppedAtSource,
    /// At the destination's node, whose agent saw nothing else, of a connection that goes well.
    OneLost,
    /// Dropped at the source's node at first.
    GotThroughLater,
    /// The destination's node has no agent.
    SourceAlone,
    DestinationAlone,
    NobodyAnswers,
    /// The destination's node does not know what was dialled.
    ThroughService,
    /// Nor who the source is.
    StrangeSource,
}

#[derive(Clone, Debug)]
pub(crate) struct Story {
    connection: Connection,
    fate: Fate,
    /// How much later (ms) the destination's node saw it.
    lag: u64,
}

impl Story {
    pub(crate) fn local(node: usize, port: u32, time: u64) -> Self {
        Self {
            connection: Connection {
                source: node,
                destination: node,
                port,
                first: time,
                last: time,
            },
            fate: Fate::Answered,
            lag: 0,
        }
    }

    /// Node and flow of each view.
    pub(crate) fn views(&self) -> Vec<(usize, Flow)> {
        let Connection {
            source,
            destination,
            first,
            last,
            ..
        } = self.connection;
        if source == destination {
            return vec![(source, self.connection.on_one_node())];
        }
        let later = Connection {
            first: first + self.lag,
            last: last + self.lag,
            ..self.connection
        };
        let (at_source, at_destination) = (self.connection.at_source(), later.at_destination());
        let both =
            |at_source, at_destination| vec![(source, at_source), (destination, at_destination)];
        match self.fate {
            Fate::Answered => both(at_source, at_destination),
            Fate::Ended => both(ended(at_source), ended(at_destination)),
            Fate::DroppedAtDestination => both(
                unanswered(at_source),
                dropped(at_destination, Class::Firewall, 2),
            ),
            Fate::DroppedAtSource => vec![(source, dropped(at_source, Class::Firewall, 5))],
            Fate::OneLost => both(at_source, dropped(at_destination, Class::Resources, 1)),
            Fate::GotThroughLater => both(dropped(at_source, Class::Firewall, 1), at_destination),
            Fate::SourceAlone => vec![(source, at_source)],
            Fate::DestinationAlone => vec![(destination, at_destination)],
            Fate::NobodyAnswers => both(unanswered(at_source), unanswered(at_destination)),
            Fate::ThroughService => both(through_service(at_source), at_destination),
            Fate::StrangeSource => both(unanswered(at_source), strange_source(at_destination)),
        }
    }

    pub(crate) fn has_blocked_view(&self) -> bool {
        self.views().iter().any(|(_, flow)| flow.is_blocked())
    }
}

fn through_service(mut flow: Flow) -> Flow {
    flow.service = Some(ServiceAddress {
        namespace: "team-0".into(),
        name: "web".into(),
        address: "10.96.0.1".into(),
        port: 443,
    });
    flow
}

fn strange_source(flow: Flow) -> Flow {
    let mut flow = dropped(flow, Class::Firewall, 1);
    if let Some(end) = &mut flow.source {
        end.set_kind(Kind::Unknown);
        end.namespace.clear();
        end.pod.clear();
        end.node.clear();
    }
    flow
}

pub(crate) fn worlds() -> impl Strategy<Value = Vec<Story>> {
    let fate = prop_oneof![
        Just(Fate::Answered),
        Just(Fate::Ended),
        Just(Fate::DroppedAtDestination),
        Just(Fate::DroppedAtSource),
        Just(Fate::OneLost),
        Just(Fate::GotThroughLater),
        Just(Fate::SourceAlone),
        Just(Fate::DestinationAlone),
        Just(Fate::NobodyAnswers),
        Just(Fate::ThroughService),
        Just(Fate::StrangeSource),
    ];
    let story = (
        0..NODES,
        0..NODES,
        1u32..4,
        0u64..4,
        0u64..20_000,
        0u64..2000,
        0u64..900,
        fate,
    );
    let story = story.prop_map(
        |(source, destination, port, use_, start, length, lag, fate)| {
            let first = use_ * REUSED_AFTER + start;
            let connection = Connection {
                source,
                destination,
                port,
                first,
                last: first + length,
            };
            (
                use_,
                Story {
                    connection,
                    fate,
                    lag,
                },
            )
        },
    );
    proptest::collection::vec(story, 0..40).prop_map(|stories| {
        let mut taken = BTreeSet::new();
        stories
            .into_iter()
            .filter(|(use_, story)| {
                let Connection {
                    source,
                    destination,
                    port,
                    ..
                } = story.connection;
                taken.insert((*use_, source, destination, port))
            })
            .map(|(_, story)| story)
            .collect()
    })
}

/// What comes out where nothing else happens, without id and revision.
pub(crate) fn told_alone(story: &Story, revision: u64) -> Flow {
    let mut nodes = vec![Vec::new(); NODES];
    for (node, flow) in story.views() {
        nodes[node].push(Flow { revision, ..flow });
    }
    let mut flows = all_kept(nodes);
    assert_eq!(flows.len(), 1, "{flows:#?}");
    bare(flows.remove(0))
}

/// Which view came first decides id, how often they were told the revision.
pub(crate) fn bare(flow: Flow) -> Flow {
    Flow {
        id: String::new(),
        revision: 0,
        ..flow
    }
}

/// What tells connections apart.
pub(crate) fn identity(flow: &Flow) -> (String, u32, String, u64) {
    let source = flow.source.clone().unwrap_or_default();
    let destination = flow.destination.clone().unwrap_or_default();
    (
        source.address,
        source.port,
        destination.address,
        millis(flow.first_seen),
    )
}

/// The latest revision of each id, in a fixed order. Revisions of an id only go up.
pub(crate) fn final_flows(flows: Vec<Flow>) -> Result<Vec<Flow>, TestCaseError> {
    let mut latest: BTreeMap<String, Flow> = BTreeMap::new();
    for flow in flows {
        if let Some(before) = latest.get(&flow.id) {
            prop_assert!(
                before.revision < flow.revision,
                "{} after {}",
                flow.revision,
                before.revision
            );
        }
        latest.insert(flow.id.clone(), flow);
    }
    let mut flows: Vec<Flow> = latest.into_values().map(bare).collect();
    flows.sort_by_key(identity);
    Ok(flows)
}
