//! Which of the lines that are to go something may need of which the policies' answer cannot be told: neither before nor after,
//! so that asking again shows no change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::SystemTime;

use super::super::pods::Pods;
use super::super::seen::{Bearing, Bears, Finder};
use super::super::shadow::Shadows;
use crate::history::{History, PolicyName, Traffic};
use crate::replay::Asked;
use crate::verdict::{Decision, Direction};

/// What lines are compared with traffic by.
pub(super) struct Open<'a> {
    pods: &'a Pods<'a>,
    shadows: &'a Shadows<'a>,
    bearing: Bearing<'a>,
    /// Since when each policy says what it says.
    since: &'a [Option<SystemTime>],
}

impl<'a> Open<'a> {
    pub(super) fn new(
        history: &'a History,
        pods: &'a Pods<'a>,
        shadows: &'a Shadows<'a>,
        since: &'a [Option<SystemTime>],
    ) -> Self {
        Self {
            pods,
            shadows,
            bearing: Bearing::new(&history.services, pods, shadows),
            since,
        }
    }

    /// Lines that undecided traffic may need, each with an example.
    pub(super) fn missed<'b>(
        &self,
        gone: &BTreeSet<usize>,
        undecided: impl Iterator<Item = (&'b Traffic, Direction)>,
    ) -> BTreeMap<usize, &'b Traffic>
    where
        'a: 'b,
    {
        let mut by_group: HashMap<(Option<usize>, Direction), Vec<usize>> = HashMap::new();
        for &line in gone {
            let direction = self.shadows.line(line).direction;
            let groups = self.bearing.own(line).iter().map(|group| Some(*group));
            for group in groups.chain([None]) {
                by_group.entry((group, direction)).or_default().push(line);
            }
        }
        let mut finder = Finder::new(self.pods);
        let mut missed = BTreeMap::new();
        for (traffic, direction) in undecided {
            let ends = finder.ends(&traffic.source, &traffic.destination);
            let lines = by_group.get(&(ends.own_group(direction), direction));
            for &line in lines.into_iter().flatten() {
                if !missed.contains_key(&line)
                    && self.may_be_uncounted(line, traffic)
                    && self.bearing.on(line, &ends, &Asked::from(traffic)) != Bears::No
                {
                    missed.insert(line, traffic);
                }
            }
        }
        missed
    }

    /// Whether the line may have had a part in traffic that is not among its uses: nothing was decided when it was seen, or it
    /// was allowed before the policy said this.
    fn may_be_uncounted(&self, line: usize, traffic: &Traffic) -> bool {
        if traffic.computed == Decision::Unknown {
            return true;
        }
        let index = self.shadows.line(line).policy;
        let name: PolicyName = self.shadows.policy(index).name();
        let is_named = traffic.policies.is_empty() || traffic.policies.contains(&name);
        let is_before = self.since[index].is_none_or(|since| traffic.totals.first_seen < since);
        is_named && is_before
    }
}
