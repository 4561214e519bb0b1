//! The youngest flows of a stream: `last N` over all nodes.

use std::collections::{BTreeMap, HashMap};

use netpol_api::v1;

/// Keeps the youngest flows, each connection once. A later revision takes the place of the earlier one and moves to the
/// young end, as in an agent's own log.
#[derive(Debug)]
pub struct Youngest {
    most: usize,
    next: u64,
    by_age: BTreeMap<u64, v1::Flow>,
    age_of: HashMap<String, u64>,
}

impl Youngest {
    /// Keeps at most so many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            next: 0,
            by_age: BTreeMap::new(),
            age_of: HashMap::new(),
        }
    }

    /// Takes the next flow in order.
    pub fn push(&mut self, flow: v1::Flow) {
        self.next += 1;
        if !flow.id.is_empty() {
            self.remove(&flow.id);
            self.age_of.insert(flow.id.clone(), self.next);
        }
        self.by_age.insert(self.next, flow);
        while self.by_age.len() > self.most {
            let Some((_, oldest)) = self.by_age.pop_first() else {
                break;
            };
            self.age_of.remove(&oldest.id);
        }
    }

    /// Takes a connection out whose later revision is not wanted any more.
    pub fn remove(&mut self, id: &str) {
        if let Some(age) = self.age_of.remove(id) {
            self.by_age.remove(&age);
        }
    }

    /// What is left, oldest first.
    pub fn into_flows(self) -> impl Iterator<Item = v1::Flow> {
        self.by_age.into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(id: &str, revision: u64) -> v1::Flow {
        v1::Flow {
            id: id.to_owned(),
            revision,
            ..v1::Flow::default()
        }
    }

    #[test]
    fn the_youngest_stay_and_each_connection_once() {
        let mut youngest = Youngest::new(2);
        for (id, revision) in [("a", 1), ("b", 1), ("c", 1), ("b", 2), ("", 1)] {
            youngest.push(flow(id, revision));
        }
        let kept: Vec<_> = youngest
            .into_flows()
            .map(|flow| (flow.id, flow.revision))
            .collect();
        assert_eq!(kept, [("b".to_owned(), 2), (String::new(), 1)]);
    }

    #[test]
    fn none_is_none_and_what_is_taken_out_is_gone() {
        let mut none = Youngest::new(0);
        none.push(flow("a", 1));
        assert_eq!(none.into_flows().count(), 0);
        let mut one = Youngest::new(1);
        one.push(flow("a", 1));
        one.remove("a");
        assert_eq!(one.into_flows().count(), 0);
    }
}
