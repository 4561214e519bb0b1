//! Filter flags. Each is defined once; `--from-…`, `--to-…` and the `--not-…` behind `--not --…` follow from the table.

use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches};
use netpol_api::{
    filter::{Filter, FilterError},
    v1::{self, EndpointFilter, FlowFilter},
    word::Word,
};

use crate::error::CliError;

/// A flag about one end of a flow. Exists three times: for either end, `--from-…` and `--to-…`.
struct EndFlag {
    name: &'static str,
    short: Option<char>,
    value: &'static str,
    help: &'static str,
    field: fn(&mut EndpointFilter) -> &mut Vec<String>,
}

const END_FLAGS: [EndFlag; 7] = [
    EndFlag {
        name: "namespace",
        short: Some('n'),
        value: "NAME",
        help: "Namespace of an end [default with a kubeconfig: that of the context]",
        field: |end| &mut end.namespace,
    },
    EndFlag {
        name: "pod",
        short: None,
        value: "[NS/]NAME",
        help: "Pod",
        field: |end| &mut end.pod,
    },
    EndFlag {
        name: "workload",
        short: None,
        value: "[NS/]NAME",
        help: "Deployment, StatefulSet, … that owns the pod; NAME[Kind] for one kind",
        field: |end| &mut end.workload,
    },
    EndFlag {
        name: "label",
        short: Some('l'),
        value: "SELECTOR",
        help: "Pods by label selector, such as 'app=web,tier in (a,b)'",
        field: |end| &mut end.label_selector,
    },
    EndFlag {
        name: "address",
        short: None,
        value: "CIDR",
        help: "IP address or CIDR block",
        field: |end| &mut end.cidr,
    },
    EndFlag {
        name: "port",
        short: None,
        value: "PORT",
        help: "Port or range 8000-8099",
        field: |end| &mut end.port,
    },
    EndFlag {
        name: "service",
        short: None,
        value: "[NS/]NAME",
        help: "Service that was dialled",
        field: |end| &mut end.service,
    },
];

/// A flag about the flow as a whole.
struct FlowFlag {
    name: &'static str,
    value: &'static str,
    help: &'static str,
    /// Words it takes; empty for names.
    words: fn() -> Vec<&'static str>,
    add: fn(&mut FlowFilter, &str),
}

const FLOW_FLAGS: [FlowFlag; 6] = [
    FlowFlag {
        name: "protocol",
        value: "NAME",
        help: "Protocol",
        words: words::<v1::Protocol>,
        add: |filter, word| filter.protocol.extend(number::<v1::Protocol>(word)),
    },
    FlowFlag {
        name: "verdict",
        value: "VERDICT",
        help: "What was observed, or what policies say (allowed, denied); the two are kinds of their own",
        words: || {
            let observed = words::<v1::observed::Verdict>();
            observed.into_iter().chain(["allowed", "denied"]).collect()
        },
        add: |filter, word| match word {
            "allowed" | "denied" => filter
                .computed
                .extend(number::<v1::computed::Verdict>(word)),
            _ => filter
                .observed
                .extend(number::<v1::observed::Verdict>(word)),
        },
    },
    FlowFlag {
        name: "agreement",
        value: "WORD",
        help: "Whether policy and observation fit",
        words: words::<v1::Agreement>,
        add: |filter, word| filter.agreement.extend(number::<v1::Agreement>(word)),
    },
    FlowFlag {
        name: "direction",
        value: "DIRECTION",
        help: "Direction that policy denies; otherwise the one it was seen in",
        words: words::<v1::Direction>,
        add: |filter, word| filter.direction.extend(number::<v1::Direction>(word)),
    },
    FlowFlag {
        name: "policy",
        value: "[NS/]NAME",
        help: "Policy that allows or denies it",
        words: Vec::new,
        add: |filter, name| filter.policy.push(name.to_owned()),
    },
    FlowFlag {
        name: "node",
        value: "NAME",
        help: "Node that saw it",
        words: Vec::new,
        add: |filter, name| filter.node.push(name.to_owned()),
    },
];

