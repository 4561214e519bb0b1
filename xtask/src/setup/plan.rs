//! From what stands on a machine to what has to be done. Pure.

use std::fmt;

use super::facts::{Facts, KERNEL_PACKAGES, LLVM};

/// Where the kernel-side compiler comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Toolchain {
    /// What is complete already, else the distribution's where it has one, else rustup's.
    Auto,
    /// The distribution's compiler with a precompiled core (Debian and Ubuntu).
    Distribution,
    /// rustup's nightly with rust-src.
    Rustup,
}

/// One thing to do, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) why: String,
}

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    AptUpdate,
    AptInstall(Vec<String>),
    /// `cargo install bpf-linker` against the distribution's LLVM.
    LinkerForDistribution,
    /// `cargo install bpf-linker` with its own LLVM.
    LinkerForRustup,
    RustupNightly,
    RustupComponent(&'static str),
}

impl Action {
    pub(crate) fn needs_root(&self) -> bool {
        matches!(self, Self::AptUpdate | Self::AptInstall(_))
    }

    /// Program and arguments.
    pub(crate) fn command(&self) -> Vec<String> {
        let words = match self {
            Self::AptUpdate => "apt-get update".to_owned(),
            Self::AptInstall(packages) => {
                format!(
                    "apt-get install -y --no-install-recommends {}",
                    packages.join(" ")
                )
            }
            Self::LinkerForDistribution => format!(
                "cargo install --locked bpf-linker --version ^0.13 --no-default-features --features llvm-{LLVM}"
            ),
            Self::LinkerForRustup => "cargo install --locked bpf-linker --version ^0.13".to_owned(),
            Self::RustupNightly => {
                "rustup toolchain install nightly --profile minimal --component rust-src".to_owned()
            }
            Self::RustupComponent(component) => format!("rustup component add {component}"),
        };
        words.split(' ').map(str::to_owned).collect()
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.command().join(" "))
    }
}

/// What set-up comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Do these in order. None: everything is there.
    Steps(Vec<Step>),
    /// The package lists have to be refreshed before it can be said what else is to be done.
    Refresh(Step),
    /// It cannot be done here, for this reason.
    Impossible(String),
}

/// Says what has to be done. `refreshed` is true when `apt-get update` ran already.
pub(crate) fn plan(facts: &Facts, wish: Toolchain, refreshed: bool) -> Plan {
    let toolchain = match choose(facts, wish, refreshed) {
        Ok(toolchain) => toolchain,
        Err(Undecided::Refresh(why)) => {
            return Plan::Refresh(Step {
                action: Action::AptUpdate,
                why,
            });
        }
        Err(Undecided::Impossible(why)) => return Plan::Impossible(why),
    };
    let mut packages: Vec<(&str, &str)> = facts
        .missing_tools
        .iter()
        .map(|tool| (tool.package, tool.why))
        .collect();
    if toolchain == Toolchain::Distribution {
        let compiler = KERNEL_PACKAGES[..3].iter();
        packages.extend(compiler.filter(|(package, _)| !facts.has_package(package)));
        if !facts.bpf_linker {
            let linker = KERNEL_PACKAGES[3..].iter();
            packages.extend(linker.filter(|(package, _)| !facts.has_package(package)));
        }
    }
    let mut steps = Vec::new();
    if !packages.is_empty() {
        if !facts.apt {
            return Plan::Impossible(by_hand(&packages));
        }
        let unknown = packages
            .iter()
            .any(|(package, _)| !facts.available.iter().any(|a| a == package));
        if unknown && !refreshed {
            let why = "a package is missing and apt does not know it yet".to_owned();
            return Plan::Refresh(Step {
                action: Action::AptUpdate,
                why,
            });
        }
        steps.push(install(&packages));
    }
    if toolchain == Toolchain::Rustup && !facts.rustup_compiler() {
        let why = "compiles the kernel side, with core from source".to_owned();
        steps.push(Step {
            action: Action::RustupNightly,
            why,
        });
    }
    if !facts.bpf_linker {
        let action = match toolchain {
            Toolchain::Rustup => Action::LinkerForRustup,
            _ => Action::LinkerForDistribution,
        };
        steps.push(Step {
            action,
            why: "links the kernel side; takes about a minute to build".to_owned(),
        });
    }
    for (present, component) in [(facts.rustfmt, "rustfmt"), (facts.clippy, "clippy")] {
        if !present && facts.rustup {
            let why = "`cargo xtask test` checks with it".to_owned();
            steps.push(Step {
                action: Action::RustupComponent(component),
                why,
            });
        }
    }
    Plan::Steps(steps)
}

enum Undecided {
    Refresh(String),
    Impossible(String),
}

fn choose(facts: &Facts, wish: Toolchain, refreshed: bool) -> Result<Toolchain, Undecided> {
    if wish != Toolchain::Distribution {
        if wish == Toolchain::Auto && facts.distribution_compiler() {
            return Ok(Toolchain::Distribution);
        }
        if facts.rustup_compiler() || (wish == Toolchain::Rustup && facts.rustup) {
            return Ok(Toolchain::Rustup);
        }
        if wish == Toolchain::Rustup {
            return Err(Undecided::Impossible(
                "rustup is not installed: see https://rustup.rs".into(),
            ));
        }
    }
    let known = |package: &str| {
        facts.has_package(package) || facts.available.iter().any(|name| name == package)
    };
    if facts.apt && KERNEL_PACKAGES.iter().all(|(package, _)| known(package)) {
        return Ok(Toolchain::Distribution);
    }
    if facts.apt && !refreshed {
        let why = "looks whether this release has the BPF toolchain".to_owned();
        return Err(Undecided::Refresh(why));
    }
    if wish == Toolchain::Auto && facts.rustup {
        return Ok(Toolchain::Rustup);
    }
    Err(Undecided::Impossible(
        "no kernel-side compiler can be had: this system has no package rustc-web, and no rustup \
         (see https://rustup.rs)"
            .to_owned(),
    ))
}

