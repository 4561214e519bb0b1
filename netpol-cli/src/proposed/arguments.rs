//! The arguments that say what is proposed.

use clap::{Arg, ArgAction};

/// The arguments; [`super::load`] reads them.
pub(crate) fn arguments() -> [Arg; 4] {
    [
        Arg::new("manifests")
            .long("manifests")
            .value_name("PATH")
            .num_args(1..)
            .action(ArgAction::Append)
            .required_unless_present("base")
            .help(
                "What is proposed: files, directories with all below them (*.yaml, *.yml, *.json), or - for standard \
                 input, such as the output of kustomize build",
            ),
        Arg::new("base")
            .long("base")
            .value_name("REV")
            .help(
                "Compare with the manifests of the last commit that this git revision and the head have in common: \
                 what it has and the head has not is gone. Reads tracked files below PATH, or of the whole repository",
            ),
        Arg::new("head")
            .long("head")
            .value_name("REV")
            .requires("base")
            .help("With --base: what is proposed is in this git revision, not in the working tree"),
        Arg::new("prune")
            .long("prune")
            .action(ArgAction::SetTrue)
            .help("Policies that no manifest declares are gone; without it they stay"),
    ]
}
