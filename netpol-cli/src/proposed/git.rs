//! Manifests at two revisions of a git repository, read with the `git` program.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::error::CliError;
use crate::manifests::Source;
use crate::manifests::files::{LARGEST, is_manifest};

/// A repository, and the part of it that is read.
#[derive(Debug)]
pub(super) struct Repository {
    /// Of the working tree; names of files count from here.
    root: PathBuf,
    /// From the root; empty: all of it.
    paths: Vec<PathBuf>,
}

/// The manifests of both sides, named by their path from the root.
#[derive(Debug)]
pub(super) struct Comparison {
    /// The base as people say it: what was asked for, and the commit that it came to.
    pub(super) base: String,
    /// What stands before the path in the names of what was before.
    pub(super) prefix: String,
    pub(super) before: Vec<Source>,
    pub(super) after: Vec<Source>,
    /// Manifests in the working tree that git does not know of, where that is the head; they are not read.
    pub(super) untracked: Vec<String>,
}

impl Repository {
    /// The repository around the working directory.
    ///
    /// # Errors
    /// No `git`, no repository, or a path that is not in it.
    pub(super) fn here(paths: &[String]) -> Result<Self, CliError> {
        let here = std::env::current_dir();
        let here = here
            .map_err(|error| CliError::Input(format!("--base: the working directory: {error}")))?;
        Self::around(&here, paths)
    }

    fn around(directory: &Path, paths: &[String]) -> Result<Self, CliError> {
        let here = directory.canonicalize().map_err(|error| {
            CliError::Input(format!("--base: {}: {error}", directory.display()))
        })?;
        let root = git(&here, &["rev-parse", "--show-toplevel"])?;
        let root = PathBuf::from(root.trim_end_matches('\n'));
        let mut inside = Vec::new();
        for path in paths {
            if path == "-" {
                return Err(CliError::Usage(
                    "--base compares files in git; standard input is in no revision".to_owned(),
                ));
            }
            let whole = normal(&here.join(path));
            let Ok(path_inside) = whole.strip_prefix(&root) else {
                return Err(CliError::Input(format!(
                    "--manifests {path}: is not in the repository {}",
                    root.display()
                )));
            };
            inside.push(path_inside.to_owned());
        }
        Ok(Self {
            root,
            paths: inside,
        })
    }

    /// The manifests before and after: those of the commit that `base` and the head come from, and those of the head, which
    /// is the working tree where none is named.
    ///
    /// # Errors
    /// Revisions that are not there or have nothing in common, paths that neither side has, and whatever else `git` refuses.
    pub(super) fn comparison(
        &self,
        base: &str,
        head: Option<&str>,
    ) -> Result<Comparison, CliError> {
        let base_commit = self.commit("--base", base)?;
        let head_commit = self.commit("--head", head.unwrap_or("HEAD"))?;
        let common = self.common_ancestor(base, &base_commit, &head_commit)?;
        let short = common.get(..12).unwrap_or(&common);
        let files_before = self.files_of(&common)?;
        let prefix = format!("{short}:");
        let before = self.contents(&files_before, &common, &prefix)?;
        let (files_after, after, untracked) = if head.is_some() {
            let files = self.files_of(&head_commit)?;
            let after = self.contents(&files, &head_commit, "")?;
            (files, after, Vec::new())
        } else {
            let files = self.tracked_files()?;
            let after = self.on_disk(&files)?;
            (files, after, self.untracked_files()?)
        };
        self.check_paths(&[files_before, files_after].concat())?;
        Ok(Comparison {
            base: format!("{base} ({short})"),
            prefix,
            before,
            after,
            untracked,
        })
    }

    /// The commit that a revision names.
    fn commit(&self, argument: &str, revision: &str) -> Result<String, CliError> {
        let commit = format!("{revision}^{{commit}}");
        let found = git(
            &self.root,
            &[
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                &commit,
            ],
        );
        match found {
            Ok(found) => Ok(found.trim_end().to_owned()),
            Err(GitError::Refused { .. }) => Err(CliError::Input(format!(
                "{argument} {revision}: {} has no such revision; is it fetched?",
                self.root.display()
            ))),
            Err(other) => Err(other.into()),
        }
    }

    fn common_ancestor(&self, base: &str, one: &str, other: &str) -> Result<String, CliError> {
        match git(&self.root, &["merge-base", one, other]) {
            Ok(found) => Ok(found.trim_end().to_owned()),
            // It says nothing where there is none.
            Err(GitError::Refused { message }) if message.is_empty() => {
                let shallow = git(&self.root, &["rev-parse", "--is-shallow-repository"])?;
                let hint = if shallow.trim_end() == "true" {
                    "; the clone is shallow: fetch the whole history"
                } else {
                    ""
                };
                Err(CliError::Input(format!(
                    "--base {base}: has no commit in common with the head{hint}"
                )))
            }
            Err(other) => Err(other.into()),
        }
    }

    /// The manifests of a commit. Links and repositories within this one are left out.
    fn files_of(&self, commit: &str) -> Result<Vec<String>, CliError> {
        let listed = self.listed(&["ls-tree", "-r", "-z", "--full-tree", commit, "--"])?;
        let files = listed.split('\0').filter_map(|entry| {
            let (attributes, name) = entry.split_once('\t')?;
            attributes.starts_with("100").then_some(name)
        });
        Ok(manifests(files))
    }

    /// The manifests in the working tree that git knows of.
    fn tracked_files(&self) -> Result<Vec<String>, CliError> {
        let listed = self.listed(&["ls-files", "-z", "--cached", "--"])?;
        let mut files = manifests(listed.split('\0').filter(|name| !name.is_empty()));
        // A file with conflicts is listed once for each side.
        files.dedup();
        // What is deleted and not yet committed is gone; a link is left out as in a commit.
        files.retain(|name| {
            let found = self.root.join(name).symlink_metadata();
            found.is_ok_and(|metadata| metadata.is_file())
        });
        Ok(files)
    }

