//! What is too wide, and what goes with it.

use std::fmt;

use crate::verdict::Direction;

/// A part of a rule that permits far more than was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where it stands.
    pub place: Place,
    /// What it permits now, in words.
    pub permits: String,
    /// What of that was used, in words.
    pub used: String,
    /// What it would permit no more.
    pub unseen: Unseen,
}

/// A part of a rule. Indices count from 0, in the policy as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A rule without peers: everyone.
    Everyone {
        /// Which list of rules.
        direction: Direction,
        /// Which rule.
        rule: usize,
    },
    /// An entry of `from` or `to`.
    Peer {
        /// Which list of rules.
        direction: Direction,
        /// Which rule.
        rule: usize,
        /// Which entry.
        peer: usize,
    },
    /// A rule without ports: every port of every protocol.
    EveryPort {
        /// Which list of rules.
        direction: Direction,
        /// Which rule.
        rule: usize,
    },
    /// An entry of `ports`.
    Port {
        /// Which list of rules.
        direction: Direction,
        /// Which rule.
        rule: usize,
        /// Which entry.
        port: usize,
    },
}

impl Place {
    /// Which list of rules, and which of them.
    #[must_use]
    pub fn rule(&self) -> (Direction, usize) {
        match *self {
            Self::Everyone { direction, rule }
            | Self::Peer {
                direction, rule, ..
            }
            | Self::EveryPort { direction, rule }
            | Self::Port {
                direction, rule, ..
            } => (direction, rule),
        }
    }
}

/// What a narrower part permits no more. None of it was seen, and some of it may be needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// Addresses; `u64::MAX` for that many and more.
    Addresses(u64),
    /// Ports.
    Ports(u32),
    /// Every protocol and port but those that were seen.
    OtherPorts,
    /// Workloads that are known, in order.
    Workloads(Vec<String>),
    /// Everyone else; these are workloads that are known, in order.
    Everyone(Vec<String>),
}

/// Names that are told by themselves.
const TOLD: usize = 3;

impl fmt::Display for Unseen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses(count) => out.write_str(&counted(*count)),
            Self::Ports(1) => out.write_str("1 port"),
            Self::Ports(count) => write!(out, "{count} ports"),
            Self::OtherPorts => out.write_str("every other port and protocol"),
            Self::Workloads(names) => {
                let plural = if names.len() == 1 { "" } else { "s" };
                write!(out, "{} workload{plural}", names.len())?;
                examples(names, out)
            }
            Self::Everyone(names) => {
                out.write_str("every other address and pod")?;
                examples(names, out)
            }
        }
    }
}

/// `1 address`, `65532 addresses`; those of most IPv6 blocks are more than can be counted.
pub(super) fn counted(addresses: u64) -> String {
    match addresses {
        u64::MAX => "more addresses than can be counted".to_owned(),
        1 => "1 address".to_owned(),
        count => format!("{count} addresses"),
    }
}

/// Names of what was used that are told by themselves.
const USED: usize = 8;

/// `a, b and 3 more`.
pub(super) fn few(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    let told = names.len().min(USED);
    let mut words = names[..told].join(", ");
    if told < names.len() {
        words.push_str(&format!(" and {} more", names.len() - told));
    }
    words
}

fn examples(names: &[String], out: &mut fmt::Formatter<'_>) -> fmt::Result {
    if names.is_empty() {
        return Ok(());
    }
    let told = names.len().min(TOLD);
    write!(out, ", such as {}", names[..told].join(", "))
}
