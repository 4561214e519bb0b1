//! The way to one reader: a queue of bounded length, and the count of what it had no room for.

use std::collections::BTreeMap;
use std::time::SystemTime;

use netpol_api::v1;
use netpol_api::v1::lost::Stage;
use netpol_api::v1::watch_flows_response::Item;
use tokio::sync::mpsc;
use tonic::Status;

use super::losses::Losses;
use crate::metrics::Metrics;

/// What a reader is sent.
pub(super) type Message = Result<v1::WatchFlowsResponse, Status>;

/// The reader went away.
#[derive(Debug)]
pub(super) struct Gone;

/// The way to one reader.
pub(super) struct Outlet {
    queue: mpsc::Sender<Message>,
    /// Items it had no room for since that was last told.
    missed: u64,
    /// States of nodes that it had no room for: the last of each node is told all the same.
    states: BTreeMap<String, v1::NodeState>,
    metrics: Metrics,
    losses: Losses,
}

impl Outlet {
    pub(super) fn new(queue: mpsc::Sender<Message>, metrics: Metrics, losses: Losses) -> Self {
        Self {
            queue,
            missed: 0,
            states: BTreeMap::new(),
            metrics,
            losses,
        }
    }

    /// Waits for room: for kept flows, which wait as well.
    pub(super) async fn send(&mut self, item: Item) -> Result<(), Gone> {
        self.queue.send(message(item)).await.map_err(|_| Gone)?;
        self.metrics.delivered.inc();
        Ok(())
    }

    /// Never waits: what happens now does not either.
    pub(super) fn offer(&mut self, item: Item) -> Result<(), Gone> {
        let missed = if self.settle()? {
            match self.queue.try_send(message(item)) {
                Ok(()) => {
                    self.metrics.delivered.inc();
                    return Ok(());
                }
                Err(mpsc::error::TrySendError::Full(missed)) => missed,
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(Gone),
            }
        } else {
            message(item)
        };
        match missed {
            Ok(v1::WatchFlowsResponse {
                item: Some(Item::Node(state)),
                ..
            }) => {
                self.states.insert(state.node.clone(), state);
            }
            _ => self.miss(),
        }
        Ok(())
    }

    /// Tells what the reader missed, as far as there is room. Whether nothing is left to tell.
    pub(super) fn settle(&mut self) -> Result<bool, Gone> {
        if self.missed > 0 {
            if !self.push(Item::Lost(self.lost()))? {
                return Ok(false);
            }
            self.missed = 0;
        }
        while let Some((node, state)) = self.states.pop_first() {
            if !self.push(Item::Node(state.clone()))? {
                self.states.insert(node, state);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits until what the reader missed can be told; for ever, where there is nothing to tell.
    pub(super) async fn room(&self) {
        if self.missed == 0 && self.states.is_empty() {
            std::future::pending::<()>().await;
        }
        // A reader who is gone is noticed by the next attempt.
        drop(self.queue.reserve().await);
    }

    /// Counts what was lost in the relay on the way here.
    pub(super) fn count(&self, lost: &v1::Lost) {
        if lost.stage() == Stage::Relay {
            self.metrics.lost(&lost.reason, lost.count);
            self.losses.add(Stage::Relay, &lost.reason, lost.count);
        }
    }

    /// The queue itself, to see whether the reader is there, and to end the stream.
    pub(super) fn queue(&self) -> mpsc::Sender<Message> {
        self.queue.clone()
    }

    fn push(&self, item: Item) -> Result<bool, Gone> {
        match self.queue.try_send(message(item)) {
            Ok(()) => {
                self.metrics.delivered.inc();
                Ok(true)
            }
            Err(mpsc::error::TrySendError::Full(_)) => Ok(false),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Gone),
        }
    }

    fn miss(&mut self) {
        self.missed += 1;
        self.metrics.lost("slow_subscriber", 1);
        self.losses.add(Stage::Subscriber, "slow_subscriber", 1);
    }

    fn lost(&self) -> v1::Lost {
        v1::Lost {
            stage: Stage::Subscriber.into(),
            reason: "slow_subscriber".to_owned(),
            count: self.missed,
            time: Some(SystemTime::now().into()),
            node: String::new(),
        }
    }
}

fn message(item: Item) -> Message {
    Ok(v1::WatchFlowsResponse {
        item: Some(item),
        ..v1::WatchFlowsResponse::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(id: u64) -> Item {
        Item::Flow(v1::Flow {
            id: id.to_string(),
            ..v1::Flow::default()
        })
    }

    fn state(node: &str, message: &str) -> Item {
        Item::Node(v1::NodeState {
            node: node.to_owned(),
            message: message.to_owned(),
            ..v1::NodeState::default()
        })
    }

    fn read(reader: &mut mpsc::Receiver<Message>) -> Vec<Item> {
        let messages = std::iter::from_fn(|| reader.try_recv().ok());
        messages
            .map(|message| message.unwrap().item.unwrap())
            .collect()
    }

    #[tokio::test]
    async fn the_books_of_a_slow_reader_balance() {
        let (queue, mut reader) = mpsc::channel(4);
        let losses = Losses::default();
        let mut outlet = Outlet::new(queue, Metrics::default(), losses.clone());
        let mut told = Vec::new();
        let offered = 100;
        for id in 0..offered {
            outlet.offer(flow(id)).unwrap();
            if id % 10 == 9 {
                let read = read(&mut reader);
                assert_eq!(read.len(), 4);
                told.extend(read);
            }
        }
        assert!(outlet.settle().unwrap());
        told.extend(read(&mut reader));
        let (mut delivered, mut lost) = (0, 0);
        for item in told {
            match item {
                Item::Flow(_) => delivered += 1,
                Item::Lost(item) => lost += item.count,
                Item::Node(node) => panic!("{node:?}"),
            }
        }
        assert!(delivered > 0 && lost > 0);
        assert_eq!(delivered + lost, offered);
        assert_eq!(losses.all()[0].count, lost);
        drop(reader);
        assert!(outlet.offer(flow(1)).is_err());
    }

    #[tokio::test]
    async fn the_last_state_of_a_node_is_told_however_slow_the_reader() {
        let (queue, mut reader) = mpsc::channel(1);
        let mut outlet = Outlet::new(queue, Metrics::default(), Losses::default());
        for item in [flow(1), state("n1", "away"), state("n1", "back")] {
            outlet.offer(item).unwrap();
        }
        assert_eq!(read(&mut reader), [flow(1)]);
        outlet.room().await;
        assert!(outlet.settle().unwrap());
        assert_eq!(read(&mut reader), [state("n1", "back")]);
    }
}
