//! Completion for `kubectl flows`: kubectl asks a program `kubectl_complete-flows` with the words so far, and reads one
//! candidate a line and at last a directive, as the programs of its own library (cobra) write them.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, Command};

/// The program for kubectl to find; `kubectl-flows` answers it.
pub(crate) const SCRIPT: &str = "\
#!/bin/sh
# Completion of `kubectl flows`. Stands on the PATH as kubectl_complete-flows.
exec kubectl-flows __complete -- \"$@\"
";

/// The words to complete, where this call asks for that. No command of the program's own: shells would offer it.
pub(crate) fn asked(arguments: &[OsString]) -> Option<Vec<String>> {
    match arguments {
        [_, complete, dashes, words @ ..] if complete == "__complete" && dashes == "--" => Some(
            words
                .iter()
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
        ),
        _ => None,
    }
}

/// Nothing but the candidates: no names of files.
const CANDIDATES: &str = ":4";
const FILES: &str = ":0";

/// What could stand at a place.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// Words, each with what it means.
    Words(Vec<(String, String)>),
    File,
}

/// The answer to kubectl. The last of `words` is the one that is being written.
pub(crate) fn answer(
    mut root: Command,
    words: &[String],
    contexts: impl FnOnce() -> Vec<String>,
) -> String {
    root.build();
    let (before, last) = match words.split_last() {
        Some((last, before)) => (before, last.as_str()),
        None => (words, ""),
    };
    match place(&root, before, last, contexts) {
        Place::File => format!("{FILES}\n"),
        Place::Words(candidates) => {
            let rows = candidates
                .into_iter()
                .filter(|(word, _)| word.starts_with(last));
            let mut answer: String = rows
                .map(|(word, meaning)| format!("{word}\t{meaning}\n"))
                .collect();
            answer.push_str(CANDIDATES);
            answer.push('\n');
            answer
        }
    }
}

fn place(
    root: &Command,
    before: &[String],
    last: &str,
    contexts: impl FnOnce() -> Vec<String>,
) -> Place {
    let mut command = root;
    let mut expects = None;
    for word in before {
        if expects.take().is_some() {
            continue;
        }
        match flag(command, word) {
            Some(arg) => expects = takes_value(arg).then_some(arg),
            None => command = command.find_subcommand(word).unwrap_or(command),
        }
    }
    if let Some(arg) = expects {
        return values(arg, contexts);
    }
    if last.starts_with('-') {
        let flags = command.get_arguments().filter(|arg| !arg.is_hide_set());
        let long = flags.filter_map(|arg| Some((format!("--{}", arg.get_long()?), help(arg))));
        return Place::Words(long.collect());
    }
    if let Some(arg) = command.get_positionals().next() {
        return values(arg, contexts);
    }
    let commands = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    let about = |command: &Command| command.get_about().map(ToString::to_string);
    Place::Words(
        commands
            .map(|command| {
                (
                    command.get_name().to_owned(),
                    about(command).unwrap_or_default(),
                )
            })
            .collect(),
    )
}

/// The flag that a word is, without a value in the same word.
fn flag<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| {
        let long = word.strip_prefix("--");
        let short = word
            .strip_prefix('-')
            .filter(|rest| rest.chars().count() == 1);
        (long.is_some() && arg.get_long() == long)
            || (short.is_some() && arg.get_short() == short.and_then(|rest| rest.chars().next()))
    })
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

fn values(arg: &Arg, contexts: impl FnOnce() -> Vec<String>) -> Place {
    if arg.get_value_parser().type_id() == std::any::TypeId::of::<PathBuf>() {
        return Place::File;
    }
    if arg.get_id() == "context" {
        return Place::Words(
            contexts()
                .into_iter()
                .map(|name| (name, String::new()))
                .collect(),
        );
    }
    let values = arg.get_possible_values();
    Place::Words(
        values
            .iter()
            .map(|value| (value.get_name().to_owned(), String::new()))
            .collect(),
    )
}

fn help(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    help.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let contexts = || vec!["kind-dev".to_owned(), "prod".to_owned()];
        answer(crate::args::command(), &words, contexts)
    }

    fn words(words: &[&str]) -> Vec<String> {
        let answer = complete(words);
        let rows = answer.strip_suffix(":4\n").unwrap().lines();
        rows.map(|row| row.split('\t').next().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn commands_flags_and_values_stand_where_they_can() {
        assert_eq!(complete(&["wat"]), "watch\tShow flows as they happen\n:4\n");
        assert_eq!(words(&["watch", "--to-s"]), ["--to-service"]);
        assert_eq!(words(&["watch", "-o", ""]), ["text", "wide", "json"]);
        assert_eq!(words(&["--context", "kind-dev", "l"]), ["list"]);
        assert_eq!(words(&["list", "--context", ""]), ["kind-dev", "prod"]);
        assert_eq!(words(&["list", "--verdict", "dr"]), ["dropped"]);
        assert_eq!(words(&["completion", "ku"]), ["kubectl"]);
    }

    #[test]
    fn what_is_hidden_is_not_offered() {
        assert!(words(&["eval", "--conte"]).is_empty());
        assert!(words(&["watch", "--not-n"]).is_empty());
    }

    #[test]
    fn files_are_left_to_the_shell() {
        assert_eq!(complete(&["list", "--tls-ca", ""]), ":0\n");
    }

    #[test]
    fn the_value_of_a_flag_is_no_command() {
        assert_eq!(words(&["--context", "list", "wat"]), ["watch"]);
        assert!(words(&["watch", "-n", ""]).is_empty());
    }
}
