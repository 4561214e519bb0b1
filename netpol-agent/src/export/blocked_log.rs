//! Blocked connections, one JSON object a line, as `flows list -o json` writes them.
//!
//! A connection has a line when it is found blocked, and another when something else is to be said of it: it got through
//! after all, or its ends became known. What only counts more packets has none.

use std::time::{Duration, SystemTime};

use netpol_api::json;
use serde_json::to_string;

use super::line_log::{Content, Losses};
use crate::convert::Converter;
use crate::flow::Lost;
use crate::log::Item;

/// Nothing is ever due; the period only has to be some.
const NEVER: Duration = Duration::from_secs(3600);

pub(super) struct BlockedLog {
    pub(super) converter: Converter,
}

impl BlockedLog {
    fn line(item: &json::Item) -> Option<String> {
        // Strings, numbers and lists: there is nothing that could not be written.
        to_string(item).ok().map(|line| line + "\n")
    }
}

impl Content for BlockedLog {
    const LOSSES: Losses = Losses {
        behind: "blocked_log_behind",
        no_space: "blocked_log_no_space",
        unwritable: "blocked_log_unwritable",
    };
    const TAKES_ALWAYS: bool = false;

    fn period(&self) -> Duration {
        NEVER
    }

    fn take(&mut self, item: Item) -> Option<String> {
        match item {
            Item::Flow(flow) if flow.is_news() => {
                let flow = (&self.converter.flow(&flow)).into();
                Self::line(&json::Item::Flow(Box::new(flow)))
            }
            Item::Flow(_) => None,
            Item::Lost(lost) => self.lost(&lost),
        }
    }

    fn lost(&mut self, lost: &Lost) -> Option<String> {
        let lost = (&self.converter.lost(lost)).into();
        Self::line(&json::Item::Lost(lost))
    }

    fn tick(&mut self, _: SystemTime) -> Vec<String> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::flow::{Flow, ObservedVerdict, Previous, Stage};
    use crate::testing::flow;

    fn log() -> BlockedLog {
        BlockedLog {
            converter: Converter {
                node: "node-a".into(),
                run: "r".into(),
            },
        }
    }

    fn after(verdict: ObservedVerdict, now: ObservedVerdict, was_of_other_ends: bool) -> Flow {
        let mut flow = flow(1);
        flow.revision = 2;
        flow.observed.verdict = now;
        flow.previous = Some(Previous {
            verdict,
            forward: flow.forward,
            reply: flow.reply,
            was_of_other_ends,
        });
        flow
    }

    #[test]
    fn a_line_is_the_flow_as_json() {
        let mut blocked = flow(1);
        blocked.observed.verdict = ObservedVerdict::Dropped;
        blocked.summary = "a \"quoted\"\nsummary".into();
        let line = log().take(Item::Flow(Arc::new(blocked))).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        let Ok(json::Item::Flow(read)) = serde_json::from_str(&line) else {
            panic!("{line}")
        };
        assert_eq!(read.summary, "a \"quoted\"\nsummary");
        assert_eq!((read.id.as_str(), read.node.as_str()), ("r-1", "node-a"));
    }

    #[test]
    fn a_line_is_written_when_something_else_is_to_be_said() {
        use ObservedVerdict::{Dropped, Forwarded, Rejected};
        for (flow, is_written) in [
            (after(Dropped, Dropped, false), false),
            (after(Dropped, Dropped, true), true),
            (after(Dropped, Rejected, false), true),
            (after(Dropped, Forwarded, false), true),
        ] {
            let words = format!("{:?}", flow.previous);
            let line = log().take(Item::Flow(Arc::new(flow)));
            assert_eq!(line.is_some(), is_written, "{words}");
        }
    }

    #[test]
    fn what_was_lost_has_a_line() {
        let lost = Lost {
            stage: Stage::Kernel,
            reason: "ring_full",
            count: 7,
            time: UNIX_EPOCH,
        };
        let line = log().take(Item::Lost(Arc::new(lost))).unwrap();
        assert!(
            line.starts_with(r#"{"type":"lost","stage":"kernel","reason":"ring_full","count":7,"#),
            "{line}"
        );
    }
}