/// Prefixes of an [`EndFlag`], the part of the filter each means, and its heading in the help.
type EndOf = fn(&mut FlowFilter) -> &mut Option<EndpointFilter>;
const ENDS: [(&str, EndOf, &str); 3] = [
    ("", |filter| &mut filter.any_end, "Filters on either end"),
    (
        "from-",
        |filter| &mut filter.source,
        "Filters on the source",
    ),
    (
        "to-",
        |filter| &mut filter.destination,
        "Filters on the destination",
    ),
];

fn words<E: Word>() -> Vec<&'static str> {
    E::WORDS.iter().map(|(_, word)| *word).collect()
}

fn number<E: Word + Into<i32>>(word: &str) -> Option<i32> {
    E::from_word(word).map(Into::into)
}

/// Every filter flag and its hidden negation.
pub(super) fn arguments() -> Vec<Arg> {
    let mut all = vec![
        Arg::new("not")
            .long("not")
            .action(ArgAction::SetTrue)
            .help("Negate the filter flag that follows: --not --port 53"),
    ];
    for (prefix, _, heading) in ENDS {
        for flag in &END_FLAGS {
            let mut arg = filter_arg(format!("{prefix}{}", flag.name), flag.value, heading);
            if prefix.is_empty() {
                arg = arg.help(flag.help);
            } else {
                arg = arg.help(format!("As --{}, of this end only", flag.name));
            }
            // A selector holds commas of its own.
            let arg = if flag.name == "label" {
                arg
            } else {
                arg.value_delimiter(',')
            };
            all.push(negated(&arg, &format!("{prefix}{}", flag.name)));
            all.push(if prefix.is_empty() {
                arg.short(flag.short)
            } else {
                arg
            });
        }
    }
    for flag in &FLOW_FLAGS {
        let mut arg = filter_arg(flag.name.to_owned(), flag.value, "Filters on the flow")
            .value_delimiter(',')
            .help(flag.help);
        let words = (flag.words)();
        if !words.is_empty() {
            arg = arg.value_parser(words);
        }
        all.push(negated(&arg, flag.name));
        all.push(arg);
    }
    all
}

fn filter_arg(name: String, value: &'static str, heading: &'static str) -> Arg {
    Arg::new(name.clone())
        .long(name)
        .value_name(value)
        .help_heading(heading)
        .action(ArgAction::Append)
}

fn negated(arg: &Arg, name: &str) -> Arg {
    let name = format!("not-{name}");
    arg.clone().id(name.clone()).long(name).hide(true)
}

/// Joins `--not --port` into the one flag `--not-port`.
pub(crate) fn join_negations(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let after_not = joined.last().is_some_and(|last| last == "--not");
        let negation = after_not
            .then(|| argument.to_str().and_then(negation))
            .flatten();
        if let Some(negation) = negation {
            joined.pop();
            joined.extend(negation.into_iter().map(OsString::from));
        } else {
            joined.push(argument);
        }
    }
    joined
}

/// What `--not` and this flag make together; `None` where this is no filter flag.
fn negation(argument: &str) -> Option<Vec<String>> {
    if let Some(long) = argument.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or(long);
        return is_filter(name).then(|| vec![format!("--not-{long}")]);
    }
    let mut rest = argument.strip_prefix('-')?.chars();
    let letter = rest.next()?;
    let flag = END_FLAGS.iter().find(|flag| flag.short == Some(letter))?;
    let attached = rest.as_str().trim_start_matches('=');
    let mut words = vec![format!("--not-{}", flag.name)];
    words.extend((!attached.is_empty()).then(|| attached.to_owned()));
    Some(words)
}

fn is_filter(name: &str) -> bool {
    let end_name = ENDS[1..]
        .iter()
        .find_map(|(prefix, _, _)| name.strip_prefix(prefix))
        .unwrap_or(name);
    END_FLAGS.iter().any(|flag| flag.name == end_name)
        || FLOW_FLAGS.iter().any(|flag| flag.name == name)
}

