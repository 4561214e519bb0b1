use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn text_of(tree: &Tree) -> String {
    let mut text = String::new();
    document(tree, &mut text);
    text
}

#[test]
fn what_some_reader_takes_for_something_else_stands_in_quotes() {
    for (text, expected) in [
        ("web", "web"),
        ("app.kubernetes.io/name", "app.kubernetes.io/name"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.7", "10.0.0.7"),
        ("fd00::/8", "fd00::/8"),
        ("::/0", r#""::/0""#),
        ("2001:db8::/32", r#""2001:db8::/32""#),
        ("", r#""""#),
        ("yes", r#""yes""#),
        ("NO", r#""NO""#),
        ("y", r#""y""#),
        ("null", r#""null""#),
        ("~", r#""~""#),
        ("0x1", r#""0x1""#),
        ("1e3", r#""1e3""#),
        ("1_000", r#""1_000""#),
        ("1.10", r#""1.10""#),
        ("12:30", r#""12:30""#),
        ("2026-01-01", r#""2026-01-01""#),
        ("a: b", r#""a: b""#),
        ("a #b", r#""a #b""#),
        ("*.example.com", r#""*.example.com""#),
        ("---", r#""---""#),
        ("\"\\", r#""\"\\""#),
        ("two\nlines\t\u{7}", r#""two\nlines\t\U00000007""#),
        ("größe 🦀", "\"größe 🦀\""),
    ] {
        assert_eq!(scalar(text), expected, "{text:?}");
    }
}

#[test]
fn a_comment_stays_a_comment_whatever_is_in_it() {
    let mut text = String::new();
    comment(
        "one\ntwo: 2\r\n\r\u{2028}key: \u{7}value\u{85}- x",
        2,
        &mut text,
    );
    assert_eq!(
        text,
        "  # one\n  # two: 2\n  #\n  #\n  # key:  value\n  # - x\n"
    );
    let item = Item {
        comment: "why\nevil: true".to_owned(),
        tree: Tree::map([("a", Tree::Number(1))]),
    };
    assert_eq!(
        text_of(&Tree::map([("list", Tree::List(vec![item]))])),
        "list:\n  # why\n  # evil: true\n  - a: 1\n"
    );
}

fn trees() -> impl Strategy<Value = Tree> {
    let texts = prop_oneof![
        any::<String>(),
        "[ -~]{0,12}",
        "[-?:,\\[\\]{}#&*!|>'\"%@` a\n\r\t]{0,6}",
        prop::sample::select(vec![
            "yes", "0o7", "0x1F", "~", "NULL", ".inf", "=", "<<", "1:20"
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        texts.clone().prop_map(Tree::Text),
        any::<i64>().prop_map(Tree::Number),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        let item =
            (any::<String>(), inner.clone()).prop_map(|(comment, tree)| Item { comment, tree });
        prop_oneof![
            prop::collection::vec(item, 0..5).prop_map(Tree::List),
            prop::collection::btree_map(texts.clone(), inner, 0..5).prop_map(Tree::map),
        ]
    })
}

proptest! {
    #[test]
    fn what_was_written_reads_back(tree in trees()) {
        let text = text_of(&tree);
        let read: Value = serde_saphyr::from_str(&text)
            .map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(read, tree.into_json(), "{}", text);
    }
}
