//! A file of lines that is replaced by an empty one when it is full. A line stands in one file, whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Flows tell who talks to whom: for the owner and the group alone.
const MODE: u32 = 0o640;

/// How much a log may take of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one file. A longer line stands in a file of its own.
    pub bytes: u64,
    /// Files in all, from 1: `PATH`, `PATH.1` (what was written before it), `PATH.2`, ...
    pub files: u32,
}

/// The file that is written to, and those before it.
#[derive(Debug)]
pub(super) struct RotatedFile {
    path: PathBuf,
    limits: Limits,
    open: Option<File>,
}

impl RotatedFile {
    /// Opened with the first line.
    pub(super) fn new(path: PathBuf, limits: Limits) -> Self {
        Self {
            path,
            limits,
            open: None,
        }
    }

    /// Lets the file go, so that the next line opens whatever has its name by then.
    pub(super) fn reopen(&mut self) {
        self.open = None;
    }

    /// Adds a line, which ends with a line feed.
    ///
    /// # Errors
    /// Whatever keeps it from being written: then nothing of it stands in the file.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        // Asked for every time: others may have emptied it.
        let size = self.opened()?.metadata()?.len();
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if size > 0 && size.saturating_add(length) > self.limits.bytes {
            self.rotate()?;
        }
        let file = self.opened()?;
        let size = file.metadata()?.len();
        let written = file.write_all(line);
        if written.is_err() && file.set_len(size).is_err() {
            // Where it is opened again, what stands there of the line is ended.
            self.open = None;
        }
        written
    }

    fn opened(&mut self) -> io::Result<&mut File> {
        if let Some(file) = &self.open
            && file.metadata()?.nlink() == 0
        {
            self.open = None;
        }
        match &mut self.open {
            Some(file) => Ok(file),
            closed => Ok(closed.insert(open(&self.path)?)),
        }
    }

    fn rotate(&mut self) -> io::Result<()> {
        let older = self.limits.files.saturating_sub(1);
        if older == 0 {
            return self.opened()?.set_len(0);
        }
        for number in (1..older).rev() {
            let moved = fs::rename(self.numbered(number), self.numbered(number + 1));
            if let Err(error) = moved
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
        }
        fs::rename(&self.path, self.numbered(1))?;
        self.open = None;
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{number}"));
        name.into()
    }
}

/// Opens a file to be added to. A line that a crash left unfinished is ended.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(MODE);
    let mut file = options.open(path)?;
    if file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn log(directory: &TempDir, bytes: u64, files: u32) -> RotatedFile {
        RotatedFile::new(directory.path().join("log"), Limits { bytes, files })
    }

    fn text(directory: &TempDir, name: &str) -> String {
        fs::read_to_string(directory.path().join(name)).unwrap()
    }

    #[test]
    fn every_line_stands_in_one_file_and_the_oldest_files_go() {
        let directory = TempDir::new().unwrap();
        let mut log = log(&directory, 10, 3);
        for line in ["one\n", "two\n", "three\n", "a line too long\n", "five\n"] {
            log.write(line.as_bytes()).unwrap();
        }
        assert_eq!(text(&directory, "log"), "five\n");
        assert_eq!(text(&directory, "log.1"), "a line too long\n");
        assert_eq!(text(&directory, "log.2"), "three\n");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3);
    }

    #[test]
    fn the_files_together_hold_all_lines_in_their_order() {
        let directory = TempDir::new().unwrap();
        let mut log = log(&directory, 100, 100);
        let lines: Vec<String> = (0..500).map(|number| format!("line {number}\n")).collect();
        for line in &lines {
            log.write(line.as_bytes()).unwrap();
        }
        let older = fs::read_dir(directory.path()).unwrap().count() - 1;
        assert!(older > 40, "{older}");
        let mut all = String::new();
        for number in (1..=older).rev() {
            let part = text(&directory, &format!("log.{number}"));
            assert!(part.len() <= 100 && part.ends_with('\n'), "{part}");
            all.push_str(&part);
        }
        all.push_str(&text(&directory, "log"));
        assert_eq!(all, lines.concat());
    }

    #[test]
    fn one_file_alone_begins_anew() {
        let directory = TempDir::new().unwrap();
        let mut log = log(&directory, 10, 1);
        for line in ["one\n", "two\n", "three\n"] {
            log.write(line.as_bytes()).unwrap();
        }
        assert_eq!(text(&directory, "log"), "three\n");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_others_moved_emptied_or_removed_is_no_trouble() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("log");
        let mut log = log(&directory, 100, 2);
        log.write(b"one\n").unwrap();
        fs::rename(&path, directory.path().join("moved")).unwrap();
        log.write(b"two\n").unwrap();
        log.reopen();
        log.write(b"three\n").unwrap();
        assert_eq!(text(&directory, "moved"), "one\ntwo\n");
        assert_eq!(text(&directory, "log"), "three\n");
        File::options()
            .write(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        log.write(b"four\n").unwrap();
        assert_eq!(text(&directory, "log"), "four\n");
        fs::remove_file(&path).unwrap();
        log.write(b"five\n").unwrap();
        assert_eq!(text(&directory, "log"), "five\n");
    }

    #[test]
    fn an_unfinished_line_is_ended_and_spoils_no_other() {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("log"), "{\"unfin").unwrap();
        let mut log = log(&directory, 100, 2);
        log.write(b"{}\n").unwrap();
        assert_eq!(text(&directory, "log"), "{\"unfin\n{}\n");
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error_until_it_is() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("later/log");
        let mut log = RotatedFile::new(path.clone(), Limits { bytes: 9, files: 2 });
        assert_eq!(
            log.write(b"one\n").unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        fs::create_dir(path.parent().unwrap()).unwrap();
        log.write(b"one\n").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, MODE);
    }
}
