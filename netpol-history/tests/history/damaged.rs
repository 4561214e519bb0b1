//! Files that were cut or damaged: what is left of them is never given to another node, nor taken for all there was.

use netpol_history::Contents;
use netpol_policy::history::History;

use crate::example::{at, example};
use crate::hostile::{HEADER, INTERVAL, NODE, file, problems};
use crate::round_trip::{read_back, written};

#[test]
fn a_cut_file_says_so_wherever_it_is_cut() {
    let whole = written(&[example()]);
    let header = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let last = whole.len() - 1;
    for length in header..last {
        let contents = read_back(&whole[..length]);
        assert!(contents.problems.count() > 0, "{length}");
        let missing = contents.parts.iter().flat_map(|part| &part.missing);
        assert!(
            missing
                .clone()
                .any(|node| node.reason.starts_with("the history ends early")),
            "{length}"
        );
    }
    // The end of the last line says nothing.
    assert_eq!(read_back(&whole[..last]).problems.count(), 0);
    // A line that went is missed at the end.
    let text = String::from_utf8(whole).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for gone in 1..lines.len() - 1 {
        let rest: Vec<&str> = lines
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != gone)
            .map(|(_, line)| *line)
            .collect();
        assert!(
            read_back(rest.join("\n").as_bytes()).problems.count() > 0,
            "{gone}"
        );
    }
}

/// Two nodes, each with what the example has.
fn two_nodes() -> [History; 2] {
    let mut first = example();
    first.policies.clear();
    first.population.clear();
    first.cluster.clear();
    first.services.clear();
    first.missing.clear();
    let mut second = example();
    second.nodes[0].name = "node-b".into();
    second.nodes[0].read_at = at(4_500);
    second.missing.clear();
    for edge in &mut second.edges {
        edge.key.node = "node-b".into();
    }
    for one in &mut second.uses {
        one.key.node = "node-b".into();
    }
    [first, second]
}

fn names(contents: &Contents) -> Vec<&str> {
    let nodes = contents.parts.iter().flat_map(|part| &part.nodes);
    nodes.map(|node| &*node.name).collect()
}

#[test]
fn what_follows_a_damaged_node_line_is_not_given_to_the_node_before() {
    let histories = two_nodes();
    let text = String::from_utf8(written(&histories)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let second = lines
        .iter()
        .rposition(|line| line.starts_with("{\"node\":"));
    let second = second.unwrap();
    for damaged in [
        "",
        "{\"node\":{}}",
        "{\"nodf\":{}}",
        "\0\0\0\0",
        "{\"node\":{\"na",
    ] {
        let mut lines = lines.clone();
        lines[second] = damaged;
        let contents = read_back(lines.join("\n").as_bytes());
        assert_eq!(names(&contents), ["node-a"], "{damaged:?}");
        let part = &contents.parts[0];
        assert_eq!(part.edges, histories[0].edges, "{damaged:?}");
        assert_eq!(part.uses, histories[0].uses, "{damaged:?}");
        assert_eq!(part.nodes[0].intervals.len(), 1, "{damaged:?}");
        // What is of the cluster is there all the same.
        assert_eq!(part.policies, histories[1].policies);
        let missing: Vec<&str> = part.missing.iter().map(|one| one.reason.as_str()).collect();
        assert_eq!(missing.len(), 1, "{damaged:?}: {missing:?}");
        assert!(missing[0].ends_with("cannot be read"), "{missing:?}");
    }
}

#[test]
fn a_node_without_a_line_of_its_own_is_told_from_the_one_before() {
    let [first, second] = two_nodes();
    let text = String::from_utf8(written(&[first.clone(), second])).unwrap();
    let node = |line: &&str| !line.contains("\"node-b\",\"store\"");
    let rest: Vec<&str> = text.lines().filter(node).collect();
    let contents = read_back(rest.join("\n").as_bytes());
    assert_eq!(contents.parts[0].edges, first.edges);
    assert_eq!(contents.parts[0].nodes[0].intervals.len(), 1);
}

#[test]
fn what_no_node_can_have_told_is_refused() {
    let backwards =
        r#"{"interval":{"from":"2026-11-21T15:00:00Z","until":"2026-11-21T14:00:00Z"}}"#;
    let contents = read_back(file(&[backwards]).as_bytes());
    assert_eq!(problems(&contents), ["line 4: until: before it began"]);
    assert_eq!(contents.parts[0].nodes[0].intervals.len(), 1);
    let nameless = NODE.replace("\"a\"", "\"\"");
    let end = "{\"end\":{\"lines\":3}}";
    let contents = read_back([HEADER, &nameless, INTERVAL, end].join("\n").as_bytes());
    assert_eq!(
        problems(&contents),
        [
            "line 2: name: empty",
            "line 3: belongs to a node that cannot be told"
        ]
    );
    assert_eq!(contents.parts[0].nodes, []);
}

#[test]
fn every_node_has_lost_something_where_lines_are_missing_and_none_knows_whose() {
    let text = String::from_utf8(written(&two_nodes())).unwrap();
    let gone = text.lines().position(|line| line.starts_with("{\"use\":"));
    let rest = text.lines().enumerate();
    let rest: Vec<&str> = rest
        .filter(|(index, _)| Some(*index) != gone)
        .map(|(_, line)| line)
        .collect();
    let contents = read_back(rest.join("\n").as_bytes());
    assert_eq!(contents.problems.damaged(), 1);
    for part in &contents.parts {
        let losses = &part.nodes[0].intervals.last().unwrap().losses;
        assert_eq!(&*losses.last().unwrap().reason, "unreadable_line");
    }
}

#[test]
fn files_that_were_put_one_behind_the_other_are_told() {
    let [first, second] = two_nodes();
    let both = [written(&[first]), written(&[second])].concat();
    let contents = read_back(&both);
    assert_eq!(names(&contents), ["node-a"]);
    let problems = problems(&contents);
    assert!(
        problems[0].ends_with("stands after the end of the file"),
        "{problems:?}"
    );
}
