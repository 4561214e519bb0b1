#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use tempfile::TempDir;

use super::*;

/// A repository on branch main, with nothing of the person's own settings.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        let scratch = Self(tempfile::tempdir().unwrap());
        scratch.git("init -q -b main");
        scratch
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn git(&self, arguments: &str) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.path())
            .args("-c user.name=a -c user.email=a@example.com -c commit.gpgsign=false".split(' '))
            .args(arguments.split(' '))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn commit(&self) {
        self.git("add -A");
        self.git("commit -q --allow-empty -m change");
    }

    fn compare(
        &self,
        below: &str,
        paths: &[&str],
        base: &str,
        head: Option<&str>,
    ) -> Result<Comparison, String> {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        Repository::around(&self.path().join(below), &paths)
            .and_then(|repository| repository.comparison(base, head))
            .map_err(|error| error.to_string())
    }
}

/// `name=text` of each source, with `P:` for the prefix of what was before.
fn told(comparison: &Comparison) -> [Vec<String>; 2] {
    [&comparison.before, &comparison.after].map(|sources| {
        let told = sources.iter().map(|source| {
            let name = source.name.replace(&*comparison.prefix, "P:");
            format!("{name}={}", source.text.trim_end())
        });
        told.collect()
    })
}

fn branched() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("deploy/a.yaml", "a: 1\n");
    scratch.write("deploy/sub/b.yml", "b: 1\n");
    scratch.write("deploy/gone.json", "{}");
    scratch.write("deploy/notes.txt", "no manifest");
    scratch.write(".github/workflows/ci.yaml", "on: push");
    scratch.write("other/c.yaml", "c: 1\n");
    scratch.commit();
    scratch.git("checkout -q -b topic");
    scratch.git("mv deploy/sub/b.yml deploy/renamed.yml");
    scratch.git("rm -q deploy/gone.json");
    scratch.write("deploy/a.yaml", "a: 2\n");
    scratch.commit();
    scratch.git("checkout -q main");
    scratch.write("deploy/later.yaml", "later: 1\n");
    scratch.commit();
    scratch.git("checkout -q topic");
    scratch
}

#[test]
fn before_is_the_last_commit_in_common_and_after_is_the_head() {
    let scratch = branched();
    let [before, after] = told(
        &scratch
            .compare("", &["deploy"], "main", Some("topic"))
            .unwrap(),
    );
    assert_eq!(
        before,
        [
            "P:deploy/a.yaml=a: 1",
            "P:deploy/gone.json={}",
            "P:deploy/sub/b.yml=b: 1"
        ]
    );
    // What came to main since is not taken for something that the topic takes away.
    assert_eq!(after, ["deploy/a.yaml=a: 2", "deploy/renamed.yml=b: 1"]);
}

#[test]
fn without_a_head_the_working_tree_counts_as_far_as_git_tracks_it() {
    let scratch = branched();
    scratch.write("deploy/a.yaml", "a: 3\n");
    scratch.write("deploy/untracked.yaml", "u: 1\n");
    scratch.write("deploy/added.yaml", "n: 1\n");
    scratch.git("add deploy/added.yaml");
    fs::remove_file(scratch.path().join("deploy/renamed.yml")).unwrap();
    let comparison = scratch.compare("", &["deploy"], "main", None).unwrap();
    let [_, after] = told(&comparison);
    assert_eq!(after, ["deploy/a.yaml=a: 3", "deploy/added.yaml=n: 1"]);
    assert_eq!(comparison.untracked, ["deploy/untracked.yaml"]);
}

#[test]
fn paths_count_from_the_working_directory_and_names_from_the_root() {
    let scratch = branched();
    for (below, paths) in [
        ("deploy", &["."][..]),
        ("deploy", &["a.yaml", "renamed.yml"]),
        ("other", &["../deploy"]),
    ] {
        let [_, after] = told(&scratch.compare(below, paths, "main", Some("HEAD")).unwrap());
        assert_eq!(
            after,
            ["deploy/a.yaml=a: 2", "deploy/renamed.yml=b: 1"],
            "{below}"
        );
    }
    let whole = scratch.path().join("other").display().to_string();
    let [_, after] = told(&scratch.compare("deploy", &[&whole], "main", None).unwrap());
    assert_eq!(after, ["other/c.yaml=c: 1"]);
    let [_, after] = told(&scratch.compare("deploy", &[], "main", None).unwrap());
    assert_eq!(
        after.len(),
        3,
        "the whole repository without what is hidden: {after:?}"
    );
}

