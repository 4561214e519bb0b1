//! The pages name what exists: every metric, every flag, and every page that they link to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use netpol_agent::config::Config;
use netpol_transport::tls::CertificateCollector;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The first string literal behind each `mark`, where it is a name.
fn literals<'a>(source: &'a str, mark: &str) -> Vec<&'a str> {
    let behind = source.split(mark).skip(1);
    behind
        .filter_map(|rest| rest.split('"').nth(1))
        .filter(|literal| is_name(literal))
        .collect()
}

fn is_name(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[test]
fn every_metric_has_a_line_and_every_line_a_metric() {
    let agent = read("netpol-agent/src/metrics.rs");
    let kernel = read("netpol-agent/src/kernel/metrics.rs");
    let agent = literals(&agent, "registry.register(");
    let kernel = literals(&kernel, "Counter::");
    assert!(
        agent.len() >= 10 && kernel.len() >= 17,
        "{agent:?} {kernel:?}"
    );
    let registered: BTreeSet<String> = agent
        .into_iter()
        .chain(CertificateCollector::NAMES)
        .map(|name| format!("netpol_{name}"))
        .chain(
            kernel
                .into_iter()
                .map(|name| format!("netpol_kernel_{name}")),
        )
        .collect();
    let page = read("docs/metrics.md");
    let documented: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `netpol_")?.split('`').next())
        .map(|name| format!("netpol_{}", name.trim_end_matches("_total")))
        // The relay holds its own against the page.
        .filter(|name| !name.starts_with("netpol_relay_"))
        .collect();
    assert_eq!(documented, registered);
}

#[test]
fn every_flag_of_the_agent_has_a_line_with_its_variable() {
    let page = read("docs/operations.md");
    let command = Config::command();
    for argument in command.get_arguments() {
        let Some(flag) = argument.get_long() else {
            continue;
        };
        let start = format!("| `--{flag}");
        let line = page.lines().find(|line| {
            line.strip_prefix(&start)
                .is_some_and(|rest| rest.starts_with([' ', '`']))
        });
        let line = line.unwrap_or_else(|| panic!("docs/operations.md has no line for --{flag}"));
        if let Some(variable) = argument.get_env() {
            let variable = variable.to_string_lossy();
            assert!(
                line.contains(&*variable),
                "--{flag} is also {variable}: {line}"
            );
        }
        for default in argument.get_default_values() {
            let default = default.to_string_lossy();
            let is_switch = default == "false";
            assert!(
                is_switch || line.contains(&*default),
                "--{flag} is {default}: {line}"
            );
        }
    }
}

#[test]
fn every_reason_for_a_loss_is_explained() {
    let sources = ["counters", "sweeper", "reader"]
        .map(|name| read(&format!("netpol-agent/src/kernel/{name}.rs")));
    let strings = sources
        .iter()
        .flat_map(|source| source.split('"').skip(1).step_by(2));
    let kernel = strings.filter(|text| text.contains('_') && is_name(text));
    let reasons: BTreeSet<&str> = kernel.chain(["tracker_full", "slow_subscriber"]).collect();
    assert!(reasons.len() >= 11, "{reasons:?}");
    for page in ["docs/architecture.md", "docs/operations.md"] {
        let text = read(page);
        for reason in &reasons {
            assert!(
                text.contains(&format!("`{reason}`")),
                "{page} does not explain {reason}"
            );
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut pages = vec![PathBuf::from("README.md")];
    let directory = fs::read_dir(root().join("docs")).unwrap();
    let files = directory.map(|entry| Path::new("docs").join(entry.unwrap().file_name()));
    pages.extend(files.filter(|file| file.extension().is_some_and(|ending| ending == "md")));
    for page in pages {
        let text = read(page.to_str().unwrap());
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if target.contains("://") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let aim = match path {
                "" => page.clone(),
                path => page.parent().unwrap().join(path),
            };
            assert!(root().join(&aim).exists(), "{}: {target}", page.display());
            if !anchor.is_empty() {
                let headings = headings(&read(aim.to_str().unwrap()));
                assert!(headings.contains(anchor), "{}: {target}", page.display());
            }
        }
    }
}

/// Anchors of a page as code hosts make them from its headings.
fn headings(page: &str) -> BTreeSet<String> {
    let titles = page
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
    titles
        .map(|title| {
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
            kept.collect::<String>().to_lowercase().replace(' ', "-")
        })
        .collect()
}
