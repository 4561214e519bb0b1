//! What docs/unused.md shows is what is printed.

use std::fs;
use std::path::Path;

use crate::run::flows;

#[test]
fn the_examples_are_what_is_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/unused.md");
    let page = fs::read_to_string(path).unwrap();
    let mut blocks = 0;
    for block in page.split("```text\n$ flows ").skip(1) {
        let block = block.split("```").next().unwrap();
        let (command, printed) = block.split_once('\n').unwrap();
        let arguments: Vec<&str> = command.split(' ').collect();
        let output = flows(&arguments);
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            printed,
            "{command}"
        );
        blocks += 1;
    }
    assert!(blocks >= 3, "{blocks} examples");
}