#[test]
fn a_directory_that_is_gone_is_still_what_was_before() {
    let scratch = branched();
    scratch.git("rm -q -r other");
    scratch.commit();
    let [before, after] = told(
        &scratch
            .compare("", &["other"], "main", Some("HEAD"))
            .unwrap(),
    );
    assert_eq!(
        (before, after),
        (vec!["P:other/c.yaml=c: 1".to_owned()], vec![])
    );
}

#[test]
fn links_and_hostile_names_do_no_harm() {
    let scratch = Scratch::new();
    scratch.write("a/*.yaml", "star: 1\n");
    scratch.write("a/über b.yaml", "u: 1\n");
    std::os::unix::fs::symlink("/etc/hostname", scratch.path().join("a/link.yaml")).unwrap();
    scratch.commit();
    for head in [None, Some("HEAD")] {
        let [before, after] = told(&scratch.compare("", &["a"], "HEAD", head).unwrap());
        assert_eq!(before, ["P:a/*.yaml=star: 1", "P:a/über b.yaml=u: 1"]);
        assert_eq!(after, ["a/*.yaml=star: 1", "a/über b.yaml=u: 1"]);
        let [_, after] = told(&scratch.compare("", &["a/*.yaml"], "HEAD", head).unwrap());
        assert_eq!(after, ["a/*.yaml=star: 1"]);
    }
}

#[test]
fn errors_name_what_is_at_fault() {
    let scratch = branched();
    let root = scratch.path().canonicalize().unwrap();
    let root = root.display();
    scratch.git("checkout -q --orphan lonely");
    scratch.commit();
    scratch.git("checkout -q topic");
    for (paths, base, head, expected) in [
        (&["deploy"][..], "nowhere", None, format!("--base nowhere: {root} has no such revision; is it fetched?")),
        (&["deploy"], "main", Some("v9"), format!("--head v9: {root} has no such revision; is it fetched?")),
        (&["deploy"], "--all", None, format!("--base --all: {root} has no such revision; is it fetched?")),
        (&["deploy"], "lonely", None, "--base lonely: has no commit in common with the head".to_owned()),
        (
            &["deploy", "typo"],
            "main",
            None,
            "--manifests typo: git tracks no manifest there, neither before nor after (*.yaml, *.yml, *.json)".to_owned(),
        ),
        (&["/etc"], "main", None, format!("--manifests /etc: is not in the repository {root}")),
        (
            &["-"],
            "main",
            None,
            "--base compares files in git; standard input is in no revision".to_owned(),
        ),
    ] {
        assert_eq!(scratch.compare("", paths, base, head).unwrap_err(), expected);
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let error = Repository::around(elsewhere.path(), &[])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("--base: git: not a git repository"),
        "{error}"
    );
}

#[test]
fn a_shallow_clone_is_told_as_the_reason() {
    let scratch = branched();
    let clone = Scratch(tempfile::tempdir().unwrap());
    let from = format!("file://{}", scratch.path().display());
    clone.git(&format!("clone -q --depth 1 --branch topic {from} ."));
    clone.git("fetch -q --depth 1 origin main:main");
    let error = clone.compare("", &["deploy"], "main", None).unwrap_err();
    assert_eq!(
        error,
        "--base main: has no commit in common with the head; the clone is shallow: fetch the whole history"
    );
}

#[test]
fn a_file_that_is_no_text_is_named() {
    let scratch = Scratch::new();
    fs::write(scratch.path().join("a.yaml"), [0xff, 0xfe]).unwrap();
    scratch.commit();
    let error = scratch.compare("", &[], "HEAD", None).unwrap_err();
    assert!(error.ends_with(":a.yaml: is no UTF-8 text"), "{error}");
}
