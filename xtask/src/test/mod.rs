//! `cargo xtask test`: formatting, lints, all tests, and how it went.

mod counts;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anstream::println;
use anyhow::{Context, Result, bail};
use netpol_testkit::{command, requirement};

use crate::cargo;
use crate::console::{self, BAD, GOOD, HEADING, WARNING};
use crate::setup::{self, plan::Toolchain};
use counts::Counts;

/// Options of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Formatting, lints and unit tests only: no root, no namespaces
    #[arg(long)]
    fast: bool,
    /// Only tests whose names contain one of these
    filters: Vec<String>,
}

/// What has been run so far.
#[derive(Default)]
struct Run {
    counts: Counts,
    flaky_tests: Vec<String>,
    failed_steps: Vec<String>,
}

/// Runs every step, also after one has failed, and fails if any did.
pub(crate) fn run(options: &Options) -> Result<()> {
    let skipped = SkippedFile::new();
    let mut run = Run::default();
    run.step("set-up", || setup::ensure(Toolchain::Auto).map(drop))?;
    if !options.fast {
        // Without them the tests that need them are told as not run, and under CI as failed.
        let rendering = run.step("helm and kubectl", || {
            setup::cluster_tools::ensure().map(drop)
        });
        if let Err(error) = rendering {
            anstream::eprintln!("{error:#}");
        }
    }
    run.check("formatting", &["fmt", "--all", "--check"]);
    // The default members: the kernel crate does not compile for this machine.
    run.check(
        "lints",
        &["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"],
    );
    if command::exists("cargo-nextest") {
        run.nextest(options, &skipped);
    } else {
        run.cargo_test(options, &skipped);
    }
    for name in &run.flaky_tests {
        let mark = console::paint(WARNING, "FLAKY");
        println!("{mark} {name}: failed, and passed when it was tried again");
    }
    for line in skipped.lines() {
        println!("{} {line}", console::paint(WARNING, "NOT RUN"));
        // To the runner a test that returned early is one that passed.
        run.counts.passed = run.counts.passed.saturating_sub(1);
        run.counts.skipped += 1;
    }
    println!("{}", run.counts);
    if !run.failed_steps.is_empty() {
        bail!("failed: {}", run.failed_steps.join(", "));
    }
    if run.counts.passed == 0 {
        bail!("no test has run");
    }
    Ok(())
}

impl Run {
    fn step(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("{}", console::paint(HEADING, &format!("── {name}")));
        let start = Instant::now();
        let result = work();
        let (style, word) = if result.is_ok() {
            (GOOD, "ok")
        } else {
            (BAD, "failed")
        };
        println!(
            "{style}{word}{style:#} {name}, {:.1} s",
            start.elapsed().as_secs_f64()
        );
        result
    }

    fn check(&mut self, name: &str, arguments: &[&str]) {
        let checked = self.step(name, || {
            cargo::run(&mut cargo::command(arguments.iter().copied()))
        });
        self.note(name, checked);
    }

    fn note(&mut self, name: &str, result: Result<()>) {
        if let Err(error) = result {
            anstream::eprintln!("{error:#}");
            self.failed_steps.push(name.to_owned());
        }
    }

    fn nextest(&mut self, options: &Options, skipped: &SkippedFile) {
        // `--no-fail-fast`: the counts at the end are about all tests.
        let mut arguments = vec!["nextest", "run", "--no-fail-fast", "--no-tests=warn"];
        if std::env::var_os("CI").is_some() {
            // Another try for tests in network namespaces.
            arguments.extend(["--profile", "ci"]);
        }
        if options.fast {
            arguments.extend(["--lib", "--bins"]);
        }
        let named = named(&options.filters);
        if !named.is_empty() {
            arguments.extend(["--filterset", &named]);
        }
        self.counted("tests", &arguments, skipped, |line| {
            counts::nextest_summary(line, options.filters.is_empty())
        });
        if !options.fast {
            // nextest runs no documentation tests.
            self.documentation(options, skipped);
        }
    }

    fn cargo_test(&mut self, options: &Options, skipped: &SkippedFile) {
        let with_filters = |arguments: &[&'static str]| -> Vec<String> {
            let words = arguments.iter().map(|&word| word.to_owned());
            words.chain(options.filters.iter().cloned()).collect()
        };
        let unit = with_filters(&["test", "--no-fail-fast", "--lib", "--bins", "--"]);
        let unit: Vec<&str> = unit.iter().map(String::as_str).collect();
        self.counted("unit tests", &unit, skipped, counts::cargo_summary);
        if options.fast {
            return;
        }
        // One at a time: each makes a cluster of its own and watches the kernel's drops.
        let whole = with_filters(&[
            "test",
            "--no-fail-fast",
            "--test",
            "*",
            "--",
            "--test-threads=1",
        ]);
        let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
        self.counted(
            "integration and end-to-end tests",
            &whole,
            skipped,
            counts::cargo_summary,
        );
        self.documentation(options, skipped);
    }

    fn documentation(&mut self, options: &Options, skipped: &SkippedFile) {
        let mut arguments = vec!["test", "--no-fail-fast", "--doc", "--"];
        arguments.extend(options.filters.iter().map(String::as_str));
        self.counted(
            "documentation tests",
            &arguments,
            skipped,
            counts::cargo_summary,
        );
    }

    /// Runs a test runner, shows what it writes, and adds up what its summaries say.
    fn counted(
        &mut self,
        name: &str,
        arguments: &[&str],
        skipped: &SkippedFile,
        summary: impl Fn(&str) -> Option<Counts>,
    ) {
        let mut counts = Counts::default();
        let mut flaky_tests = Vec::new();
        let result = self.step(name, || {
            let mut runner = cargo::command(arguments.iter().copied());
            runner.env(requirement::SKIPPED_FILE, &skipped.0);
            show(&mut runner, |line| {
                if let Some(found) = summary(line) {
                    counts += found;
                }
                flaky_tests.extend(counts::flaky_test(line).map(str::to_owned));
            })
        });
        self.counts += counts;
        self.flaky_tests.extend(flaky_tests);
        self.note(name, result);
    }
}

/// Runs `command`, passing each line that it writes on to our own output and to `each`.
fn show(command: &mut Command, mut each: impl FnMut(&str)) -> Result<()> {
    let line = command::describe(command);
    let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    command
        .stdout(writer.try_clone().context("cannot share a pipe")?)
        .stderr(writer);
    let mut child = command
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start `{line}`"))?;
    // Our copies of the writing end, or the loop below would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    for written in BufReader::new(reader).split(b'\n') {
        let written = written.with_context(|| format!("cannot read from `{line}`"))?;
        let text = String::from_utf8_lossy(&written);
        println!("{text}");
        each(&text);
    }
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// To which tests that cannot run here add a line each.
struct SkippedFile(PathBuf);

impl SkippedFile {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("netpol-skipped-{}", std::process::id())))
    }

    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        text.lines()
            .map(|line| line.trim_start_matches("SKIPPED ").to_owned())
            .collect()
    }
}

impl Drop for SkippedFile {
    fn drop(&mut self) {
        // Absent when no test was skipped.
        let _ = std::fs::remove_file(&self.0);
    }
}
/// Tests, and whole test programs, whose name contains one of these words; empty for all.
fn named(filters: &[String]) -> String {
    let each = filters
        .iter()
        .map(|word| format!("test(~{word}) | binary(~{word})"));
    each.collect::<Vec<_>>().join(" | ")
}
