//! `-A`, and whether any flag names a namespace.

use clap::{Arg, ArgAction, ArgMatches};
use netpol_api::v1::{EndpointFilter, FlowFilter};

/// Which namespaces are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Namespaces {
    /// No flag names one: that of the context, where a context leads to the server, else all.
    OfContext,
    All,
    /// Those that flags name; the request holds them.
    Named(Vec<String>),
}

pub(super) fn argument() -> Arg {
    Arg::new("all-namespaces")
        .short('A')
        .long("all-namespaces")
        .action(ArgAction::SetTrue)
        .help("Flows of all namespaces, whatever the context and --namespace say")
}

/// As with kubectl, `-A` wins over `-n`.
pub(super) fn read(
    matches: &ArgMatches,
    include: &mut FlowFilter,
    exclude: &FlowFilter,
) -> Namespaces {
    if !matches.get_flag("all-namespaces") {
        return named(include, exclude);
    }
    if let Some(end) = &mut include.any_end {
        end.namespace.clear();
    }
    Namespaces::All
}

/// The namespaces that filters name, be it to include or to exclude them, be it before the slash of another name.
fn named(include: &FlowFilter, exclude: &FlowFilter) -> Namespaces {
    let ends = |filter: &FlowFilter| {
        let ends = [&filter.any_end, &filter.source, &filter.destination];
        ends.map(Option::clone).into_iter().flatten().collect()
    };
    let (included, excluded): (Vec<EndpointFilter>, Vec<EndpointFilter>) =
        (ends(include), ends(exclude));
    let in_names = |end: &EndpointFilter| {
        let names = [&end.pod, &end.workload, &end.service];
        names.into_iter().flatten().any(|name| name.contains('/'))
    };
    let named: Vec<String> = included
        .iter()
        .flat_map(|end| end.namespace.clone())
        .collect();
    let others = excluded.iter().any(|end| !end.namespace.is_empty())
        || included.iter().chain(&excluded).any(in_names)
        || [include, exclude]
            .iter()
            .flat_map(|filter| &filter.policy)
            .any(|policy| policy.contains('/'));
    if named.is_empty() && !others {
        Namespaces::OfContext
    } else {
        Namespaces::Named(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::parse_watch;

    #[test]
    fn the_contexts_namespace_is_meant_where_no_flag_names_one() {
        let of = |line: &[&str]| {
            let line = [&["flows", "list"], line].concat();
            let watch = parse_watch(&line).unwrap();
            let end = watch.request.filter.unwrap().any_end.unwrap_or_default();
            (watch.namespaces, end.namespace)
        };
        let named = |names: &[&str]| {
            Namespaces::Named(names.iter().map(|name| (*name).to_owned()).collect())
        };
        let nothing = Vec::<String>::new();
        for line in [&[][..], &["--pod", "web"], &["--not", "--pod", "web"]] {
            assert_eq!(
                of(line),
                (Namespaces::OfContext, nothing.clone()),
                "{line:?}"
            );
        }
        for line in [
            &["--to-pod", "prod/db"][..],
            &["--not", "-n", "kube-system"],
            &["--policy", "prod/db"],
        ] {
            assert_eq!(of(line), (named(&[]), nothing.clone()), "{line:?}");
        }
        assert_eq!(
            of(&["--to-namespace", "prod"]),
            (named(&["prod"]), nothing.clone())
        );
        assert_eq!(
            of(&["-n", "a,b"]),
            (named(&["a", "b"]), vec!["a".into(), "b".into()])
        );
        assert_eq!(of(&["-n", "a", "-A"]), (Namespaces::All, nothing));
    }
}
