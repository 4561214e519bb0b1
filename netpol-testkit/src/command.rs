//! Running a program to its end, with its output or one error that says everything.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::{Error, Result, artifact};

/// Runs `command` to its end and returns its standard output.
///
/// # Errors
/// [`Error::Start`] when it cannot be started, [`Error::Failed`] when it ends with a failure.
pub fn output(command: &mut Command) -> Result<String> {
    finish(command, None)
}

/// Like [`output`], with `input` on standard input.
///
/// # Errors
/// As [`output`].
pub fn output_with_input(command: &mut Command, input: &str) -> Result<String> {
    finish(command, Some(input))
}

fn finish(command: &mut Command, input: Option<&str>) -> Result<String> {
    let output = run(command, input).map_err(|source| Error::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let mut stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if stderr.is_empty() {
        stderr = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    }
    Err(Error::Failed {
        command: describe(command),
        status: output.status,
        stderr,
    })
}

fn run(command: &mut Command, input: Option<&str>) -> std::io::Result<Output> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if input.is_some() {
        Stdio::piped()
    } else {
        Stdio::null()
    });
    let mut child = command.spawn()?;
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        // A program that refuses early closes its end; its exit status tells the story then.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output()
}

/// The command line as one would type it.
#[must_use]
pub fn describe(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// True when [`find`] finds `program`.
#[must_use]
pub fn exists(program: &str) -> bool {
    find(program).is_some()
}

/// Path of `program`: on PATH; in the `sbin` directories, which an unprivileged user's PATH lacks; among the
/// [tools](artifact::tools_directory) that set-up has brought.
#[must_use]
pub fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(Into::into))
        .chain([artifact::tools_directory()])
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_carries_the_command_and_its_complaint() {
        let error = output(Command::new("ls").arg("/does/not/exist"))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("ls /does/not/exist failed"), "{error}");
        assert!(error.contains("/does/not/exist"), "{error}");
    }

    #[test]
    fn input_reaches_the_program() {
        assert_eq!(
            output_with_input(&mut Command::new("cat"), "hello").unwrap(),
            "hello"
        );
    }

    #[test]
    fn missing_program_is_named() {
        let error = output(&mut Command::new("no-such-program-netpol")).unwrap_err();
        assert!(error.to_string().contains("no-such-program-netpol"));
        assert!(!exists("no-such-program-netpol"));
    }
}