    /// The manifests in the working tree that git does not know of, but for those that it is told to ignore.
    fn untracked_files(&self) -> Result<Vec<String>, CliError> {
        let arguments = ["ls-files", "-z", "--others", "--exclude-standard", "--"];
        let listed = self.listed(&arguments)?;
        Ok(manifests(
            listed.split('\0').filter(|name| !name.is_empty()),
        ))
    }

    fn listed(&self, arguments: &[&str]) -> Result<String, CliError> {
        let mut command = command(&self.root);
        command.args(arguments);
        command.args(
            self.paths
                .iter()
                .filter(|path| !path.as_os_str().is_empty()),
        );
        Ok(output(command)?)
    }

    /// The texts of files in a commit, each named with `prefix` before its path.
    fn contents(
        &self,
        files: &[String],
        commit: &str,
        prefix: &str,
    ) -> Result<Vec<Source>, CliError> {
        let mut sources = Vec::with_capacity(files.len());
        if files.is_empty() {
            return Ok(sources);
        }
        let mut blobs = Blobs::start(&self.root)?;
        for file in files {
            let name = format!("{prefix}{file}");
            let text = blobs
                .read(&format!("{commit}:{file}"))
                .map_err(|error| CliError::Input(format!("{name}: {error}")))?;
            sources.push(Source { name, text });
        }
        Ok(sources)
    }

    fn on_disk(&self, files: &[String]) -> Result<Vec<Source>, CliError> {
        let read = |file: &String| {
            let text = std::fs::File::open(self.root.join(file))
                .and_then(|open| crate::manifests::files::text(open, LARGEST))
                .map_err(|error| CliError::Input(format!("{file}: {error}")))?;
            let name = file.clone();
            Ok(Source { name, text })
        };
        files.iter().map(read).collect()
    }

    /// Every path holds a manifest on one side: one that is misspelled would make the comparison an empty one.
    fn check_paths(&self, files: &[String]) -> Result<(), CliError> {
        for path in &self.paths {
            if !files.iter().any(|file| Path::new(file).starts_with(path)) {
                return Err(CliError::Input(format!(
                    "--manifests {}: git tracks no manifest there, neither before nor after (*.yaml, *.yml, *.json)",
                    path.display()
                )));
            }
        }
        Ok(())
    }
}

/// Files that hold manifests, by their names; hidden ones and those below hidden directories are left out, as elsewhere.
fn manifests<'a>(files: impl Iterator<Item = &'a str>) -> Vec<String> {
    let is_visible = |name: &&str| !name.split('/').any(|part| part.starts_with('.'));
    files
        .filter(|name| is_manifest(Path::new(name)))
        .filter(is_visible)
        .map(str::to_owned)
        .collect()
}

/// Without `.` and `..`, whether the path is there or not.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// Why `git` gave no answer.
#[derive(Debug, thiserror::Error)]
enum GitError {
    #[error("--base needs the git program: {0}")]
    NotThere(#[source] io::Error),
    #[error("--base: git: {message}")]
    Refused {
        /// Its own words, perhaps none.
        message: String,
    },
    #[error("--base: git: a file has a name that is no UTF-8")]
    Name,
}

impl From<GitError> for CliError {
    fn from(error: GitError) -> Self {
        Self::Input(error.to_string())
    }
}

fn command(root: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(root)
        // A path with a star in its name is that path.
        .arg("--literal-pathspecs")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command
}

fn git(root: &Path, arguments: &[&str]) -> Result<String, GitError> {
    let mut command = command(root);
    command.args(arguments);
    output(command)
}

fn output(mut command: Command) -> Result<String, GitError> {
    let output = command.output().map_err(GitError::NotThere)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said.lines().next().unwrap_or_default();
        return Err(GitError::Refused {
            message: first.trim_start_matches("fatal: ").to_owned(),
        });
    }
    String::from_utf8(output.stdout).map_err(|_| GitError::Name)
}

/// One `git` that gives the contents of objects, one after another.
struct Blobs {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Blobs {
    fn start(root: &Path) -> Result<Self, GitError> {
        let mut command = command(root);
        let mut child = command
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(GitError::NotThere)?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(to), Some(from)) => Ok(Self {
                child,
                to,
                from: BufReader::new(from),
            }),
            _ => Err(GitError::NotThere(io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// The text of a blob, named in a way that git reads.
    fn read(&mut self, object: &str) -> io::Result<String> {
        if object.contains('\n') {
            return Err(io::Error::other("has a line break in its name"));
        }
        writeln!(self.to, "{object}")?;
        self.to.flush()?;
        let mut header = String::new();
        self.from.read_line(&mut header)?;
        let size = header
            .trim_end()
            .rsplit_once(' ')
            .and_then(|(_, size)| size.parse::<u64>().ok());
        let Some(size) = size else {
            return Err(io::Error::other(format!("git: {}", header.trim_end())));
        };
        if size > LARGEST {
            return Err(io::Error::other(format!("is larger than {LARGEST} bytes")));
        }
        // A line break follows the contents.
        let mut bytes = Vec::new();
        (&mut self.from).take(size + 1).read_to_end(&mut bytes)?;
        bytes.pop();
        String::from_utf8(bytes).map_err(|_| io::Error::other("is no UTF-8 text"))
    }
}

impl Drop for Blobs {
    fn drop(&mut self) {
        // It ends with its input, but may be in the middle of a large answer; nobody needs the rest.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests;
