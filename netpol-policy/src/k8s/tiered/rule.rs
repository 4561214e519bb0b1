//! Rules: what both versions of the API check in the same way, under different names.

use std::ops::RangeInclusive;

use super::items;
use super::peer::{EgressPeer, PodsForm, peer};
use crate::k8s::{ObjectError, port};
use crate::model::{Action, PortMatch, PortRule, TieredPeer, TieredRule};
use crate::verdict::Direction;

/// Longest name of a rule, in characters.
const NAME_MAX: usize = 100;

/// What the kinds of policies write, or allow, in different ways.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// Rule 29.
    pub(super) accept: &'static str,
    /// Whether there is a tier to pass on to.
    pub(super) has_pass: bool,
    /// Whether peers may be `domainNames`.
    pub(super) has_domain_names: bool,
    /// Most rules of a direction, peers of a rule, and ports of a rule.
    pub(super) most: usize,
    /// The name of a rule's list of ports.
    pub(super) ports: &'static str,
    /// What `pods` has to hold.
    pub(super) pods: PodsForm,
}

/// A rule as both versions write it. Peers of both directions have one form.
pub(super) struct Written<P> {
    pub(super) name: Option<String>,
    pub(super) action: Option<String>,
    pub(super) peers: Option<Vec<EgressPeer>>,
    pub(super) ports: Option<Vec<P>>,
}

/// Converts the rules of a direction.
pub(super) fn rules<R, P>(
    from: Option<&Vec<R>>,
    direction: Direction,
    form: Form,
    written: impl Fn(&R) -> Written<P>,
    port_rule: impl Fn(&P, &str) -> Result<PortRule, ObjectError>,
) -> Result<Vec<TieredRule>, ObjectError> {
    let (list, peers) = match direction {
        Direction::Ingress => ("spec.ingress", "from"),
        Direction::Egress => ("spec.egress", "to"),
    };
    let mut rules = Vec::new();
    for (index, found) in items(from, 0..=form.most, list)?.iter().enumerate() {
        let field = format!("{list}[{index}]");
        rules.push(rule(written(found), peers, form, &port_rule, &field)?);
    }
    Ok(rules)
}

fn rule<P>(
    from: Written<P>,
    peers_field: &str,
    form: Form,
    port_rule: impl Fn(&P, &str) -> Result<PortRule, ObjectError>,
    field: &str,
) -> Result<TieredRule, ObjectError> {
    let name = from.name.unwrap_or_default();
    if name.chars().count() > NAME_MAX {
        let message = format!("expected at most {NAME_MAX} characters");
        return Err(ObjectError::new(format!("{field}.name"), message));
    }
    let action = action(from.action.as_deref(), form, format!("{field}.action"))?;
    let mut peers = Vec::new();
    let list = format!("{field}.{peers_field}");
    for (at, found) in items(from.peers.as_ref(), 1..=form.most, &list)?
        .iter()
        .enumerate()
    {
        let field = format!("{list}[{at}]");
        let peer = peer(found, form.pods, &field)?;
        if matches!(peer, TieredPeer::DomainNames(_)) {
            check_domain_names(action, form, format!("{field}.domainNames"))?;
        }
        peers.push(peer);
    }
    let mut ports = Vec::new();
    let list = format!("{field}.{}", form.ports);
    // Unlike one that is missing, an empty list is refused: it might mean all ports, or none.
    let least = usize::from(from.ports.is_some());
    for (at, found) in items(from.ports.as_ref(), least..=form.most, &list)?
        .iter()
        .enumerate()
    {
        let field = format!("{list}[{at}]");
        let port = port_rule(found, &field)?;
        if matches!(port.port, PortMatch::Name(_)) && peers.iter().any(has_no_named_ports) {
            return Err(ObjectError::new(
                field,
                "expected a number beside nodes, networks and domainNames, which have no named ports",
            ));
        }
        ports.push(port);
    }
    Ok(TieredRule {
        name,
        action,
        peers,
        ports,
    })
}

/// Rule 35.
fn check_domain_names(action: Action, form: Form, field: String) -> Result<(), ObjectError> {
    let accept = form.accept;
    if !form.has_domain_names {
        return Err(ObjectError::new(field, "expected no such field"));
    }
    if action != Action::Accept {
        let message = format!("expected domainNames in rules with action {accept} only");
        return Err(ObjectError::new(field, message));
    }
    Ok(())
}

fn has_no_named_ports(peer: &TieredPeer) -> bool {
    matches!(
        peer,
        TieredPeer::Nodes(_) | TieredPeer::Networks(_) | TieredPeer::DomainNames(_)
    )
}

fn action(found: Option<&str>, form: Form, field: String) -> Result<Action, ObjectError> {
    let accept = form.accept;
    match found {
        Some(found) if found == accept => Ok(Action::Accept),
        Some("Deny") => Ok(Action::Deny),
        Some("Pass") if form.has_pass => Ok(Action::Pass),
        found => {
            let expected = if form.has_pass {
                format!("{accept}, Deny or Pass")
            } else {
                format!("{accept} or Deny")
            };
            let found = found.map_or_else(|| "none".to_owned(), |found| format!("{found:?}"));
            let message = format!("expected {expected}, found {found}");
            Err(ObjectError::new(field, message))
        }
    }
}

/// The one port of a range, or the error that a port is missing.
pub(super) fn one_port(
    number: Option<i32>,
    field: String,
) -> Result<RangeInclusive<u16>, ObjectError> {
    let number = required_port(number, field)?;
    Ok(number..=number)
}

/// A range of two ports or more (rule 34).
pub(super) fn port_range(
    start: Option<i32>,
    end: Option<i32>,
    field: &str,
) -> Result<RangeInclusive<u16>, ObjectError> {
    let first = required_port(start, format!("{field}.start"))?;
    let last = required_port(end, format!("{field}.end"))?;
    if first >= last {
        let message = format!("expected a port above {first}, found {last}");
        return Err(ObjectError::new(format!("{field}.end"), message));
    }
    Ok(first..=last)
}

fn required_port(number: Option<i32>, field: String) -> Result<u16, ObjectError> {
    match number {
        Some(number) => port(number, field),
        None => Err(ObjectError::new(
            field,
            "expected a port from 1 to 65535, found none",
        )),
    }
}

/// A container port by name: the protocol is that of whatever has the name.
pub(super) fn named_port(name: &str, field: String) -> Result<PortRule, ObjectError> {
    if name.is_empty() {
        return Err(ObjectError::new(
            field,
            "expected the name of a port, found none",
        ));
    }
    Ok(PortRule {
        protocol: None,
        port: PortMatch::Name(name.to_owned()),
    })
}
