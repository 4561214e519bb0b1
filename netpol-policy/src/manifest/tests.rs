//! What people and tools write, and what it is read as.

use super::reader::qualified;
use super::*;

fn names(text: &str) -> Vec<String> {
    let read = parse(text);
    assert_eq!(read.errors, [], "{text}");
    read.objects
        .iter()
        .map(|object| {
            format!(
                "{} {}",
                object.kind(),
                qualified(object.key().0, object.key().1)
            )
        })
        .collect()
}

/// Document, object, field and message of the one error of a text.
fn error(text: &str) -> (usize, String, String, String) {
    let mut read = parse(text);
    assert_eq!(read.errors.len(), 1, "{text}: {:?}", read.errors);
    let error = read.errors.remove(0);
    (
        error.document,
        error.object.unwrap_or_default(),
        error.field,
        error.message,
    )
}

#[test]
fn yaml_and_json_in_every_shape() {
    let (a, b) = ("Pod default/a", "Pod default/b");
    for (text, expected) in [
        ("kind: Pod\nmetadata: {name: a}", vec![a]),
        (
            "\u{feff}kind: Pod\r\nmetadata:\r\n  name: a\r\n---\r\n# end\r\n",
            vec![a],
        ),
        ("{kind: Pod, metadata: {name: a}}", vec![a]),
        (
            "{kind: Pod, metadata: {name: a}}\n---\n{kind: Pod, metadata: {name: b}}",
            vec![a, b],
        ),
        (
            r#"{"kind":"Pod","metadata":{"name":"a"}}{"kind":"Pod","metadata":{"name":"b"}}"#,
            vec![a, b],
        ),
        (
            "{\"kind\":\"Pod\",\n\t\"metadata\":{\"name\":\"a\"}}\n---\nkind: Pod\nmetadata: {name: b}",
            vec![a, b],
        ),
        (
            r#"[{"kind":"Pod","metadata":{"name":"a"}},{"kind":"Pod","metadata":{"name":"b"}}]"#,
            vec![a, b],
        ),
        (
            "kind: List\nitems:\n- {kind: Pod, metadata: {name: a}}\n- {kind: Pod, metadata: {name: b}}",
            vec![a, b],
        ),
        ("kind: PodList\nitems:\n- metadata: {name: a}", vec![a]),
        (
            "kind: List\nitems: [{kind: PodList, items: [{metadata: {name: a}}]}]",
            vec![a],
        ),
        ("kind: PodList\nitems: null", vec![]),
        ("x: &name {name: a}\nkind: Pod\nmetadata: *name", vec![a]),
        (
            "x: &name {name: a}\nkind: Pod\nmetadata:\n  <<: *name\n  namespace: c",
            vec!["Pod c/a"],
        ),
        (
            "%YAML 1.2\n---\nkind: Node\nmetadata: {name: a}\n...\n",
            vec!["Node a"],
        ),
        ("", vec![]),
        ("---\n---\n# nothing\n", vec![]),
    ] {
        assert_eq!(names(text), expected, "{text}");
    }
}