fn install(packages: &[(&str, &str)]) -> Step {
    let mut names: Vec<String> = packages
        .iter()
        .map(|(package, _)| (*package).to_owned())
        .collect();
    names.dedup();
    let mut reasons: Vec<String> = packages
        .iter()
        .map(|(package, why)| format!("{package}: {why}"))
        .collect();
    reasons.dedup();
    Step {
        action: Action::AptInstall(names),
        why: reasons.join("; "),
    }
}

fn by_hand(packages: &[(&str, &str)]) -> String {
    let names: Vec<&str> = packages.iter().map(|(package, _)| *package).collect();
    format!(
        "this system has no apt: install what Debian calls {} with its own package manager",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::super::facts::TOOLS;
    use super::*;

    fn all_packages() -> Vec<String> {
        let tools = TOOLS.iter().map(|tool| tool.package);
        let kernel = KERNEL_PACKAGES.iter().map(|(package, _)| *package);
        tools.chain(kernel).map(str::to_owned).collect()
    }

    fn complete_debian() -> Facts {
        Facts {
            root: true,
            apt: true,
            installed: all_packages(),
            bpf_linker: true,
            rustup: true,
            rustfmt: true,
            clippy: true,
            ..Facts::default()
        }
    }

    fn new_debian() -> Facts {
        Facts {
            root: true,
            apt: true,
            missing_tools: TOOLS.to_vec(),
            rustup: true,
            rustfmt: true,
            clippy: true,
            ..Facts::default()
        }
    }

    fn actions(facts: &Facts, wish: Toolchain) -> Vec<Action> {
        match plan(facts, wish, true) {
            Plan::Steps(steps) => steps.into_iter().map(|step| step.action).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn complete_machine_needs_nothing() {
        assert_eq!(
            plan(&complete_debian(), Toolchain::Auto, false),
            Plan::Steps(Vec::new())
        );
    }

    #[test]
    fn new_debian_refreshes_before_it_decides() {
        let facts = new_debian();
        assert!(matches!(
            plan(&facts, Toolchain::Auto, false),
            Plan::Refresh(_)
        ));
        let known = Facts {
            available: all_packages(),
            ..facts
        };
        let actions = actions(&known, Toolchain::Auto);
        let [Action::AptInstall(packages), Action::LinkerForDistribution] = &actions[..] else {
            panic!("{actions:?}")
        };
        assert!(packages.contains(&"rustc-web".to_owned()));
        assert_eq!(
            packages.iter().filter(|name| *name == "iproute2").count(),
            1
        );
    }

    #[test]
    fn linker_that_is_there_needs_no_llvm() {
        let mut facts = complete_debian();
        facts.installed.retain(|name| name != "llvm-22-dev");
        assert_eq!(
            plan(&facts, Toolchain::Auto, false),
            Plan::Steps(Vec::new())
        );
    }

    #[test]
    fn release_without_the_packages_takes_rustup() {
        let tools = TOOLS.iter().map(|tool| tool.package.to_owned()).collect();
        let facts = Facts {
            available: tools,
            ..new_debian()
        };
        let actions = actions(&facts, Toolchain::Auto);
        assert!(actions.contains(&Action::RustupNightly), "{actions:?}");
        assert!(actions.contains(&Action::LinkerForRustup), "{actions:?}");
    }

    #[test]
    fn rustup_that_is_complete_is_not_replaced() {
        let facts = Facts {
            nightly: true,
            rust_src: true,
            available: all_packages(),
            ..new_debian()
        };
        let actions = actions(
            &Facts {
                missing_tools: Vec::new(),
                ..facts
            },
            Toolchain::Auto,
        );
        assert_eq!(actions, [Action::LinkerForRustup]);
    }

    #[test]
    fn wish_beats_what_is_there() {
        assert_eq!(
            actions(&complete_debian(), Toolchain::Rustup),
            [Action::RustupNightly]
        );
    }

    #[test]
    fn machine_without_apt_and_rustup_is_told_so() {
        let facts = Facts::default();
        let Plan::Impossible(why) = plan(&facts, Toolchain::Auto, false) else {
            panic!()
        };
        assert!(why.contains("rustup.rs"), "{why}");
    }

    #[test]
    fn tools_are_named_where_there_is_no_apt() {
        let facts = Facts {
            apt: false,
            nightly: true,
            rust_src: true,
            ..new_debian()
        };
        let Plan::Impossible(why) = plan(&facts, Toolchain::Auto, false) else {
            panic!()
        };
        assert!(why.contains("nftables"), "{why}");
    }

    #[test]
    fn missing_components_are_added() {
        let facts = Facts {
            clippy: false,
            ..complete_debian()
        };
        assert_eq!(
            actions(&facts, Toolchain::Auto),
            [Action::RustupComponent("clippy")]
        );
    }
}