/// The filters to include and to exclude.
pub(super) fn read(matches: &ArgMatches) -> Result<(FlowFilter, FlowFilter), CliError> {
    if matches.get_flag("not") {
        return Err(CliError::Usage(
            "--not has to stand before a filter flag".to_owned(),
        ));
    }
    let include = read_side(matches, "");
    let exclude = read_side(matches, "not-");
    // The server checks as well; here the flag can be named.
    Filter::compile(&include, &exclude, false)
        .map_err(|error| CliError::Usage(in_flags(&error)))?;
    Ok((include, exclude))
}

fn read_side(matches: &ArgMatches, not: &str) -> FlowFilter {
    let values = |name: &str| {
        let given = matches.get_many::<String>(&format!("{not}{name}"));
        given.into_iter().flatten().cloned().collect::<Vec<_>>()
    };
    let mut filter = FlowFilter::default();
    for (prefix, end_of, _) in ENDS {
        for flag in &END_FLAGS {
            let given = values(&format!("{prefix}{}", flag.name));
            if !given.is_empty() {
                let end = end_of(&mut filter).get_or_insert_default();
                (flag.field)(end).extend(given);
            }
        }
    }
    for flag in &FLOW_FLAGS {
        for value in values(flag.name) {
            (flag.add)(&mut filter, &value);
        }
    }
    filter
}

/// A field path of the request as the flag that set it.
fn in_flags(error: &FilterError) -> String {
    let mut flag = String::new();
    for part in error.field.split('.') {
        flag.push_str(match part {
            "filter" => "--",
            "exclude" => "--not --",
            "any_end" => "",
            "source" => "from-",
            "destination" => "to-",
            "cidr" => "address",
            "label_selector" => "label",
            other => other,
        });
    }
    format!("{flag}: {:?} {}", error.value, error.problem)
}

#[cfg(test)]
mod tests {
    use crate::args::parse_watch;

    #[test]
    fn flags_fill_the_part_of_the_filter_they_name() {
        let watch = parse_watch(&[
            "flows",
            "watch",
            "-n",
            "a,b",
            "--to-port",
            "443",
            "-l",
            "x in (1,2)",
            "--verdict",
            "dropped,denied",
            "--blocked",
        ])
        .unwrap();
        assert!(watch.request.follow && watch.request.blocked_only);
        let filter = watch.request.filter.unwrap();
        let any_end = filter.any_end.unwrap();
        assert_eq!(any_end.namespace, ["a", "b"]);
        assert_eq!(any_end.label_selector, ["x in (1,2)"]);
        assert_eq!(filter.destination.unwrap().port, ["443"]);
        assert_eq!((filter.observed, filter.computed), (vec![2], vec![2]));
    }

    #[test]
    fn not_negates_the_flag_that_follows_and_no_other() {
        let spellings: [&[&str]; 3] = [
            &["--not", "--namespace", "kube-system"],
            &["--not", "-n", "kube-system"],
            &["--not", "--namespace=kube-system"],
        ];
        for spelling in spellings {
            let mut line = vec!["flows", "list", "--port", "53"];
            line.extend(spelling);
            let request = parse_watch(&line).unwrap().request;
            let exclude = request.exclude.unwrap().any_end.unwrap();
            assert_eq!(exclude.namespace, ["kube-system"], "{spelling:?}");
            assert!(exclude.port.is_empty());
            assert_eq!(request.filter.unwrap().any_end.unwrap().port, ["53"]);
        }
    }

    #[test]
    fn not_without_a_filter_is_an_error() {
        for line in [
            ["flows", "watch", "--not"].as_slice(),
            &["flows", "watch", "--not", "--blocked"],
        ] {
            let error = parse_watch(line).unwrap_err();
            assert_eq!(error, "--not has to stand before a filter flag");
        }
    }

    #[test]
    fn an_error_names_the_flag() {
        let error =
            parse_watch(&["flows", "watch", "--not", "--to-address", "nowhere"]).unwrap_err();
        assert_eq!(
            error,
            "--not --to-address: \"nowhere\" is no IP address and no CIDR block"
        );
    }
}
