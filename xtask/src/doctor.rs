//! `cargo xtask doctor`: what this machine has, lacks, and what that costs.

use std::fs;

use anstream::println;
use anyhow::Result;
use netpol_testkit::command;

use crate::console::{self, BAD, DIM, GOOD, HEADING, WARNING};
use crate::setup::facts::{Facts, TOOLS, bpf_linker};

/// One line of the report.
struct Finding {
    name: &'static str,
    present: bool,
    /// What was found, or what is missing.
    detail: String,
    /// What goes without it; shown when it is missing.
    cost: &'static str,
    /// Everything works without it.
    optional: bool,
}

fn needed(name: &'static str, present: bool, detail: String, cost: &'static str) -> Finding {
    Finding {
        name,
        present,
        detail,
        cost,
        optional: false,
    }
}

fn optional(name: &'static str, present: bool, detail: String, cost: &'static str) -> Finding {
    Finding {
        name,
        present,
        detail,
        cost,
        optional: true,
    }
}

/// Prints the report. Succeeds whatever it says.
pub(crate) fn run() -> Result<()> {
    report("Kernel", &kernel());
    report("Privileges", &privileges());
    report("Building", &building(&Facts::gather()));
    report("Tests and demo", &tools());
    Ok(())
}

fn report(title: &str, findings: &[Finding]) {
    println!("{}", console::paint(HEADING, title));
    for finding in findings {
        let (style, mark) = match (finding.present, finding.optional) {
            (true, _) => (GOOD, "ok     "),
            (false, true) => (WARNING, "without"),
            (false, false) => (BAD, "missing"),
        };
        println!(
            "  {style}{mark}{style:#}  {:<22} {}",
            finding.name, finding.detail
        );
        if !finding.present {
            println!("           {DIM}{:<22} {}{DIM:#}", "", finding.cost);
        }
    }
}

fn kernel() -> Vec<Finding> {
    let release = read("/proc/sys/kernel/osrelease");
    let version = parse_version(&release);
    let at_least = |name, floor: (u32, u32), cost| {
        let detail = format!("since {}.{}, this is {release}", floor.0, floor.1);
        needed(name, version >= floor, detail, cost)
    };
    let lockdown = read("/sys/kernel/security/lockdown");
    vec![
        file(
            "BTF",
            "/sys/kernel/btf/vmlinux",
            "no drops: offsets and reasons are read from it",
        ),
        at_least(
            "ring buffer",
            (5, 8),
            "nothing works: events travel through it",
        ),
        at_least("drop reasons", (5, 17), "drops are not recorded"),
        at_least(
            "tcx",
            (6, 6),
            "clsact is used: others' filters can stand before ours",
        ),
        needed(
            "tracing allowed",
            !lockdown.contains("[confidentiality]"),
            if lockdown.is_empty() {
                "no lockdown".to_owned()
            } else {
                lockdown
            },
            "no drops: the kernel refuses tracing programs their reads",
        ),
        needed(
            "kernel symbols",
            symbols_readable(),
            "/proc/kallsyms shows addresses".to_owned(),
            "a drop's place in the kernel has no name (root, and kernel.kptr_restrict below 2)",
        ),
        optional(
            "br_netfilter",
            fs::exists("/proc/sys/net/bridge/bridge-nf-call-iptables").unwrap_or(false),
            "bridged traffic passes iptables".to_owned(),
            "the test of drops on a bridge takes nftables' bridge family only",
        ),
    ]
}

fn privileges() -> Vec<Finding> {
    let effective = read("/proc/self/status")
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok())
        .unwrap_or(0);
    // Numbers from include/uapi/linux/capability.h.
    let capability = |name, bit: u32, cost| {
        needed(
            name,
            effective >> bit & 1 == 1,
            "effective".to_owned(),
            cost,
        )
    };
    let root = nix::unistd::geteuid().is_root();
    vec![
        needed(
            "root",
            root,
            "user id 0".to_owned(),
            "no demo, no end-to-end tests, no benches",
        ),
        capability("CAP_BPF", 39, "the agent cannot load programs"),
        capability("CAP_PERFMON", 38, "the agent cannot load tracing programs"),
        capability("CAP_NET_ADMIN", 12, "the agent cannot attach to interfaces"),
    ]
}

