//! Decides whether a flow is wanted. The server compiles a request's filters once; offline readers use the same code.
//!
//! - Kinds (namespace, port, protocol, …) are joined with AND, several values of one kind with OR.
//! - `any_end` holds when *one* end satisfies every kind set in it: `namespace=prod, port=443` never mixes the source's
//!   namespace with the destination's port.
//! - `exclude` takes each kind on its own: excluding namespace `kube-system` and port 53 removes flows that have either.
//!   A kind that is excluded is therefore the exact complement of the same kind when it is included.

mod endpoint;
mod name;
mod selector;

use endpoint::{EndpointCondition, FlowEnd};
use name::NamespacedPattern;
pub use selector::SelectorError;

use crate::{v1, word::Word};

/// A compiled filter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    include: Vec<FlowCondition>,
    exclude: Vec<FlowCondition>,
    blocked_only: bool,
}

/// A filter value that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {value:?} {problem}")]
pub struct FilterError {
    /// Path within the request: `filter.any_end.cidr`, `exclude.protocol`.
    pub field: String,
    /// The value at fault.
    pub value: String,
    /// What is wrong with it.
    pub problem: FilterProblem,
}

/// What is wrong with a filter value. Reads on after the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterProblem {
    /// Neither an address nor a CIDR block.
    #[error("is no IP address and no CIDR block")]
    Address,
    /// Neither a port nor a range.
    #[error("is no port (1-65535) and no range such as 8000-8099")]
    Port,
    /// Not `name` or `namespace/name`.
    #[error("is no name: expected \"name\" or \"namespace/name\", `*` only at the end of either")]
    Name,
    /// An enum number this version does not know, or the unspecified one.
    #[error("is no value of this kind")]
    UnknownValue,
    /// A label selector that does not parse.
    #[error("is no label selector: {0}")]
    Selector(#[from] SelectorError),
}

/// One kind, satisfied by any of its values.
#[derive(Clone, Debug)]
enum FlowCondition {
    /// One end satisfies all of these.
    AnyEnd(Vec<EndpointCondition>),
    Source(EndpointCondition),
    Destination(EndpointCondition),
    Protocol(Vec<v1::Protocol>),
    Observed(Vec<v1::observed::Verdict>),
    Computed(Vec<v1::computed::Verdict>),
    Agreement(Vec<v1::Agreement>),
    Direction(Vec<v1::Direction>),
    Policy(Vec<NamespacedPattern>),
    Node(Vec<NamespacedPattern>),
}

impl Filter {
    /// Checks and compiles the filters of a request.
    ///
    /// # Errors
    /// The first value that cannot be meant, with the field that holds it.
    pub fn compile(
        include: &v1::FlowFilter,
        exclude: &v1::FlowFilter,
        blocked_only: bool,
    ) -> Result<Self, FilterError> {
        let mut wanted = flow_conditions("filter", include)?;
        let any_end = include
            .any_end
            .as_ref()
            .map(|end| endpoint::compile("filter.any_end", end));
        if let Some(any_end) = any_end
            .transpose()?
            .filter(|conditions| !conditions.is_empty())
        {
            wanted.push(FlowCondition::AnyEnd(any_end));
        }
        let mut unwanted = flow_conditions("exclude", exclude)?;
        if let Some(end) = &exclude.any_end {
            let each_alone = endpoint::compile("exclude.any_end", end)?;
            unwanted.extend(
                each_alone
                    .into_iter()
                    .map(|kind| FlowCondition::AnyEnd(vec![kind])),
            );
        }
        Ok(Self {
            include: wanted,
            exclude: unwanted,
            blocked_only,
        })
    }

    /// The filter of a request.
    ///
    /// # Errors
    /// As [`Filter::compile`].
    pub fn of_request(request: &v1::WatchFlowsRequest) -> Result<Self, FilterError> {
        let nothing = v1::FlowFilter::default();
        Self::compile(
            request.filter.as_ref().unwrap_or(&nothing),
            request.exclude.as_ref().unwrap_or(&nothing),
            request.blocked_only,
        )
    }

    /// Whether the flow is wanted.
    #[must_use]
    pub fn matches(&self, flow: &v1::Flow) -> bool {
        (!self.blocked_only || flow.is_blocked())
            && self.include.iter().all(|condition| condition.holds(flow))
            && !self.exclude.iter().any(|condition| condition.holds(flow))
    }
}

/// Everything but `any_end`, which includes and excludes treat differently.
fn flow_conditions(path: &str, filter: &v1::FlowFilter) -> Result<Vec<FlowCondition>, FilterError> {
    use FlowCondition as On;
    let mut all = Vec::new();
    let at = |field: &str| format!("{path}.{field}");
    if let Some(end) = &filter.source {
        all.extend(
            endpoint::compile(&at("source"), end)?
                .into_iter()
                .map(On::Source),
        );
    }
    if let Some(end) = &filter.destination {
        all.extend(
            endpoint::compile(&at("destination"), end)?
                .into_iter()
                .map(On::Destination),
        );
    }
    all.extend(kind(&filter.protocol, at("protocol"), enum_value)?.map(On::Protocol));
    all.extend(kind(&filter.observed, at("observed"), enum_value)?.map(On::Observed));
    all.extend(kind(&filter.computed, at("computed"), enum_value)?.map(On::Computed));
    all.extend(kind(&filter.agreement, at("agreement"), enum_value)?.map(On::Agreement));
    all.extend(kind(&filter.direction, at("direction"), enum_value)?.map(On::Direction));
    all.extend(texts(&filter.policy, at("policy"), NamespacedPattern::parse)?.map(On::Policy));
    all.extend(texts(&filter.node, at("node"), NamespacedPattern::parse)?.map(On::Node));
    Ok(all)
}

