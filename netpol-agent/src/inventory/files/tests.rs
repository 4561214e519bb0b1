use std::os::unix::fs::symlink;

use super::*;

#[test]
fn what_is_no_regular_file_is_told_and_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    nix::unistd::mkfifo(
        &root.join("fifo.yaml"),
        nix::sys::stat::Mode::from_bits_truncate(0o600),
    )
    .unwrap();
    symlink("/dev/zero", root.join("zero.yaml")).unwrap();
    let mut files = Files::default();
    assert!(files.refresh(root).unwrap());
    let errors = files.report().errors.into_iter();
    let errors: Vec<_> = errors
        .map(|error| (error.file.unwrap(), error.message))
        .collect();
    let message = "is no regular file".to_owned();
    let expected = ["fifo.yaml", "zero.yaml"].map(|name| (root.join(name), message.clone()));
    assert_eq!(errors, expected);
}

#[test]
fn a_directory_that_went_away_is_told_until_it_is_back() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("inventory");
    fs::create_dir(&root).unwrap();
    let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
    fs::write(root.join("shop.yaml"), text).unwrap();
    let mut files = Files::default();
    files.refresh(&root).unwrap();
    assert_eq!(files.take_changes().len(), 1);

    fs::rename(&root, parent.path().join("aside")).unwrap();
    let error = files.refresh(&root).unwrap_err();
    assert!(files.keep(&root, &error));
    assert!(!files.keep(&root, &error), "told already");
    assert_eq!(files.report().errors[0].file.as_ref(), Some(&root));
    assert_eq!(files.take_changes(), [], "the last version stays");

    fs::rename(parent.path().join("aside"), &root).unwrap();
    assert!(files.refresh(&root).unwrap());
    assert_eq!(files.report(), Report::default());
    assert_eq!(files.take_changes(), []);
}

fn namespaces(names: &[&str]) -> String {
    let documents = names
        .iter()
        .map(|name| format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n"));
    documents.collect()
}

fn changed(files: &mut Files) -> BTreeSet<String> {
    let changes = files.take_changes().into_iter();
    let words = changes.map(|change| match change {
        Change::Apply(object) => format!("+{}", ObjectKey::of(&object).name),
        Change::Runs(..) => unreachable!("files hold the objects themselves"),
        Change::Remove(key) => format!("-{}", key.name),
    });
    words.collect()
}

#[test]
fn a_file_that_changes_brings_what_differs_and_a_broken_one_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let file = root.join("all.yaml");
    let mut files = Files::default();
    fs::write(&file, namespaces(&["a", "b"])).unwrap();
    files.refresh(root).unwrap();
    assert_eq!(changed(&mut files), ["+a", "+b"].map(String::from).into());
    fs::write(&file, namespaces(&["b", "c"])).unwrap();
    files.refresh(root).unwrap();
    assert_eq!(changed(&mut files), ["-a", "+c"].map(String::from).into());
    fs::write(&file, "{").unwrap();
    assert!(files.refresh(root).unwrap());
    assert_eq!(files.report().errors.len(), 1);
    assert_eq!(files.take_changes(), []);
    fs::write(&file, "").unwrap();
    assert!(files.refresh(root).unwrap());
    assert_eq!(changed(&mut files), ["-b", "-c"].map(String::from).into());
    assert_eq!(files.report(), Report::default());
}

#[test]
fn what_is_likely_a_mistake_is_told_and_counts() {
    let directory = tempfile::tempdir().unwrap();
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\n\
                  spec:\n  podSelector: {}\n  ingress: [{from: [{ipBlock: {cidr: 10.0.0.1/24}}]}]\n";
    fs::write(directory.path().join("policy.yaml"), policy).unwrap();
    let mut files = Files::default();
    files.refresh(directory.path()).unwrap();
    let report = files.report();
    assert_eq!(report.errors, []);
    let [warning] = report.warnings.as_slice() else {
        panic!("{report:?}");
    };
    assert_eq!(warning.field, "spec.ingress[0].from[0].ipBlock.cidr");
    assert_eq!(files.take_changes().len(), 1);
}

#[test]
fn policies_that_are_not_evaluated_are_counted_and_kinds_left_out_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let policy = "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: a}\n";
    let other = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    fs::write(
        directory.path().join("one.yaml"),
        [policy, policy, other].concat(),
    )
    .unwrap();
    fs::write(directory.path().join("two.yaml"), [policy, other].concat()).unwrap();
    let mut files = Files::default();
    files.refresh(directory.path()).unwrap();
    let kind = ForeignKind {
        kind: "CiliumNetworkPolicy".into(),
        api_version: "cilium.io/v2".into(),
    };
    assert_eq!(
        files.report(),
        Report {
            not_evaluated: [(kind, 3)].into(),
            ignored: ["ConfigMap".to_owned()].into(),
            ..Report::default()
        }
    );
}

#[test]
fn links_that_lead_back_are_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::create_dir(root.join("below")).unwrap();
    fs::write(root.join("below/policy.yaml"), "# nothing\n").unwrap();
    for link in ["one", "two"] {
        symlink("..", root.join("below").join(link)).unwrap();
        symlink(".", root.join(link)).unwrap();
    }
    let mut files = Files::default();
    files.refresh(root).unwrap();
    assert_eq!(
        files.files.keys().collect::<Vec<_>>(),
        [&root.join("below/policy.yaml")]
    );
}

#[test]
fn a_mounted_config_map_is_read_once_and_followed_through_its_links() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    for version in ["..v1", "..v2"] {
        fs::create_dir(root.join(version)).unwrap();
        fs::write(
            root.join(version).join("policy.yaml"),
            format!("# {version}\n"),
        )
        .unwrap();
    }
    symlink("..v1", root.join("..data")).unwrap();
    symlink("..data/policy.yaml", root.join("policy.yaml")).unwrap();
    fs::write(root.join("notes.txt"), "no manifest").unwrap();
    let mut files = Files::default();
    assert!(files.refresh(root).unwrap());
    assert_eq!(
        files.files.keys().collect::<Vec<_>>(),
        [&root.join("policy.yaml")]
    );
    assert!(!files.refresh(root).unwrap(), "nothing changed");

    symlink("..v2", root.join("..next")).unwrap();
    fs::rename(root.join("..next"), root.join("..data")).unwrap();
    assert!(files.refresh(root).unwrap());
    fs::remove_file(root.join("policy.yaml")).unwrap();
    assert!(files.refresh(root).unwrap());
    assert!(files.files.is_empty());
}
