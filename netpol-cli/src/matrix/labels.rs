//! Short names of parties.

use std::collections::{HashMap, HashSet};

use netpol_policy::matrix::Party;

use crate::text::clean;

/// A part of the outside world with more columns of text than this gets a number, and its blocks stand in a legend.
const LONGEST: usize = 40;

/// A label for each party, unique, without control characters.
pub(super) struct Labels {
    by_name: HashMap<String, String>,
    /// Labels that stand for longer texts.
    pub(super) legend: Vec<(String, String)>,
}

impl Labels {
    /// `prod/web`; with its kind where two kinds have one name.
    pub(super) fn of(parties: &[&Party]) -> Self {
        let short = |party: &Party| match party {
            Party::Pods(_) => format!("{}/{}", party.namespace(), party.short_name()),
            Party::Outside(outside) => outside.to_string(),
        };
        let mut users: HashMap<String, usize> = HashMap::new();
        for party in parties {
            *users.entry(short(party)).or_default() += 1;
        }
        let mut labels = Self {
            by_name: HashMap::new(),
            legend: Vec::new(),
        };
        let taken: HashSet<&String> = users.keys().collect();
        let mut number = 0;
        for party in parties {
            let mut label = short(party);
            if users.get(&label).is_some_and(|users| *users > 1) {
                label = party.to_string();
            }
            label = clean(&label).into_owned();
            if matches!(party, Party::Outside(_)) && label.chars().count() > LONGEST {
                let full = std::mem::take(&mut label);
                while label.is_empty() || taken.contains(&label) {
                    number += 1;
                    label = format!("outside {number}");
                }
                labels.legend.push((label.clone(), full));
            }
            labels.by_name.insert(party.to_string(), label);
        }
        labels
    }

    /// The label of one of the parties that this was made of.
    pub(super) fn get(&self, party: &Party) -> String {
        let name = party.to_string();
        self.by_name.get(&name).cloned().unwrap_or(name)
    }
}
