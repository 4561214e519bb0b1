//! What there is nobody for, and how well that is known.

use std::time::SystemTime;

use super::{Finding, Said, distinct};
use crate::history::rule::Part;
use crate::history::{PodGroup, RememberedPolicy};
use crate::model::PortMatch;
use crate::unused::judge::Judge;
use crate::unused::limit::{Beginning, Limit, WATCHED};
use crate::unused::lines::Who;
use crate::unused::pods::{Selected, is_intermittent, is_there};
use crate::unused::report::{Status, Window, workload};
use crate::verdict::Direction;

impl Finding<'_> {
    /// What there is nobody for: nobody that it selects, nobody that its peer is, no pod with its port.
    pub(super) fn absent(&self) -> Option<Said> {
        let subjects = self.case.subjects;
        if let Some(last) = self.gone(subjects, |_| true) {
            let said = Said::of(Status::DanglingSubject, "the policy selects no pod");
            return Some(self.but_for_hosts(self.since_gone(said, last), subjects));
        }
        if self.line.part == Part::Isolation {
            return None;
        }
        if let Some(peers) = self.peers()
            && let Some(last) = self.gone(peers, |_| true)
        {
            let said = Said::of(Status::DanglingPeer, "its peer matches no pod");
            return Some(self.but_for_hosts(self.since_gone(said, last), peers));
        }
        self.unresolved()
    }

    /// A port whose name nobody has whom it could be about (rule 14).
    fn unresolved(&self) -> Option<Said> {
        let rule = self.line.port?;
        let PortMatch::Name(name) = &rule.port else {
            return None;
        };
        let has = |group: &PodGroup| {
            group.ports.iter().any(|port| {
                *port.name == **name && rule.protocol.is_none_or(|one| one == port.protocol)
            })
        };
        let status = Status::UnresolvedNamedPort;
        let said = |whose: &str| Said::of(status, format!("{whose} has a port named {name}"));
        match (self.line.direction, self.line.who, self.peers()) {
            (Direction::Ingress, ..) => {
                let last = self.gone(self.case.subjects, has)?;
                Some(self.since_gone(said("no pod that the policy selects"), last))
            }
            (Direction::Egress, _, Some(peers)) => {
                let last = self.gone(peers, has)?;
                Some(self.since_gone(said("no pod that its peer matches"), last))
            }
            // A name never matches what is no pod.
            (Direction::Egress, Who::Nodes(_) | Who::Names(_), None) => Some(said("no such peer")),
            (Direction::Egress, _, None) => {
                let last = self.gone(&self.judge.pods.all(), has)?;
                Some(self.since_gone(said("no pod"), last))
            }
        }
    }

    /// Whether some pods are gone, and when the last one was there that a condition holds for. Those of Jobs and CronJobs come
    /// back, so they never are.
    fn gone(
        &self,
        selected: &Selected,
        holds: impl Fn(&PodGroup) -> bool,
    ) -> Option<Option<SystemTime>> {
        let mut last = None;
        for &index in &selected.groups {
            let present = self.judge.pods.get(index);
            if !holds(&present.group) {
                continue;
            }
            if is_there(present) || is_intermittent(&present.group) {
                return None;
            }
            last = last.max(Some(present.last_seen));
        }
        Some(last)
    }

    /// Rule 21: some implementations let a NetworkPolicy mean pods on the host network. The tiers never do (rule 31).
    fn but_for_hosts(&self, mut said: Said, selected: &Selected) -> Said {
        let is_network = matches!(
            self.judge.shadows.policy(self.line.policy),
            RememberedPolicy::Network(_)
        );
        let on_hosts = selected.on_hosts.iter();
        let workloads = on_hosts.map(|one| workload(&self.judge.pods.on_host(*one).group));
        let workloads = distinct(workloads);
        if is_network && !workloads.is_empty() {
            said.limits.push(Limit::HostNetwork { workloads });
        }
        said
    }

    /// Who exists is known to every node that watches, and not to the nodes of some pods alone.
    fn since_gone(&self, mut said: Said, last: Option<SystemTime>) -> Said {
        // What matched has been there, whatever is remembered of it.
        let last = last.max(self.totals().map(|totals| totals.last_seen));
        let Some(any) = self.judge.nodes.any() else {
            said.limits.push(Limit::NobodyWatched);
            return said;
        };
        let mut beginning = Beginning::Knowledge;
        let mut window = any;
        match self.case.in_force {
            Some(within) => {
                Judge::later(&mut window, &mut beginning, within.from, Beginning::Policy);
                window.until = window.until.min(within.until);
            }
            None => said.limits.push(Limit::NeverInForce),
        }
        if let Some(last) = last {
            Judge::later(&mut window, &mut beginning, last, Beginning::Absence);
        }
        said.limits
            .extend(self.limits_of_knowledge(window, beginning));
        said.window = Some(window);
        said
    }

    /// Whoever is said to be absent may have stood in lines that could not be read.
    pub(super) fn unreadable(&self) -> Option<Limit> {
        self.judge.is_damaged.then_some(Limit::Unreadable)
    }

    /// What is wrong with how who exists is known.
    pub(super) fn limits_of_knowledge(&self, window: Window, beginning: Beginning) -> Vec<Limit> {
        let length = Limit::of_length(window.length(), beginning, self.judge.options);
        let mut limits: Vec<Limit> = self.unreadable().into_iter().chain(length).collect();
        let percent = if self.judge.pods.is_anybody_there() {
            self.judge.nodes.percent_of_any(window)
        } else {
            // A history that lost who exists, or never had it.
            0
        };
        if percent < WATCHED {
            limits.push(Limit::WhoUnknown { percent });
        }
        let kinds = self.judge.nodes.forgotten(window);
        if kinds > 0 {
            limits.push(Limit::Forgotten { kinds });
        }
        limits
    }
}
