//! Rules in a namespace, and a listing of everything that rules, filters and programs are.

use std::fmt::Write as _;
use std::process::Command;

use crate::{Namespace, Result, command};

/// Loads an nftables ruleset, all or nothing.
///
/// # Errors
/// What `nft` says about it.
pub fn nft(namespace: &Namespace, ruleset: &str) -> Result<()> {
    namespace
        .exec_with_input(Command::new("nft").args(["-f", "-"]), ruleset)
        .map(drop)
}

/// Runs one firewall or traffic-control command line, such as `iptables-legacy -A FORWARD -j DROP`
/// or `tc qdisc add dev veth0 clsact`. Words are split at white space; there is no quoting.
///
/// # Errors
/// As [`command::output`].
///
/// # Panics
/// When the line is empty.
pub fn run(namespace: &Namespace, line: &str) -> Result<String> {
    let mut words = line.split_whitespace();
    let Some(program) = words.next() else {
        panic!("an empty command line")
    };
    namespace.exec(Command::new(program).args(words))
}

/// What stands in a namespace at one moment: rules, qdiscs, filters and attached programs, without
/// anything that traffic changes (counters). For comparison before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    lines: Vec<String>,
}

impl State {
    /// Takes the listing.
    ///
    /// # Errors
    /// When a listing program that exists on this machine fails.
    pub fn capture(namespace: &Namespace) -> Result<Self> {
        let mut lines = Vec::new();
        let mut section = |title: &str, text: String| {
            lines.extend(text.lines().map(|line| format!("{title}: {}", line.trim())));
        };
        for (title, line) in [
            ("nft", "nft --stateless list ruleset"),
            ("iptables-legacy", "iptables-legacy-save"),
            ("ip6tables-legacy", "ip6tables-legacy-save"),
            ("qdisc", "tc qdisc show"),
            ("programs", "bpftool net show"),
        ] {
            let program = line.split(' ').next().unwrap_or(line);
            if command::exists(program) {
                section(title, without_counters(&run(namespace, line)?));
            }
        }
        for interface in namespace.interfaces()? {
            for side in ["ingress", "egress"] {
                let line = format!("tc filter show dev {interface} {side}");
                // An interface can go while we look; an interface without clsact lists nothing.
                if let Ok(text) = run(namespace, &line) {
                    section(&format!("filter {interface} {side}"), text);
                }
            }
        }
        Ok(Self { lines })
    }

    /// What differs, one line each: `- ` stands only here, `+ ` only in `later`. Empty when equal.
    #[must_use]
    pub fn changes(&self, later: &Self) -> String {
        let mut text = String::new();
        for line in self.lines.iter().filter(|line| !later.lines.contains(line)) {
            let _ = writeln!(text, "- {line}");
        }
        for line in later.lines.iter().filter(|line| !self.lines.contains(line)) {
            let _ = writeln!(text, "+ {line}");
        }
        if text.is_empty() && self != later {
            text.push_str("the same lines in another order\n");
        }
        text
    }
}

/// Drops the comments (time stamps) and the `[packets:bytes]` of iptables-save.
fn without_counters(listing: &str) -> String {
    let mut text = String::new();
    for line in listing.lines().filter(|line| !line.starts_with('#')) {
        let kept = line
            .split(" [")
            .next()
            .filter(|_| line.starts_with(':'))
            .unwrap_or(line);
        let _ = writeln!(text, "{kept}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_dates_are_left_out() {
        let save = "# Generated on Monday\n*filter\n:INPUT ACCEPT [12:840]\n-A INPUT -j DROP\n";
        assert_eq!(
            without_counters(save),
            "*filter\n:INPUT ACCEPT\n-A INPUT -j DROP\n"
        );
    }

    #[test]
    fn changes_name_what_came_and_went() {
        let state = |lines: &[&str]| State {
            lines: lines.iter().map(|&l| l.into()).collect(),
        };
        let before = state(&["qdisc: a", "qdisc: b"]);
        assert_eq!(before.changes(&before.clone()), "");
        assert_eq!(
            before.changes(&state(&["qdisc: b", "qdisc: c"])),
            "- qdisc: a\n+ qdisc: c\n"
        );
        assert_ne!(before.changes(&state(&["qdisc: b", "qdisc: a"])), "");
        assert_ne!(
            before.changes(&state(&["qdisc: a", "qdisc: b", "qdisc: b"])),
            ""
        );
    }
}
