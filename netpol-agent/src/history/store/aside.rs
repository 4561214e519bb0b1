//! Files that cannot be used are kept beside the store, so that nothing is thrown away unseen, and a new store is begun.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// So many are kept; the oldest goes when there is another. A disk that keeps breaking files is not filled by them.
const MOST: usize = 3;

/// A file that was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetAside {
    /// Where it was.
    pub(crate) file: PathBuf,
    /// Where it is now.
    pub(crate) kept: PathBuf,
    /// What is wrong with it, in plain words.
    pub(crate) reason: String,
}

impl fmt::Display for SetAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cannot be used and is begun anew: {}; what it was is kept as {}",
            self.file.display(),
            self.reason,
            self.kept.display()
        )
    }
}

/// Renames a file: `history.redb` to `history.redb.corrupt-2026-11-21T143000.5Z`, where `word` is `corrupt`.
///
/// # Errors
/// It cannot be renamed. Older ones that cannot be removed are left.
pub(super) fn set_aside(
    file: &Path,
    word: &str,
    reason: String,
    now: SystemTime,
) -> io::Result<SetAside> {
    // Its text is RFC 3339, and so in order of time; colons are left out for the sake of tools that read them as something else.
    let time = prost_types::Timestamp::from(now)
        .to_string()
        .replace(':', "");
    let mut kept = file.as_os_str().to_owned();
    kept.push(format!(".{word}-{time}"));
    let kept = PathBuf::from(kept);
    fs::rename(file, &kept)?;
    let _ = remove_oldest(file);
    Ok(SetAside {
        file: file.to_owned(),
        kept,
        reason,
    })
}

fn remove_oldest(file: &Path) -> io::Result<()> {
    let (Some(directory), Some(name)) = (file.parent(), file.file_name()) else {
        return Ok(());
    };
    let prefix = format!("{}.", name.to_string_lossy());
    let mut kept = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            kept.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    kept.sort();
    for (_, path) in kept.iter().rev().skip(MOST) {
        fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_name_tells_what_and_when_and_only_the_latest_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("history.redb");
        let mut names = Vec::new();
        for number in 0..5 {
            fs::write(&file, number.to_string()).unwrap();
            // Files are told apart by when they were last written, in ticks of the kernel.
            std::thread::sleep(Duration::from_millis(20));
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_270_000 + number);
            let aside = set_aside(&file, "corrupt", "it is broken".to_owned(), now).unwrap();
            assert!(!file.exists());
            names.push(aside.kept.file_name().unwrap().to_owned());
        }
        assert_eq!(names[0], "history.redb.corrupt-2026-11-21T140640Z");
        let mut left: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, names[2..]);
    }
}
