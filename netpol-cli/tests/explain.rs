//! What `flows explain` and `flows eval` tell a person, by the real binary: files of commands and what they print.
//!
//! `UPDATE_STORIES=1 cargo test -p netpol-cli --test explain` writes what is printed now; read the difference.
#![allow(
    clippy::unwrap_used,
    reason = "clippy spares test functions, not their helpers"
)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain")
}

/// Runs one command line, with `< file` for standard input, and says what it printed and how it ended.
fn run(line: &str) -> String {
    let (line, input) = match line.split_once(" < ") {
        Some((line, file)) => (line, File::open(directory().join(file)).unwrap().into()),
        None => (line, Stdio::null()),
    };
    let mut words = line.split(' ');
    assert_eq!(words.next(), Some("flows"), "{line}");
    let output = Command::new(env!("CARGO_BIN_EXE_flows"))
        .args(words)
        .current_dir(directory())
        .stdin(input)
        .output()
        .unwrap();
    let (out, err) = (output.stdout, output.stderr);
    let text = [out, err].map(|bytes| String::from_utf8(bytes).unwrap());
    format!("{}exit {}\n", text.concat(), output.status.code().unwrap())
}

/// Runs every command of a story, and expects what stands below it.
fn tell(name: &str) {
    let path = directory().join(name).with_extension("story");
    let expected = fs::read_to_string(&path).unwrap();
    let commands = expected.lines().filter_map(|line| line.strip_prefix("$ "));
    let told: Vec<String> = commands
        .map(|line| format!("$ {line}\n{}", run(line)))
        .collect();
    assert!(!told.is_empty(), "{name} has no command");
    let told = told.join("\n");
    if std::env::var_os("UPDATE_STORIES").is_some() {
        fs::write(&path, told).unwrap();
    } else {
        assert_eq!(told, expected, "{name}");
    }
}

/// What stands below a command in a fenced block of the documentation.
#[test]
fn the_documentation_shows_what_is_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/explaining.md");
    let text = fs::read_to_string(path).unwrap();
    let blocks = text.split("```text\n$ ").skip(1);
    let mut count = 0;
    for block in blocks {
        let (block, _) = block.split_once("```").unwrap();
        let (line, shown) = block.split_once('\n').unwrap();
        let told = run(line);
        let (told, _) = told.rsplit_once("exit ").unwrap();
        assert_eq!(told, shown);
        count += 1;
    }
    assert_eq!(count, 2);
}

#[test]
fn colour_adds_nothing_but_colour() {
    let line = "flows explain --manifests manifests/world.yaml manifests/policies.yaml --from ci/build --to prod/db --port 5432";
    let coloured = run(&format!("{line} --color always"));
    assert!(coloured.starts_with("\u{1b}["), "{coloured:?}");
    assert_eq!(
        anstream::adapter::strip_str(&coloured).to_string(),
        run(line)
    );
}

#[test]
fn json_holds_the_answer_and_every_step_with_its_text() {
    let line = "flows explain --manifests manifests/world.yaml manifests/tiers.yaml manifests/policies.yaml --from prod/web --to prod/db --port 5432 -o json";
    let told = run(line);
    let (json, code) = told.split_once('\n').unwrap();
    assert_eq!(code, "exit 0\n");
    let told: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(told["allowed"], true);
    let path = &told["paths"][0];
    assert_eq!(path["from"]["labels"]["app"], "web");
    let tiers = &path["tiers"]["ingress"];
    let outcomes: Vec<_> = tiers
        .as_array()
        .unwrap()
        .iter()
        .map(|tier| &tier["outcome"])
        .collect();
    assert_eq!(
        outcomes,
        [&json!("passed"), &json!("allowed"), &json!(null)]
    );
    let rule = &tiers[0]["policies"][0]["rules"][0];
    assert_eq!(
        (&rule["name"], &rule["answer"]),
        (&json!("web-to-teams"), &json!("matches"))
    );
    assert_eq!(rule["source"]["file"], "manifests/tiers.yaml");
    assert_eq!(rule["source"]["line"], 10);
    assert_eq!(rule["source"]["text"][1], "    action: Pass");
    let other = &tiers[0]["not_applying"][0];
    assert_eq!(other["name"], "other");
    assert_eq!(
        other["misses"][0],
        json!({"wants": "namespace team=nobody", "has": "prod has team=shop"})
    );
}

/// A test for each story.
macro_rules! stories {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                tell(stringify!($name));
            }
        )*

        #[test]
        fn every_story_is_told() {
            let files = fs::read_dir(directory()).unwrap();
            let mut files: Vec<_> = files
                .map(|file| file.unwrap().path())
                .filter(|path| path.extension().is_some_and(|end| end == "story"))
                .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
                .collect();
            files.sort();
            let mut told = [$(stringify!($name)),*];
            told.sort_unstable();
            assert_eq!(files, told);
        }
    };
}

stories! {
    allowed_and_what_else_allows
    denied_by_default_and_by_the_nearest_rule
    flow_style_and_json
    host_network
    long_rules
    named_port_without_a_name
    no_policy
    outside_addresses
    short
    standard_input
    tiers
    unknown
    unsupported_peer
    workloads
}