fn building(facts: &Facts) -> Vec<Finding> {
    let either = "one kernel-side compiler is enough; `cargo xtask setup` installs one";
    let compilers = facts.distribution_compiler() || facts.rustup_compiler();
    let linker = bpf_linker();
    let nextest = "tests run one crate after the other; `cargo install cargo-nextest`";
    vec![
        needed(
            "kernel-side compiler",
            compilers,
            "at least one of the next two".to_owned(),
            "the kernel side cannot be built: `cargo xtask setup`",
        ),
        optional(
            "  distribution",
            facts.distribution_compiler(),
            "rustc-web with libstd-rust-web-dev-bpf".to_owned(),
            either,
        ),
        optional(
            "  rustup",
            facts.rustup_compiler(),
            "nightly with rust-src".to_owned(),
            either,
        ),
        needed(
            "bpf-linker",
            linker.is_some(),
            linker.map_or_else(String::new, |path| path.display().to_string()),
            "the kernel side cannot be linked: `cargo xtask setup`",
        ),
        needed(
            "rustfmt",
            facts.rustfmt,
            String::new(),
            "`cargo xtask test` stops at formatting",
        ),
        needed(
            "clippy",
            facts.clippy,
            String::new(),
            "`cargo xtask test` stops at lints",
        ),
        program("cargo-nextest", nextest),
        program(
            "cargo-fuzz",
            "no `cargo xtask fuzz`; `cargo install cargo-fuzz`",
        ),
    ]
}

fn tools() -> Vec<Finding> {
    let mut findings: Vec<Finding> = TOOLS
        .iter()
        .map(|tool| {
            needed(
                tool.program,
                command::exists(tool.program),
                String::new(),
                tool.why,
            )
        })
        .collect();
    findings.push(needed(
        "iptables-legacy",
        command::exists("iptables-legacy"),
        String::new(),
        "its rows of the drop tests cannot run",
    ));
    let renders = "the tests of what people install cannot run: `cargo xtask setup`";
    findings.extend(["helm", "kubectl"].map(|name| program(name, renders)));
    findings.push(program(
        "qemu-system-x86_64",
        "no runs on other kernels than this one",
    ));
    findings
}

fn file(name: &'static str, path: &'static str, cost: &'static str) -> Finding {
    needed(
        name,
        fs::exists(path).unwrap_or(false),
        path.to_owned(),
        cost,
    )
}

fn program(name: &'static str, cost: &'static str) -> Finding {
    let path = command::find(name);
    let detail = path
        .as_ref()
        .map_or_else(String::new, |path| path.display().to_string());
    optional(name, path.is_some(), detail, cost)
}

fn read(path: &str) -> String {
    fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// Major and minor of a kernel release such as `6.18.44-cloud`; 0.0 when it cannot be read.
fn parse_version(release: &str) -> (u32, u32) {
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Without the right to them the kernel shows every address as zero.
fn symbols_readable() -> bool {
    use std::io::BufRead;
    let Ok(symbols) = fs::File::open("/proc/kallsyms") else {
        return false;
    };
    let lines = std::io::BufReader::new(symbols)
        .lines()
        .map_while(Result::ok);
    // The first ones can be per-CPU offsets that start at zero.
    lines
        .take(5000)
        .any(|line| !line.starts_with("0000000000000000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_releases_are_read() {
        assert_eq!(parse_version("6.18.44-fc-v595"), (6, 18));
        assert_eq!(parse_version("5.8"), (5, 8));
        assert_eq!(parse_version(""), (0, 0));
        assert!(parse_version("6.1.0") < (6, 6));
    }
}
