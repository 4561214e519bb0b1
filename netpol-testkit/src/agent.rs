//! The agent as a process in a node's namespace.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::record::{self, ProcessId, Resource};
use crate::{Error, Namespace, Result, artifact};

/// How long it may take to load its programs, attach them and listen.
const READY: Duration = Duration::from_secs(60);
/// How long it may take to end after SIGTERM.
const END: Duration = Duration::from_secs(15);
/// How often its state is looked at.
const TICK: Duration = Duration::from_millis(10);
/// How much of a log goes into an error message, in bytes.
const LOG_END: usize = 4000;

/// A running `netpol-agent`. Killed when dropped; [`AgentProcess::stop`] ends it in order.
#[derive(Debug)]
pub struct AgentProcess {
    child: Child,
    id: Option<ProcessId>,
    socket: PathBuf,
    log: PathBuf,
}

impl AgentProcess {
    /// Starts the built agent in `node` with `--socket DIRECTORY/agent.sock` and `arguments`, its
    /// output in `DIRECTORY/agent.log`, and waits until its socket takes connections.
    ///
    /// # Errors
    /// [`Error::NotBuilt`]; [`Error::Agent`] when it ends instead or takes more than 60 s.
    pub fn start<'a>(
        node: &Namespace,
        directory: &Path,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self> {
        let mut command = Command::new(artifact::binary("netpol-agent")?);
        command.args(arguments);
        Self::start_command(node, directory, command)
    }

    /// Like [`AgentProcess::start`], for a command that is made up already.
    ///
    /// # Errors
    /// As [`AgentProcess::start`].
    pub fn start_command(node: &Namespace, directory: &Path, mut command: Command) -> Result<Self> {
        let (socket, log) = (directory.join("agent.sock"), directory.join("agent.log"));
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(Error::io(format!("create {}", log.display())))?;
        let errors = file
            .try_clone()
            .map_err(Error::io("share the log of the agent"))?;
        command.arg("--socket").arg(&socket);
        command.stdin(Stdio::null()).stdout(file).stderr(errors);
        // Ctrl-C in a terminal is for the one who started us; the agent is stopped by us.
        command.process_group(0);
        let child = node.spawn(&mut command)?;
        let id = ProcessId::of(child.id());
        let mut agent = Self {
            child,
            id,
            socket,
            log,
        };
        if let Some(id) = id {
            record::add(&Resource::Process(id))?;
        }
        agent.wait_until_ready()?;
        Ok(agent)
    }

    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its socket, as `flows --server` takes it.
    #[must_use]
    pub fn server(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Everything it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        kill(pid, signal)
            .map_err(std::io::Error::from)
            .map_err(Error::io(format!("send {signal} to netpol-agent")))
    }

    /// Asks it to end (SIGTERM) and waits for it.
    ///
    /// # Errors
    /// [`Error::Agent`] when it fails or does not end within 15 s.
    pub fn stop(mut self) -> Result<()> {
        self.signal(Signal::SIGTERM)?;
        match self.wait_for_end(END)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.error(format!("ended with {status} after SIGTERM"))),
            None => Err(self.error("did not end after SIGTERM".to_owned())),
        }
    }

    /// Kills it (SIGKILL), as a crash would.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn kill(mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.wait_for_end(END).map(drop)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY;
        while UnixStream::connect(&self.socket).is_err() {
            if let Some(status) = self.wait_for_end(Duration::ZERO)? {
                return Err(self.error(format!("ended at start with {status}")));
            }
            if Instant::now() > deadline {
                return Err(self.error(format!("is not ready after {} s", READY.as_secs())));
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    fn wait_for_end(&mut self, patience: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + patience;
        loop {
            let status = self
                .child
                .try_wait()
                .map_err(Error::io("wait for netpol-agent"))?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            std::thread::sleep(TICK);
        }
    }

    fn error(&self, what: String) -> Error {
        let log = self.log();
        let mut start = log.len().saturating_sub(LOG_END);
        while !log.is_char_boundary(start) {
            start += 1;
        }
        Error::Agent {
            what,
            log: log[start..].to_owned(),
        }
    }
}

impl Drop for AgentProcess {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(id) = self.id {
            record::forget(&Resource::Process(id));
        }
    }
}
