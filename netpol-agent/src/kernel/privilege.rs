//! What the process is allowed to do, looked at before anything is tried: the kernel's own answers to a missing capability
//! are a bare `EPERM`, or the verifier's complaint about pointer arithmetic.

use std::fmt;

/// Number and name of each capability that nothing works without, and what for (include/uapi/linux/capability.h).
const NEEDED: [(u32, Need); 3] = [
    (
        39,
        Need {
            name: "CAP_BPF",
            reason: "make maps and load programs",
        },
    ),
    (
        38,
        Need {
            name: "CAP_PERFMON",
            reason: "read packets and drop reasons in those programs",
        },
    ),
    (
        12,
        Need {
            name: "CAP_NET_ADMIN",
            reason: "attach them to interfaces",
        },
    ),
];

/// `CAP_SYS_ADMIN` contains the first two.
const SYS_ADMIN: u32 = 21;

/// A capability, and what it is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Need {
    name: &'static str,
    reason: &'static str,
}

/// Capabilities that are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(Vec<Need>);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("run as root or with more capabilities:")?;
        for (index, need) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(
                f,
                "{separator} {} is missing (to {})",
                need.name, need.reason
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Missing {}

/// Whether this process has what it needs. True as well where `/proc` cannot tell.
pub(super) fn check() -> Result<(), Missing> {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    match effective(&status).map(missing) {
        Some(missing) if !missing.is_empty() => Err(Missing(missing)),
        _ => Ok(()),
    }
}

fn effective(status: &str) -> Option<u64> {
    let hex = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(hex.trim(), 16).ok()
}

fn missing(effective: u64) -> Vec<Need> {
    let has = |number: u32| effective & (1 << number) != 0;
    let lacks = |(number, name): &(u32, Need)| {
        let contained = name.name != "CAP_NET_ADMIN" && has(SYS_ADMIN);
        !has(*number) && !contained
    };
    NEEDED
        .iter()
        .filter(|need| lacks(need))
        .map(|(_, need)| *need)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missing_capability_is_named_with_its_use() {
        let missing = |mask: u64| {
            missing(mask)
                .iter()
                .map(|need| need.name)
                .collect::<Vec<_>>()
        };
        assert_eq!(missing(0), ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"]);
        assert_eq!(missing(1 << 39 | 1 << 12), ["CAP_PERFMON"]);
        assert_eq!(missing(1 << SYS_ADMIN), ["CAP_NET_ADMIN"]);
        assert!(missing(1 << 39 | 1 << 38 | 1 << 12).is_empty());
        let error = Missing(super::missing(1 << 39 | 1 << 38)).to_string();
        assert!(error.ends_with(": CAP_NET_ADMIN is missing (to attach them to interfaces)"));
    }

    #[test]
    fn the_effective_set_is_read_from_the_status_file() {
        assert_eq!(
            effective("Name:\tx\nCapEff:\t000000c000001000\n"),
            Some(0xc0_0000_1000)
        );
        assert_eq!(effective("Name:\tx\n"), None);
    }
}