#[test]
fn errors_name_document_object_and_field() {
    let after = "kind: Pod\nmetadata: {name: a}\n---\n# nothing\n---\n";
    for (text, document, object, field, message) in [
        (
            "kind: Pod\nmetadata: {name: a, namespace: y}",
            3,
            "Pod default/a",
            "metadata.namespace",
            "invalid type: boolean `true`, expected a string: put it into quotes",
        ),
        (
            "kind: Pod\nmetadata: {name: b, labels: {version: 1.10}}",
            3,
            "Pod default/b",
            "metadata.labels.version",
            "expected a string: put it into quotes",
        ),
        (
            "kind: Pod\nmetadata: {}",
            3,
            "Pod",
            "metadata.name",
            "expected a name, found none",
        ),
        (
            "kind: Pod\nmetadata: {name: c}\nstatus: {podIP: here}",
            3,
            "Pod default/c",
            "status.podIP",
            "expected an IP address, found \"here\"",
        ),
        (
            "kind: List\nitems: [{kind: Node, metadata: {name: node-1}}, {metadata: {name: b}}]",
            3,
            "",
            "items[1].kind",
            "apiVersion and kind, found neither",
        ),
        (
            "kind: List\nitems: [3]",
            3,
            "",
            "items[0]",
            "expected a Kubernetes object",
        ),
        (
            "kind: PodList\nItems: [{metadata: {name: b}}]",
            3,
            "",
            "items",
            "expected a list of objects",
        ),
        (
            "kind: List\nitems: {}",
            3,
            "",
            "items",
            "expected a list of objects",
        ),
        ("[{}]", 3, "", "[0].kind", "found neither"),
        (
            "apiVersion: v1",
            3,
            "",
            "kind",
            "expected a kind, found none",
        ),
        (
            "replicas: 3\nimage: {tag: a}",
            3,
            "",
            "kind",
            "found neither",
        ),
        ("only text", 3, "", "", "expected a Kubernetes object"),
        (
            "kind: Pod\nmetadata: {{ include \"labels\" . }}",
            3,
            "",
            "",
            "; a template has to be rendered first",
        ),
        (
            "kind: Pod\nmetadata: {name: a}",
            3,
            "Pod default/a",
            "metadata.name",
            "the last one counts",
        ),
        ("kind: Pod\nkind: Node\n", 3, "", "", "line 7 column 1: "),
        (
            "kind: Pod\nmetadata:\n\tname: a",
            3,
            "",
            "",
            "line 8 column 2: ",
        ),
        ("kind: Pod\nmetadata: [", 3, "", "", "line 7 column "),
        (
            "kind: Pod\nmetadata: *nobody",
            3,
            "",
            "",
            "line 7 column 11: ",
        ),
        (
            "apiVersion: networking.k8s.io/v2\nkind: NetworkPolicy\nmetadata: {name: p}",
            3,
            "NetworkPolicy default/p",
            "",
            "expected networking.k8s.io/v1",
        ),
        (
            "kind: NetworkPolicy\nmetadata: {name: p}\nspec: {ingres: []}",
            3,
            "NetworkPolicy default/p",
            "spec.ingres",
            "expected no such field",
        ),
        (
            "kind: NetworkPolicy\nmetadata: {name: p}\nspec: {ingress: [{}, {from: [{podSelector: {matchLabel: {a: b}}}]}]}",
            3,
            "NetworkPolicy default/p",
            "spec.ingress[1].from[0].podSelector.matchLabel",
            "expected no such field",
        ),
        (
            "kind: NetworkPolicy\nmetadata: {name: p}\nspec: {ingress: [{from: [{podSelector: {}}, {podSelector: 3}]}]}",
            3,
            "NetworkPolicy default/p",
            "spec.ingress[0].from[1].podSelector",
            "invalid type: integer `3`",
        ),
    ] {
        let found = error(&format!("{after}{text}"));
        assert_eq!(
            (found.0, found.1.as_str(), found.2.as_str()),
            (document, object, field),
            "{text}: {found:?}"
        );
        assert!(found.3.contains(message), "{text}: {found:?}");
    }
}

#[test]
fn a_bad_document_or_item_costs_only_itself() {
    let read = parse(
        "kind: Pod\nmetadata: [\n---\nkind: List\nitems:\n- {kind: Pod}\n- {kind: Pod, metadata: {name: b}}\n",
    );
    assert_eq!(read.objects.len(), 1);
    let places: Vec<_> = read.errors.iter().map(|error| error.document).collect();
    assert_eq!(places, [1, 2]);
}

#[test]
fn of_an_object_that_stands_twice_the_last_one_counts_in_the_first_ones_place() {
    let read = parse(
        "[{kind: Pod, metadata: {name: a}}, {kind: Pod, metadata: {name: b}}, {kind: Pod, metadata: {name: a, uid: u}}]",
    );
    let pods: Vec<_> = read.objects.iter().map(|object| object.key().1).collect();
    assert_eq!(pods, ["a", "b"]);
    assert!(matches!(&read.objects[0], Object::Pod(pod) if &*pod.uid == "u"));
}

