//! Traffic that got through: a line for each group of an interval.

use std::time::{Duration, SystemTime};

use super::allowed_line::Line;
use super::groups::Groups;
use super::line_log::{Content, Losses};
use crate::flow::{Lost, ObservedVerdict};
use crate::log::Item;

/// Groups of an interval, at about half a kilobyte each: a node's pods talk to some hundred peers.
const MOST_GROUPS: usize = 8192;

pub(super) struct AllowedLog {
    node: String,
    interval: Duration,
    from: SystemTime,
    groups: Groups,
    lost: u64,
}

impl AllowedLog {
    /// A log whose first interval begins at `from`.
    pub(super) fn new(node: String, interval: Duration, from: SystemTime) -> Self {
        Self {
            node,
            interval,
            from,
            groups: Groups::new(MOST_GROUPS),
            lost: 0,
        }
    }
}

impl Content for AllowedLog {
    const LOSSES: Losses = Losses {
        behind: "allowed_log_behind",
        no_space: "allowed_log_no_space",
        unwritable: "allowed_log_unwritable",
    };
    /// Groups are bounded, and an interval may last longer.
    const TAKES_ALWAYS: bool = true;

    fn period(&self) -> Duration {
        self.interval
    }

    fn take(&mut self, item: Item) -> Option<String> {
        match item {
            Item::Flow(flow) if flow.observed.verdict == ObservedVerdict::Forwarded => {
                self.groups.take(&flow);
            }
            Item::Flow(_) => {}
            Item::Lost(lost) => self.lost += lost.count,
        }
        None
    }

    fn lost(&mut self, lost: &Lost) -> Option<String> {
        self.lost += lost.count;
        None
    }

    fn tick(&mut self, now: SystemTime) -> Vec<String> {
        let from = std::mem::replace(&mut self.from, now);
        let line = |line: Line| line.text(&self.node, [from, now]);
        let (groups, rest) = self.groups.drain();
        let groups = groups.iter().map(|(group, sum)| Line::Group(group, sum));
        let rest = rest.as_ref().map(Line::Rest);
        let lost = std::mem::take(&mut self.lost);
        let lost = (lost > 0).then_some(Line::Lost(lost));
        groups.chain(rest).chain(lost).filter_map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::UNIX_EPOCH;

    use serde_json::{Value, json};

    use super::*;
    use crate::flow::Stage;
    use crate::testing::flow;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn an_interval_has_a_line_for_each_group_and_one_for_losses() {
        let mut log = AllowedLog::new("node-a".into(), Duration::from_secs(60), at(0));
        let mut blocked = flow(1);
        blocked.observed.verdict = ObservedVerdict::Dropped;
        for flow in [blocked, flow(2), flow(3)] {
            assert_eq!(log.take(Item::Flow(Arc::new(flow))), None);
        }
        let lost = Lost {
            stage: Stage::Kernel,
            reason: "ring_full",
            count: 4,
            time: at(1),
        };
        assert_eq!(log.take(Item::Lost(Arc::new(lost))), None);
        let lines = log.tick(at(60));
        let read: Vec<Value> = lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(
            read[0],
            json!({
                "type": "allowed",
                "node": "node-a",
                "from": "1970-01-01T00:00:00.000000000Z",
                "until": "1970-01-01T00:01:00.000000000Z",
                "source": { "kind": "world" },
                "destination": { "kind": "world" },
                "protocol": "tcp",
                "port": 80,
                "computed": "allowed",
                "agreement": "agree",
                "connections": 2,
                "forward": { "packets": 0, "bytes": 0 },
                "reply": { "packets": 0, "bytes": 0 },
                "first_seen": "1970-01-01T00:00:00.000000000Z",
                "last_seen": "1970-01-01T00:00:00.000000000Z",
            })
        );
        assert_eq!(
            (&read[1]["type"], &read[1]["count"]),
            (&json!("lost"), &json!(4))
        );
        assert_eq!(read.len(), 2);
        assert!(log.tick(at(120)).is_empty());
    }
}
