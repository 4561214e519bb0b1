//! `flows`, run against an agent.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{AgentProcess, Error, Result, artifact, command};

/// How often a result that is waited for is asked for.
const TICK: Duration = Duration::from_millis(50);

/// A call of the built `flows` binary with `--server` of an agent.
#[derive(Debug)]
pub struct FlowsCommand {
    server: String,
}

impl FlowsCommand {
    /// Against this agent.
    #[must_use]
    pub fn against(agent: &AgentProcess) -> Self {
        Self {
            server: agent.server(),
        }
    }

    /// Against the server of this address, such as a relay.
    #[must_use]
    pub fn of(server: &str) -> Self {
        Self {
            server: server.to_owned(),
        }
    }

    /// The command with its server, for callers with wishes of their own.
    ///
    /// # Errors
    /// [`Error::NotBuilt`].
    pub fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<Command> {
        let mut command = Command::new(artifact::binary("flows")?);
        command.args(arguments).args(["--server", &self.server]);
        Ok(command)
    }

    /// Standard output of one run, as text.
    ///
    /// # Errors
    /// [`Error::NotBuilt`], or as [`command::output`].
    pub fn text<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<String> {
        command::output(&mut self.command(arguments)?)
    }

    /// `flows list ARGUMENTS -o json`, one value for each line.
    ///
    /// # Errors
    /// As [`FlowsCommand::text`], and [`Error::FlowsOutput`].
    pub fn list<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<Vec<Value>> {
        let all = ["list", "-o", "json"].into_iter().chain(arguments);
        self.text(all)?.lines().map(parse).collect()
    }

    /// Repeats [`FlowsCommand::list`] until a flow satisfies `wanted` or the time is over.
    ///
    /// # Errors
    /// As [`FlowsCommand::list`].
    pub fn wait_for(
        &self,
        arguments: &[&str],
        patience: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Option<Value>> {
        let deadline = Instant::now() + patience;
        loop {
            let found = self
                .list(arguments.iter().copied())?
                .into_iter()
                .find(&wanted);
            if found.is_some() || Instant::now() >= deadline {
                return Ok(found);
            }
            std::thread::sleep(TICK);
        }
    }

    /// Starts `flows watch ARGUMENTS -o json`.
    ///
    /// # Errors
    /// [`Error::NotBuilt`] or [`Error::Start`].
    pub fn watch<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<FlowsWatch> {
        let mut command = self.command(["watch", "-o", "json"].into_iter().chain(arguments))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| Error::Start {
                program: "flows".to_owned(),
                source,
            })?;
        let lines = child
            .stdout
            .take()
            .map(|stdout| BufReader::new(stdout).lines());
        Ok(FlowsWatch { child, lines })
    }
}

/// A running `flows watch`: an iterator over what it prints. Killed when dropped.
#[derive(Debug)]
pub struct FlowsWatch {
    child: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Iterator for FlowsWatch {
    type Item = Result<Value>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.as_mut()?.next()?;
        Some(
            line.map_err(Error::io("read from flows watch"))
                .and_then(|line| parse(&line)),
        )
    }
}

impl Drop for FlowsWatch {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parse(line: impl AsRef<str>) -> Result<Value> {
    let line = line.as_ref();
    serde_json::from_str(line).map_err(|source| Error::FlowsOutput {
        line: line.to_owned(),
        source,
    })
}