#[test]
fn kinds_of_other_api_groups_are_not_taken_for_ours_and_policies_of_others_are_told() {
    let read = parse(
        "[{apiVersion: projectcalico.org/v3, kind: NetworkPolicy, metadata: {name: a, namespace: prod}},
          {apiVersion: serving.knative.dev/v1, kind: Service, metadata: {name: a}},
          {apiVersion: example.com/v1, kind: AccessList, metadata: {name: a}},
          {apiVersion: v1, kind: ConfigMap, metadata: {name: a}},
          {apiVersion: policy.networking.k8s.io/v1, kind: ClusterNetworkPolicy, metadata: {name: b}}]",
    );
    assert_eq!(read.errors, []);
    assert_eq!(
        read.ignored,
        [
            "Service.serving.knative.dev",
            "AccessList.example.com",
            "ConfigMap"
        ]
    );
    let others: Vec<_> = read
        .not_evaluated
        .iter()
        .map(|one| {
            (
                one.kind.as_str(),
                one.api_version.as_str(),
                one.name.as_str(),
            )
        })
        .collect();
    let expected = [
        ("NetworkPolicy", "projectcalico.org/v3", "prod/a"),
        ("ClusterNetworkPolicy", "policy.networking.k8s.io/v1", "b"),
    ];
    assert_eq!(others, expected);
    assert_eq!(read.not_evaluated[1].place.path, "[4]");
}

#[test]
fn each_object_remembers_where_it_stands() {
    let read = parse(
        "# a cluster\n---\n# nothing\n---\n\nkind: Pod\nmetadata: {name: a}\n--- {kind: Pod, metadata: {name: b}}\n---\n\
         kind: List\nitems:\n- {kind: Pod, metadata: {name: c}}\n- {kind: PodList, items: [{metadata: {name: a}}]}\n",
    );
    let places: Vec<_> = read.objects.iter().zip(&read.places).collect();
    let places: Vec<_> = places
        .iter()
        .map(|(object, place)| {
            (
                object.key().1,
                place.document,
                place.line,
                place.path.as_str(),
            )
        })
        .collect();
    // The second `a` has taken the place of the first in the order of objects, not in the text.
    let expected = [
        ("a", 4, 10, "items[1].items[0]"),
        ("b", 3, 8, ""),
        ("c", 4, 10, "items[0]"),
    ];
    assert_eq!(places, expected);
    let json = parse(
        "{\"kind\": \"Pod\", \"metadata\": {\"name\": \"a\"}}\n{\"kind\": \"Node\", \"metadata\": {\"name\": \"b\"}}",
    );
    let documents: Vec<_> = json.places.iter().map(|place| place.document).collect();
    assert_eq!(documents, [1, 2]);
}

#[test]
fn a_small_text_stays_small_and_a_deep_one_is_refused() {
    let mut laughs = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let ten = vec![format!("*a{}", level - 1); 9].join(",");
        laughs.push_str(&format!("a{level}: &a{level} [{ten}]\n"));
    }
    for text in [
        laughs,
        "[".repeat(100_000),
        format!("kind: Pod\nmetadata: {}", "{a: ".repeat(50_000)),
        (0..3_000)
            .map(|depth| format!("{}a:\n", " ".repeat(depth)))
            .collect(),
    ] {
        let (_, _, field, message) = error(&text);
        assert_eq!(field, "");
        assert!(message.len() < 200, "{message}");
    }
}

#[test]
fn a_list_of_a_whole_clusters_pods_is_read() {
    let mut text = String::from("kind: PodList\nitems:\n");
    for pod in 0..1_500 {
        text.push_str(&format!(
            "- metadata:\n    name: pod-{pod}\n    annotations:\n"
        ));
        (0..100).for_each(|key| text.push_str(&format!("      key-{key}: v\n")));
    }
    assert_eq!(names(&text).len(), 1_500);
}
