//! The examples of docs/ci.md, run as they are written: each `run:` and each line of a `script:` by the shell that the
//! service would give it, with the real `flows`, in a repository made for it. Steps that are the service's own, such as the
//! check-out, are done by hand; what they take from the steps before them is looked at.
#![allow(
    clippy::unwrap_used,
    reason = "clippy spares test functions, not their helpers"
)]

mod github;
mod gitlab;
mod notes;
mod refused;
mod scratch;
mod traffic;

use serde_json::Value;

/// A file of docs/examples/ci.
fn example(name: &str) -> Value {
    let path = format!("{}/../docs/examples/ci/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn the_page_shows_the_examples_as_they_are() {
    let root = format!("{}/../docs", env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(format!("{root}/ci.md")).unwrap();
    for name in ["github-actions.yaml", "gitlab-ci.yaml"] {
        let file = std::fs::read_to_string(format!("{root}/examples/ci/{name}")).unwrap();
        assert!(page.contains(&format!("](examples/ci/{name})")), "{name}");
        // What is shown of it on the page stands in it.
        let blocks = page.split("```").skip(1).step_by(2);
        let shown = blocks.filter_map(|block| block.strip_prefix(&format!("yaml {name}\n")));
        let mut count = 0;
        for block in shown {
            assert!(file.contains(block), "{name} has not:\n{block}");
            count += 1;
        }
        assert!(count > 0, "{name} is not shown");
    }
}
