//! The arguments of `flows unused`.

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use jiff::SignedDuration;
use netpol_policy::unused::{Confidence, Options, Status};

use crate::error::CliError;
use crate::history;

/// What `flows unused` is to do.
#[derive(Debug)]
pub(super) struct Arguments {
    pub(super) options: Options,
    /// Those to be shown.
    pub(super) statuses: Vec<Status>,
    /// Empty for all.
    pub(super) namespaces: Vec<String>,
    pub(super) manifests: Vec<String>,
    pub(super) format: Format,
    pub(super) patch: bool,
    /// What is less sure is not taken out.
    pub(super) min_confidence: Confidence,
    pub(super) fail_on: Vec<Status>,
}

/// How to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Wide,
    Json,
    Yaml,
}

const FORMATS: [&str; 4] = ["text", "wide", "json", "yaml"];

const AFTER: &str = "\
One row for each peer and port of each rule, and for each direction without rules:
  dangling_subject       the policy selects no pod
  dangling_peer          its peer matches nobody
  unresolved_named_port  no pod that it is about has a port of that name
  shadowed               others match all that it does, by the words of the policies
  idle                   it could match, and nothing was seen that it matches
  redundant_use          it matched, and others would have allowed all of it
  used                   something was seen that it alone decided
  deny                   it denies, and had nothing to deny: no sign that it is not needed
  insufficient_evidence  too little was watched to say more; WHY says what is wanting
All but used and deny are shown.

Examples:
  flows unused                                   of the whole cluster, by its relay
  flows unused -n prod --status idle --min-window 14d
  flows unused --history week.jsonl.gz -o json
  flows unused --history week.jsonl.gz --manifests deploy/ --fail-on dangling_peer,shadowed
  flows unused -n prod --patch | kubectl diff -f -

Exit codes: 0 success; with --fail-on, 1 where an entry has such a status; 2 bad input, no server, and with --fail-on where \
lines of the history could not be read.";

/// The command.
pub(crate) fn command() -> Command {
    let names = || Status::ALL.map(Status::as_str);
    let with_all = names().into_iter().chain(["all"]);
    Command::new("unused")
        .about("Show which parts of policies are of use, by traffic that was seen, and take out what is not")
        .after_help(AFTER)
        .args(history::arguments())
        .arg(
            Arg::new("min-window")
                .long("min-window")
                .value_name("TIME")
                .default_value("7d")
                .help("Say nothing of what was watched for less: 36h, 7d, 4w"),
        )
        .arg(
            Arg::new("status")
                .long("status")
                .value_name("STATUS")
                .action(ArgAction::Append)
                .value_delimiter(',')
                .hide_possible_values(true)
                .value_parser(with_all.collect::<Vec<_>>())
                .help("Only entries of these statuses, or all"),
        )
        .arg(
            Arg::new("namespace")
                .short('n')
                .long("namespace")
                .value_name("NAMESPACE")
                .action(ArgAction::Append)
                .value_delimiter(',')
                .help("Only NetworkPolicies of these namespaces"),
        )
        .arg(
            Arg::new("all-namespaces")
                .short('A')
                .long("all-namespaces")
                .action(ArgAction::SetTrue)
                .help("Policies of all namespaces and of the cluster, whatever --namespace says"),
        )
        .arg(
            Arg::new("manifests")
                .long("manifests")
                .value_name("PATH")
                .num_args(1..)
                .action(ArgAction::Append)
                .help(
                    "Judge the policies of these files, directories or - for standard input, and tell where in them: \
                     they take the place of those in force with the same name",
                ),
        )
        .arg(
            Arg::new("output")
                .short('o')
                .long("output")
                .value_name("FORMAT")
                .default_value("text")
                .value_parser(FORMATS)
                .help("How to write"),
        )
        .arg(
            Arg::new("patch")
                .long("patch")
                .action(ArgAction::SetTrue)
                .conflicts_with_all(["output", "status"])
                .help("Write the policies without their unused parts, after asking all traffic about them"),
        )
        .arg(
            Arg::new("min-confidence")
                .long("min-confidence")
                .value_name("CONFIDENCE")
                .default_value(Confidence::Medium.as_str())
                .requires("patch")
                .value_parser(Confidence::ALL.map(Confidence::as_str))
                .help("With --patch: how sure it has to be of what it takes out"),
        )
        .arg(
            Arg::new("fail-on")
                .long("fail-on")
                .value_name("STATUS")
                .action(ArgAction::Append)
                .value_delimiter(',')
                .hide_possible_values(true)
                .value_parser(names())
                .help("Exit with 1 where an entry has one of these statuses, shown or not"),
        )
}

/// Reads the arguments, but for the history.
///
/// # Errors
/// A time that is none.
pub(super) fn read(matches: &ArgMatches) -> Result<Arguments, CliError> {
    let texts = |name: &str| -> Vec<String> {
        let values = matches.get_many::<String>(name);
        values.into_iter().flatten().cloned().collect()
    };
    // clap lets no other word through, but for `all`.
    let statuses = |name: &str| -> Vec<Status> {
        texts(name)
            .iter()
            .filter_map(|word| Status::named(word))
            .collect()
    };
    let asked = texts("status");
    let shown = if asked.is_empty() {
        let hidden = [Status::Used, Status::Deny];
        let all = Status::ALL.into_iter();
        all.filter(|status| !hidden.contains(status)).collect()
    } else if asked.iter().any(|word| word == "all") {
        Status::ALL.to_vec()
    } else {
        statuses("status")
    };
    let min_window = matches.get_one::<String>("min-window");
    let min_window = min_window.map(|text| window(text)).transpose()?;
    Ok(Arguments {
        options: min_window.map_or_else(Options::default, |min_window| Options {
            min_window,
            ..Options::default()
        }),
        statuses: shown,
        namespaces: if matches.get_flag("all-namespaces") {
            Vec::new()
        } else {
            texts("namespace")
        },
        manifests: texts("manifests"),
        format: match matches.get_one::<String>("output").map(String::as_str) {
            Some("wide") => Format::Wide,
            Some("json") => Format::Json,
            Some("yaml") => Format::Yaml,
            _ => Format::Text,
        },
        patch: matches.get_flag("patch"),
        min_confidence: matches
            .get_one::<String>("min-confidence")
            .and_then(|word| Confidence::named(word))
            .unwrap_or(Confidence::Medium),
        fail_on: statuses("fail-on"),
    })
}

/// Days and weeks are what evidence is measured in: those by themselves, and all else as other times are read.
pub(crate) fn window(text: &str) -> Result<Duration, CliError> {
    const DAY: u64 = 86_400;
    let units = [("d", DAY), ("w", 7 * DAY)];
    let in_units = units.iter().find_map(|(unit, seconds)| {
        let count: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        count.checked_mul(*seconds).map(Duration::from_secs)
    });
    let other = || Duration::try_from(text.parse::<SignedDuration>().ok()?).ok();
    in_units.or_else(other).ok_or_else(|| {
        CliError::Usage(format!(
            "--min-window: {text:?} is no time span such as 36h, 7d or 4w"
        ))
    })
}
