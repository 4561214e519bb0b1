use super::*;

/// The lines of a field, from 1, and what stands between its first and its last character.
fn quoted(text: &str, document: usize, object: &str, field: &str) -> Option<(usize, String)> {
    let part = Outline::of(text, document)?.find(object, field)?;
    let lines: Vec<&str> = text.lines().collect();
    let mut quoted = String::new();
    for number in part.lines() {
        let line: Vec<char> = lines[number - 1].chars().collect();
        let from = if number == part.start.line {
            part.start.column
        } else {
            0
        };
        let to = if number == part.end.line {
            part.end.column
        } else {
            line.len()
        };
        quoted.extend(&line[from..to]);
        quoted.push('\n');
    }
    Some((part.start.line, quoted.trim_end().to_owned()))
}

#[track_caller]
fn expect(text: &str, document: usize, path: (&str, &str), line: usize, expected: &str) {
    let found = quoted(text, document, path.0, path.1);
    assert_eq!(found, Some((line, expected.to_owned())), "{path:?}");
}

const BLOCK: &str = "\
# A policy.
kind: NetworkPolicy
metadata:
  name: db   # trailing
spec:
  podSelector: {}
  ingress:

  # Who may come in.
  - from:
    - namespaceSelector:
        matchLabels:
          team: database
      # Both have to match.
      podSelector: {}   # all
    -
      ipBlock:
        cidr: 10.0.0.0/8
        except: [10.1.0.0/16,
          10.2.0.0/16]

    ports:
    - port: 5432
  -
  egress:
";

#[test]
fn a_block_ends_with_the_last_thing_in_it() {
    let peer = "namespaceSelector:
        matchLabels:
          team: database
      # Both have to match.
      podSelector: {}";
    expect(BLOCK, 1, ("", "spec.ingress[0].from[0]"), 11, peer);
    expect(
        BLOCK,
        1,
        ("", "spec.ingress[0].from[1]"),
        17,
        "ipBlock:
        cidr: 10.0.0.0/8
        except: [10.1.0.0/16,
          10.2.0.0/16]",
    );
    expect(
        BLOCK,
        1,
        ("", "spec.ingress[0].from[1].ipBlock.except[1]"),
        20,
        "10.2.0.0/16",
    );
    expect(BLOCK, 1, ("", "metadata.name"), 4, "name: db");
    expect(BLOCK, 1, ("", "spec.ingress[0].ports[0]"), 23, "port: 5432");
}

#[test]
fn what_is_not_written_stands_behind_its_key() {
    expect(BLOCK, 1, ("", "spec.egress"), 25, "egress");
    let rule = Outline::of(BLOCK, 1).unwrap().find("", "spec.ingress[1]");
    assert!([23, 24].contains(&rule.unwrap().start.line), "{rule:?}");
}

#[test]
fn what_is_not_there_is_not_found() {
    for path in [
        "spec.ingress[2]",
        "spec.ingress.from",
        "spec.ingress[0].to",
        "spec[0]",
        "kind.name",
    ] {
        assert_eq!(quoted(BLOCK, 1, "", path), None, "{path}");
    }
    assert_eq!(quoted(BLOCK, 1, "items[0]", "spec"), None);
    assert_eq!(quoted(BLOCK, 0, "", "spec"), None);
    assert_eq!(quoted(BLOCK, 2, "", "spec"), None);
    assert!(Outline::of("a: [", 1).is_none());
}

#[test]
fn flow_style_and_lists_within_lists() {
    let text = "{kind: List, items: [\n  {spec: {ingress: [{from: [{podSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8}}]}]}},\n  {a: [[1, 2], [3,\n   4]]}]}\n";
    let (first, second) = ("items[0]", "items[1]");
    let path = (first, "spec.ingress[0].from[1]");
    expect(text, 1, path, 2, "{ipBlock: {cidr: 10.0.0.0/8}}");
    expect(
        text,
        1,
        (first, "spec.ingress"),
        2,
        "ingress: [{from: [{podSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8}}]}]",
    );
    expect(text, 1, (second, "a[1]"), 3, "[3,\n   4]");
    expect(text, 1, (second, "a[0][1]"), 3, "2");
}

#[test]
fn documents_count_as_the_manifests_do() {
    let text = "# nothing\n---\na: 1\n---\n# empty\n---\r\nb:\r\n- 1\r\n- x: 2\r\n...\n--- {c: [1,\n 2]}\n";
    expect(text, 1, ("", "a"), 3, "a: 1");
    expect(text, 3, ("", "b[1]"), 9, "x: 2");
    expect(text, 4, ("", "c"), 11, "c: [1,\n 2]");
    expect(text, 4, ("", "c[1]"), 12, "2");
    assert!(Outline::of(text, 2).is_none());
}

#[test]
fn json_values_one_after_another_are_documents() {
    let text = "\u{feff}{\"a\": [1,\n\t{\"b\": \"\\ud83d\\ude00\"}]}\n\n {\"c\": null} {\"d\": [[], {\"e\":2}]}\n---\nf: 1\n";
    let text = text.strip_prefix('\u{feff}').unwrap();
    expect(text, 1, ("", "a[1].b"), 2, "\"b\": \"\\ud83d\\ude00\"");
    expect(text, 2, ("", "c"), 4, "\"c\": null");
    expect(text, 3, ("", "d[1].e"), 4, "\"e\":2");
    expect(text, 4, ("", "f"), 6, "f: 1");
}

#[test]
fn a_byte_order_mark_does_not_move_a_line() {
    let part = Outline::of("\u{feff}a:\n  b: 1\n", 1).unwrap();
    assert_eq!(part.find("", "a.b").unwrap().lines(), 2..=2);
}

#[test]
fn an_array_may_be_the_root() {
    expect("[{\"a\": 1},\n{\"a\": 2}]", 1, ("[1]", "a"), 2, "\"a\": 2");
}

#[test]
fn aliases_and_merged_mappings_lead_to_their_anchor() {
    let text = "\
peers: &peers
- podSelector: &web
    matchLabels: {app: web}
base: &base
  from: *peers
spec:
  ingress:
  - <<: *base
    ports: [{port: 80}]
  - <<: [*base]
  - from:
    - podSelector: *web
";
    let selector = "podSelector: &web\n    matchLabels: {app: web}";
    expect(text, 1, ("", "spec.ingress[0].from[0]"), 2, selector);
    expect(text, 1, ("", "spec.ingress[1].from[0]"), 2, selector);
    expect(text, 1, ("", "spec.ingress[0].ports[0]"), 9, "{port: 80}");
    let found = quoted(text, 1, "", "spec.ingress[2].from[0].podSelector");
    assert_eq!(found.unwrap().0, 3);
}

#[test]
fn a_mapping_merged_into_itself_ends() {
    let text = "a: &a\n  <<: *a\n  b: 1\n";
    expect(text, 1, ("", "a.b"), 3, "b: 1");
    assert_eq!(quoted(text, 1, "", "a.c"), None);
}

#[test]
fn text_blocks_keep_to_their_lines() {
    let text = "a: |\n  one\n  two\nb: >-\n  three\n  four\nc: five\n  six\n";
    for (key, lines) in [("a", 1..=3), ("b", 4..=6), ("c", 7..=8)] {
        let part = Outline::of(text, 1).unwrap().find("", key).unwrap();
        assert_eq!(part.lines(), lines, "{key}");
    }
}
