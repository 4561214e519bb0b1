//! One reader's stream: every node is asked, and what they say is put in order, joined, filtered and sent.
//!
//! ```text
//! NodeStream n1 ─► inbox ─┐
//! NodeStream n2 ─► inbox ─┼─► merge, join ─► filter ─► outlet ─► reader
//! ...       read while    │   bounded                  bounded: a slow reader loses,
//!           there is room │                            and is told
//! Nodes ──────────────────┴─ which there are, and how they fare
//! ```
//!
//! While kept flows are told, nodes wait for the reader. Once live ones are told, nobody does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_api::v1;
use netpol_api::v1::node_state::State;
use netpol_api::v1::watch_flows_response::Item;
use netpol_transport::access::Reader;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::member::{Member, Task};
use super::node_stream::{Arrival, NodeStream, correction};
use super::outlet::{Gone, Outlet};
use super::turns::{in_turn, next_arrival};
use crate::merge::{Merge, Mode, NodeIndex, Output, Youngest};
use crate::metrics::Metrics;
use crate::nodes::{Node, Nodes};
use crate::pushdown::Plan;

/// What a node said and the merge had no room for yet. Beyond it, the agent waits.
const INBOX: usize = 32;
/// How long a reader may take to hear why its stream ends.
const FAREWELL: Duration = Duration::from_secs(1);
/// What is taken in before the merge is asked what is due.
const BATCH: usize = 256;

/// What a reader's stream is made of.
pub(super) struct Source {
    pub(super) plan: Plan,
    /// Who reads, and what they may see.
    pub(super) reader: Arc<Reader>,
    pub(super) nodes: Arc<Nodes>,
    pub(super) metrics: Metrics,
    pub(super) merge: crate::merge::Config,
}

/// Why a stream ends before it is over.
enum End {
    /// The reader went away.
    Gone,
    /// The reader may not go on.
    Refused(Status),
}

impl From<Gone> for End {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

impl From<Status> for End {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

/// One reader's stream.
pub(super) struct Watch {
    source: Source,
    outlet: Outlet,
    merge: Merge,
    mode: Mode,
    began: SystemTime,
    /// In the order in which the merge numbers them.
    members: Vec<Member>,
    by_name: HashMap<String, NodeIndex>,
    /// Whose turn it is to be listened to first.
    turn: usize,
    /// The `last` of the kept flows, until all have come.
    youngest: Option<Youngest>,
    /// Kept flows are being told, and wait for the reader.
    keeps: bool,
    /// The nodes that there were at first are all there.
    looked: bool,
}

impl Watch {
    pub(super) fn new(source: Source, outlet: Outlet) -> Self {
        let began = SystemTime::now();
        let mode = source.plan.mode();
        Self {
            merge: Merge::new(source.merge, mode, began),
            youngest: source
                .plan
                .last
                .filter(|_| mode != Mode::Live)
                .map(Youngest::new),
            source,
            outlet,
            mode,
            began,
            members: Vec::new(),
            by_name: HashMap::new(),
            turn: 0,
            keeps: mode != Mode::Live,
            looked: false,
        }
    }

    /// Runs until the stream is over, the reader is gone, or the relay stops.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let queue = self.outlet.queue();
        let reader = self.source.reader.clone();
        // Readers can tell each of these from an end of the data.
        let refused = tokio::select! {
            end = self.serve() => match end {
                Err(End::Refused(status)) => status,
                Ok(()) | Err(End::Gone) => return,
            },
            status = reader.revoked() => status,
            () = stop.cancelled() => Status::unavailable("the relay is stopping"),
            () = queue.closed() => return,
        };
        let _ = timeout(FAREWELL, queue.send(Err(refused))).await;
    }