/// Compiles the values of one kind; `None` where the kind is not set.
fn kind<V: ToString, C, P: Into<FilterProblem>>(
    values: &[V],
    field: String,
    compile: impl Fn(&V) -> Result<C, P>,
) -> Result<Option<Vec<C>>, FilterError> {
    let compiled: Result<Vec<C>, FilterError> = values
        .iter()
        .map(|value| {
            compile(value).map_err(|problem| FilterError {
                field: field.clone(),
                value: value.to_string(),
                problem: problem.into(),
            })
        })
        .collect();
    compiled.map(|all| (!all.is_empty()).then_some(all))
}

/// As [`kind`], for values that are text.
fn texts<C, P: Into<FilterProblem>>(
    values: &[String],
    field: String,
    compile: impl Fn(&str) -> Result<C, P>,
) -> Result<Option<Vec<C>>, FilterError> {
    kind(values, field, |text| compile(text))
}

fn enum_value<E: Word + TryFrom<i32>>(number: &i32) -> Result<E, FilterProblem> {
    E::try_from(*number)
        .ok()
        .filter(|value| *value != E::default())
        .ok_or(FilterProblem::UnknownValue)
}

impl FlowCondition {
    fn holds(&self, flow: &v1::Flow) -> bool {
        match self {
            Self::AnyEnd(conditions) => [FlowEnd::source(flow), FlowEnd::destination(flow)]
                .into_iter()
                .flatten()
                .any(|end| conditions.iter().all(|condition| condition.holds(&end))),
            Self::Source(condition) => {
                FlowEnd::source(flow).is_some_and(|end| condition.holds(&end))
            }
            Self::Destination(condition) => {
                FlowEnd::destination(flow).is_some_and(|end| condition.holds(&end))
            }
            Self::Protocol(protocols) => protocols.contains(&flow.protocol()),
            Self::Observed(verdicts) => flow
                .observed
                .as_ref()
                .is_some_and(|o| verdicts.contains(&o.verdict())),
            Self::Computed(verdicts) => flow
                .computed
                .as_ref()
                .is_some_and(|c| verdicts.contains(&c.verdict())),
            Self::Agreement(agreements) => agreements.contains(&flow.agreement()),
            Self::Direction(directions) => directions
                .iter()
                .any(|direction| in_direction(flow, *direction)),
            Self::Policy(patterns) => patterns.iter().any(|pattern| {
                policies(flow).any(|policy| pattern.matches(&policy.namespace, &policy.name))
            }),
            Self::Node(patterns) => patterns
                .iter()
                .any(|pattern| nodes(flow).any(|node| pattern.matches("", node))),
        }
    }
}

/// Every node that saw it.
fn nodes(flow: &v1::Flow) -> impl Iterator<Item = &str> {
    let vantages = flow.vantages.iter().map(|vantage| vantage.node.as_str());
    std::iter::once(flow.node.as_str()).chain(vantages.filter(|node| !node.is_empty()))
}

/// The direction that policy denies; where it denies none, the directions the flow was seen in.
fn in_direction(flow: &v1::Flow, direction: v1::Direction) -> bool {
    let denied = |side: &Option<v1::DirectionVerdict>| {
        side.as_ref()
            .is_some_and(|s| s.verdict() == v1::computed::Verdict::Denied)
    };
    let (ingress, egress) = flow
        .computed
        .as_ref()
        .map_or((false, false), |c| (denied(&c.ingress), denied(&c.egress)));
    if ingress || egress {
        return match direction {
            v1::Direction::Ingress => ingress,
            v1::Direction::Egress => egress,
            v1::Direction::Unspecified => false,
        };
    }
    flow.vantages
        .iter()
        .any(|vantage| vantage.direction() == direction)
}

/// Every policy that allows the flow, isolates one of its ends against it, denies it, or leaves it to the next tier.
fn policies(flow: &v1::Flow) -> impl Iterator<Item = &v1::PolicyRef> {
    let sides = flow
        .computed
        .iter()
        .flat_map(|c| c.egress.iter().chain(&c.ingress));
    sides.flat_map(|side| {
        let allowing = side
            .allowed_by
            .iter()
            .filter_map(|rule| rule.policy.as_ref());
        let denying = side
            .denied_by
            .iter()
            .filter_map(|denial| denial.policy.as_ref());
        let passing = side.path.iter().flat_map(|step| &step.rules);
        let passing = passing.filter_map(|rule| rule.policy.as_ref());
        allowing.chain(denying).chain(passing)
    })
}

#[cfg(test)]
mod tests;
