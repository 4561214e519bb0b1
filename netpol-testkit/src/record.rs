//! What this process made outside of itself, on disk, so that a killed run can be cleaned up.
//!
//! One file for each process under `/run/netpol-testkit`. Its first line names the owner by process
//! id and start time; every other line names one thing exactly. [`sweep`] removes what belongs to
//! owners that are gone and touches nothing else.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Error, Result, command};

const DIRECTORY: &str = "/run/netpol-testkit";

/// Serialises the threads of one process on its file.
static FILE: Mutex<()> = Mutex::new(());

/// A process, told apart from a later one with the same id by its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessId {
    /// Process id.
    pub pid: u32,
    /// Field `starttime` of proc(5), in clock ticks since boot.
    pub started: u64,
}

impl ProcessId {
    /// The process that has this id now; `None` when there is none.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command name stands in parentheses and may itself contain spaces and parentheses.
        let after_name = stat.rsplit_once(')')?.1;
        // Field 22 of the line, the 20th after the name.
        let started = after_name.split_whitespace().nth(19)?.parse().ok()?;
        Some(Self { pid, started })
    }

    /// True while this very process runs (or is a zombie).
    #[must_use]
    pub fn exists(self) -> bool {
        Self::of(self.pid) == Some(self)
    }
}

/// One thing to remove when its owner is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A named network namespace.
    Namespace(String),
    /// A process that was started and may have outlived its parent.
    Process(ProcessId),
    /// A directory with everything in it: pinned BPF objects, manifests, logs.
    Directory(PathBuf),
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace(name) => write!(f, "netns {name}"),
            Self::Process(id) => write!(f, "process {} {}", id.pid, id.started),
            Self::Directory(path) => write!(f, "directory {}", path.display()),
        }
    }
}

impl Resource {
    fn parse(line: &str) -> Option<Self> {
        let (kind, rest) = line.split_once(' ')?;
        match kind {
            "netns" => Some(Self::Namespace(rest.to_owned())),
            "process" => parse_process(rest).map(Self::Process),
            "directory" => Some(Self::Directory(rest.into())),
            _ => None,
        }
    }

    /// Removes it; true when there was something to remove.
    fn remove(&self) -> Result<bool> {
        match self {
            Self::Namespace(name) => {
                if !Path::new("/run/netns").join(name).exists() {
                    return Ok(false);
                }
                command::output(Command::new("ip").args(["netns", "del", name])).map(|_| true)
            }
            Self::Process(id) => {
                if !id.exists() {
                    return Ok(false);
                }
                let pid = Pid::from_raw(i32::try_from(id.pid).unwrap_or(i32::MAX));
                kill(pid, Signal::SIGKILL)
                    .map_err(std::io::Error::from)
                    .map_err(Error::io(format!("kill {pid}")))?;
                Ok(true)
            }
            Self::Directory(path) => match fs::remove_dir_all(path) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
                Err(error) => Err(Error::io(format!("remove {}", path.display()))(error)),
            },
        }
    }
}

/// Notes that this process is about to make `resource`.
///
/// # Errors
/// When the record cannot be written.
pub fn add(resource: &Resource) -> Result<()> {
    let _guard = FILE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    fs::create_dir_all(DIRECTORY).map_err(Error::io(format!("create {DIRECTORY}")))?;
    let own = own_id();
    let path = file_of(own);
    let mut text = String::new();
    if !path.exists() {
        text = format!("owner {} {}\n", own.pid, own.started);
    }
    text.push_str(&format!("{resource}\n"));
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(Error::io(format!("write {}", path.display())))
}

/// Notes that `resource` is gone. The record itself goes with its last line.
pub fn forget(resource: &Resource) {
    let _guard = FILE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let path = file_of(own_id());
    let Ok(text) = fs::read_to_string(&path) else {
        return;
    };
    let gone = resource.to_string();
    let kept: Vec<&str> = text.lines().filter(|line| *line != gone).collect();
    // A record that cannot be shortened is only swept once more than needed.
    let _ = if kept.iter().all(|line| line.starts_with("owner ")) {
        fs::remove_file(&path)
    } else {
        fs::write(&path, kept.join("\n") + "\n")
    };
}

/// Removes what processes that are gone left behind, and returns what that was.
///
/// # Errors
/// The first thing that could not be removed; its record stays for the next time.
pub fn sweep() -> Result<Vec<Resource>> {
    let mut removed = Vec::new();
    let Ok(directory) = fs::read_dir(DIRECTORY) else {
        return Ok(removed);
    };
    for entry in directory.flatten() {
        let Ok(text) = fs::read_to_string(entry.path()) else {
            continue;
        };
        let owner = text
            .lines()
            .next()
            .and_then(|line| parse_process(line.strip_prefix("owner ")?));
        // Without an owner it is just being written.
        if owner.is_none_or(ProcessId::exists) {
            continue;
        }
        let mut resources: Vec<Resource> = text.lines().filter_map(Resource::parse).collect();
        // Processes first, so that nothing recreates or holds what goes after them.
        resources.sort_by_key(|resource| !matches!(resource, Resource::Process(_)));
        for resource in resources {
            if resource.remove()? {
                removed.push(resource);
            }
        }
        let _ = fs::remove_file(entry.path());
    }
    Ok(removed)
}

fn own_id() -> ProcessId {
    let pid = std::process::id();
    // Without /proc nothing here works; 0 then makes a record that the next sweep takes up.
    ProcessId::of(pid).unwrap_or(ProcessId { pid, started: 0 })
}

fn file_of(owner: ProcessId) -> PathBuf {
    Path::new(DIRECTORY).join(format!("{}-{}", owner.pid, owner.started))
}

fn parse_process(text: &str) -> Option<ProcessId> {
    let (pid, started) = text.split_once(' ')?;
    Some(ProcessId {
        pid: pid.parse().ok()?,
        started: started.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resource_survives_the_record() {
        for resource in [
            Resource::Namespace("netpol-x-1".to_owned()),
            Resource::Process(ProcessId {
                pid: 7,
                started: 99,
            }),
            Resource::Directory("/tmp/with space".into()),
        ] {
            assert_eq!(Resource::parse(&resource.to_string()), Some(resource));
        }
        assert_eq!(Resource::parse("owner 1 2"), None);
    }

    #[test]
    fn another_start_time_is_another_process() {
        let own = ProcessId::of(std::process::id()).unwrap();
        assert!(own.exists());
        assert!(
            !ProcessId {
                started: own.started + 1,
                ..own
            }
            .exists()
        );
    }
}