    async fn serve(&mut self) -> Result<(), End> {
        let mut changes = self.source.nodes.changes();
        let until = self.until();
        self.look_at_nodes();
        loop {
            self.hand_out().await?;
            if self.merge.is_over() {
                return match self.source.reader.refusal().await {
                    Some(refusal) => Err(End::Refused(refusal)),
                    None => Ok(()),
                };
            }
            let due = self.merge.deadline();
            tokio::select! {
                (index, arrival) = next_arrival(&mut self.members, &self.merge, &mut self.turn) => {
                    self.take(index, arrival);
                    self.take_more();
                }
                changed = changes.changed() => {
                    changed.map_err(|_| Gone)?;
                    self.look_at_nodes();
                }
                () = at(due) => {}
                () = at(until) => {
                    self.merge.close();
                    return self.hand_out().await;
                }
                () = self.outlet.room() => {
                    self.outlet.settle()?;
                }
            }
        }
    }

    /// When a stream that follows is over, by the reader's wish: what was last seen by then has come a window later.
    fn until(&self) -> Option<SystemTime> {
        let until = self.source.plan.until.filter(|_| self.mode != Mode::Kept)?;
        let until = SystemTime::try_from(until).ok()?;
        until.checked_add(self.source.merge.window)
    }

    /// Takes in which nodes there are, and how they fare.
    fn look_at_nodes(&mut self) {
        let all = self.source.nodes.all();
        for node in &all {
            let index = match self.by_name.get(&node.name) {
                Some(index) => *index,
                None => self.admit(node),
            };
            if let Some(ahead) = correction(node) {
                self.merge.set_clock_ahead(index, ahead);
            }
            self.members[index].address.clone_from(&node.address);
            self.tell_state(index, node);
        }
        self.looked = true;
        let gone: Vec<NodeIndex> = (0..self.members.len())
            .filter(|index| {
                !all.iter()
                    .any(|node| node.name == self.members[*index].name)
            })
            .collect();
        for index in gone {
            let member = &mut self.members[index];
            member.runs = false;
            if member.told != Some(State::NoAgent) {
                member.told = Some(State::NoAgent);
                let state =
                    node_state(&member.name, State::NoAgent, "its agent is gone".to_owned());
                self.merge.set_state(index, state, SystemTime::now());
            }
        }
    }

    /// A node that was not there before. It may be one of which only the address was known.
    fn admit(&mut self, node: &Node) -> NodeIndex {
        let renamed = self.members.iter().position(|member| {
            member.address.is_some()
                && member.address == node.address
                && Some(&member.name) == node.address.as_ref().map(ToString::to_string).as_ref()
        });
        let member = self.follow(node);
        let index = match renamed {
            Some(index) => {
                self.by_name.remove(&self.members[index].name);
                self.members[index] = member;
                index
            }
            None => {
                self.members.push(member);
                self.merge.add_node(&node.name, SystemTime::now())
            }
        };
        self.by_name.insert(node.name.clone(), index);
        index
    }

    fn follow(&self, node: &Node) -> Member {
        let (sender, inbox) = mpsc::channel(INBOX);
        let stream = NodeStream {
            name: node.name.clone(),
            nodes: self.source.nodes.clone(),
            inbox: sender,
            metrics: self.source.metrics.clone(),
            began: self.began,
            youngest: None,
        };
        let request = self.source.plan.request.clone();
        // Who comes later to a stream that follows is asked for what there was since it began.
        let late = self.mode != Mode::Kept && self.looked;
        let task = tokio::spawn(async move {
            // Nobody listens any more: that is how it ends.
            let _ = stream.run(request, late).await;
        });
        Member {
            name: node.name.clone(),
            address: node.address.clone(),
            inbox,
            _task: Task(task.abort_handle()),
            runs: false,
            broken: None,
            told: None,
        }
    }

    fn tell_state(&mut self, index: NodeIndex, node: &Node) {
        let member = &mut self.members[index];
        let Some((state, message)) = member.state(node, !self.looked) else {
            return;
        };
        if member.told != Some(state) {
            member.told = Some(state);
            let state = node_state(&member.name, state, message);
            self.merge.set_state(index, state, SystemTime::now());
        }
    }

