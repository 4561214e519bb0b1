//! The inventory's source in a process of its own, so that its memory is that of no test double.
//!
//! ```text
//! parent: Follower ── a line on stdin: "figures" ──► child: follow
//!         API server ═══════ objects ══════════════►  Source ─► Snapshot
//!                  ◄── a line of JSON: Figures ────
//! ```

use std::alloc::System;
use std::io::{BufRead, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use netpol_agent::inventory::{Credentials, Origin, Snapshot, Source};
use netpol_agent::metrics::Metrics;
use netpol_policy::dialect::Dialect;
use serde::{Deserialize, Serialize};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Says which kubeconfig the child takes, and so that a process is one.
const KUBECONFIG: &str = "NETPOL_FOLLOWER_KUBECONFIG";
/// How long former holders of addresses are remembered, in seconds.
const MEMORY: &str = "NETPOL_FOLLOWER_MEMORY";

/// What the child says of itself.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Of the inventory in force; 0 while there is none.
    pub(crate) generation: u64,
    pub(crate) pods: u32,
    /// Bytes that are allocated.
    pub(crate) live: usize,
    /// Bytes that the kernel has given it, now and at most.
    pub(crate) resident: usize,
    pub(crate) peak: usize,
}

/// A child that follows an API server.
pub(crate) struct Follower {
    child: Child,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Follower {
    /// Starts this program again, as a child; `arguments` lead it to [`run_if_asked`].
    pub(crate) fn start(kubeconfig: &Path, memory: Duration, arguments: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(arguments)
            .env(KUBECONFIG, kubeconfig)
            .env(MEMORY, memory.as_secs().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        Self {
            child,
            answers: BufReader::new(stdout).lines(),
        }
    }

    /// What it says of itself.
    pub(crate) fn figures(&mut self) -> Figures {
        self.ask("figures")
    }

    /// The same, after the allocator was told to give back what it can.
    pub(crate) fn trimmed(&mut self) -> Figures {
        self.ask("trim")
    }

    fn ask(&mut self, what: &str) -> Figures {
        writeln!(self.child.stdin.as_ref().unwrap(), "{what}").unwrap();
        loop {
            let line = self.answers.next().expect("the child lives").unwrap();
            // The test harness has a word to say too, and ends no line with it.
            if let Some(start) = line.find('{') {
                return serde_json::from_str(&line[start..]).unwrap();
            }
        }
    }

    /// Asks until an inventory satisfies `wanted`.
    pub(crate) fn wait_for(&mut self, wanted: impl Fn(&Figures) -> bool) -> Figures {
        let deadline = Instant::now() + Duration::from_secs(900);
        loop {
            let figures = self.figures();
            if wanted(&figures) {
                return figures;
            }
            assert!(Instant::now() < deadline, "{figures:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Follows, where this process was started to; says whether it was.
pub(crate) fn run_if_asked() -> bool {
    let Some(kubeconfig) = std::env::var_os(KUBECONFIG) else {
        return false;
    };
    let memory = std::env::var(MEMORY).unwrap().parse().unwrap();
    follow(kubeconfig.into(), Duration::from_secs(memory));
    true
}

fn follow(file: PathBuf, memory: Duration) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let nothing = Snapshot::empty(Dialect::default()).remembering(memory);
    let snapshot = Arc::new(ArcSwap::from_pointee(nothing));
    let credentials = Credentials::Kubeconfig {
        file,
        context: None,
    };
    let start = Source::start(
        Origin::ApiServer(credentials),
        snapshot.clone(),
        Metrics::default(),
    );
    // The first answer is of a process that has everything but an inventory.
    let mut questions = std::io::stdin().lines();
    answer(&snapshot, questions.next());
    runtime.spawn(async move {
        let source = start.await.unwrap();
        source.follow(CancellationToken::new()).await;
    });
    loop {
        let question = questions.next();
        if question.is_none() {
            return;
        }
        answer(&snapshot, question);
    }
}

fn answer(snapshot: &ArcSwap<Snapshot>, question: Option<std::io::Result<String>>) {
    if question.is_some_and(|question| question.is_ok_and(|question| question == "trim")) {
        trim();
    }
    let (generation, pods) = {
        let snapshot = snapshot.load();
        (snapshot.generation(), snapshot.sizes().pods)
    };
    let stats = ALLOCATOR.stats();
    let figures = Figures {
        generation,
        pods,
        live: stats.bytes_allocated - stats.bytes_deallocated,
        resident: from_status("VmRSS:"),
        peak: from_status("VmHWM:"),
    };
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", serde_json::to_string(&figures).unwrap()).unwrap();
    stdout.flush().unwrap();
}

/// A line of `/proc/self/status`, in bytes.
fn from_status(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    number.unwrap() * 1024
}

#[cfg(target_env = "gnu")]
fn trim() {
    // SAFETY: it takes a number and no pointer, and may be called from any thread.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
fn trim() {}
