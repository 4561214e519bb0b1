//! The command reference, made from the very definitions that parse the command line.

use std::fmt::Write;

/// The text of `docs/cli.md`.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from("# Command reference\n\nMade from the program's own help.\n");
    let mut root = crate::args::command().term_width(100);
    root.build();
    section(&mut page, &mut root);
    for command in root.get_subcommands_mut() {
        section(&mut page, command);
    }
    page
}

fn section(page: &mut String, command: &mut clap::Command) {
    let name = command
        .get_bin_name()
        .unwrap_or_else(|| command.get_name())
        .to_owned();
    let help = command
        .clone()
        .mut_args(|arg| arg.hide_env_values(true))
        .render_long_help()
        .to_string();
    let help: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    // Writing to a String cannot fail.
    let _ = write!(page, "\n## `{name}`\n\n```text\n{}\n```\n", help.join("\n"));
}