    /// Takes what else is there already, before the merge is looked at again.
    fn take_more(&mut self) {
        for _ in 0..BATCH {
            let Self {
                members,
                merge,
                turn,
                ..
            } = self;
            let next = in_turn(members, merge, turn, |inbox| inbox.try_recv().ok());
            match next {
                Some((index, arrival)) => self.take(index, arrival),
                None => return,
            }
        }
    }

    fn take(&mut self, index: NodeIndex, arrival: Arrival) {
        let now = SystemTime::now();
        let member = &mut self.members[index];
        match arrival {
            Arrival::Said(response) => return self.merge.push(index, *response, now),
            Arrival::Opened => {
                member.runs = true;
                member.broken = None;
            }
            Arrival::Broken(why) => {
                member.runs = false;
                member.broken = Some(why);
            }
            Arrival::Ended => return self.merge.ended(index, now),
        }
        if let Some(node) = self.source.nodes.named(&self.members[index].name) {
            self.tell_state(index, &node);
        }
    }

    /// Hands out all that is due.
    async fn hand_out(&mut self) -> Result<(), End> {
        while let Some(output) = self.merge.next(SystemTime::now()) {
            match output {
                Output::Item(item) => self.hand(*item).await?,
                Output::KeptOver => {
                    let youngest = self.youngest.take();
                    for flow in youngest.into_iter().flat_map(Youngest::into_flows) {
                        self.outlet.send(Item::Flow(flow)).await?;
                    }
                    self.keeps = false;
                }
            }
        }
        Ok(())
    }

    async fn hand(&mut self, item: Item) -> Result<(), End> {
        let item = match item {
            Item::Flow(flow) => match self.wanted(flow).await? {
                Some(flow) => Item::Flow(flow),
                None => return Ok(()),
            },
            Item::Lost(lost) => {
                self.outlet.count(&lost);
                Item::Lost(lost)
            }
            Item::Node(state) => Item::Node(state),
        };
        match (item, &mut self.youngest) {
            (Item::Flow(flow), Some(youngest)) => youngest.push(flow),
            (item, _) if self.keeps => self.outlet.send(item).await?,
            (item, _) => self.outlet.offer(item)?,
        }
        Ok(())
    }

    /// What the reader may see of the flow, where it is wanted. What may not be seen is left out before the filter is
    /// asked: else the filter would tell it.
    async fn wanted(&mut self, flow: v1::Flow) -> Result<Option<v1::Flow>, Status> {
        if is_joined(&flow) {
            self.source.metrics.joined.inc();
        }
        let id = flow.id.clone();
        let shown = self.source.reader.flow(flow).await?;
        let wanted = shown.filter(|flow| self.source.plan.matches(flow, self.keeps));
        if wanted.is_none() {
            self.source.metrics.filtered.inc();
            // A revision that is not wanted takes the place of one that was.
            if let Some(youngest) = &mut self.youngest {
                youngest.remove(&id);
            }
        }
        Ok(wanted)
    }
}

/// Whether two nodes saw it.
fn is_joined(flow: &v1::Flow) -> bool {
    let mut nodes = flow.vantages.iter().map(|vantage| &vantage.node);
    nodes
        .next()
        .is_some_and(|first| nodes.any(|other| other != first))
}

fn node_state(name: &str, state: State, message: String) -> v1::NodeState {
    v1::NodeState {
        node: name.to_owned(),
        state: state.into(),
        message,
        time: Some(SystemTime::now().into()),
    }
}

/// Waits until then; for ever, where there is no such time.
async fn at(time: Option<SystemTime>) {
    match time {
        Some(time) => {
            let left = time.duration_since(SystemTime::now()).unwrap_or_default();
            sleep_until(Instant::now() + left).await;
        }
        None => std::future::pending().await,
    }
}
