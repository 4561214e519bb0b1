//! `cargo xtask demo`: the real agent on a small cluster, and `flows watch` on it.

mod acts;
mod topology;

use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::println;
use anyhow::{Context, Result, bail};
use netpol_testkit::record::{self, ProcessId, Resource};
use netpol_testkit::{AgentProcess, FlowsCommand, WorkDirectory, artifact};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::console::{self, DIM, HEADING};
use crate::{build, privilege};
use acts::{ACTS, Stage};

/// What is asked when all acts are over.
const EPILOGUE: &[(&str, &[&str])] = &[
    ("what was blocked", &["list", "--blocked"]),
    ("where the kernel and the policies disagree", &["drift"]),
    (
        "what half a minute says of each rule, too little in earnest",
        &["unused", "--min-window", "20s"],
    ),
];

/// Options of `cargo xtask demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Play this many times as fast
    #[arg(long, default_value_t = 1.0, value_name = "F", value_parser = speed)]
    speed: f64,
    /// Without colours
    #[arg(long)]
    plain: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.1..=100.0).contains(&speed) => Ok(speed),
        Ok(_) => Err("must lie between 0.1 and 100".to_owned()),
        Err(_) => Err("is no number".to_owned()),
    }
}

/// Builds, plays, cleans up. Ctrl-C ends it at any point with the same clean-up.
pub(crate) fn run(options: &Options) -> Result<()> {
    privilege::require_root("The demo makes network namespaces and loads eBPF programs")?;
    if options.plain {
        anstream::ColorChoice::Never.write_global();
    }
    build::binaries(false)?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    ctrlc::set_handler(move || stopped.store(true, Ordering::Relaxed))
        .context("cannot listen for Ctrl-C")?;
    for resource in record::sweep()? {
        println!("{DIM}removed what a killed run left behind: {resource}{DIM:#}");
    }
    let played = play(
        options,
        &Stage {
            speed: options.speed,
            stop: &stop,
        },
    );
    match played {
        // What Ctrl-C interrupted is no failure.
        Err(error) if !stop.load(Ordering::Relaxed) => Err(error),
        _ => Ok(()),
    }
}

fn play(options: &Options, stage: &Stage) -> Result<()> {
    let directory = WorkDirectory::create(topology::NAME)?;
    let demo = topology::create(topology::NAME)?;
    let manifests = artifact::workspace().join("deploy/demo/manifests");
    let manifests = manifests
        .to_str()
        .context("the path of the checkout is not UTF-8")?;
    let history = directory.path().join("history");
    let history = history
        .to_str()
        .context("the path of the work directory is not UTF-8")?;
    let node = ["--inventory", manifests, "--node", topology::NODE];
    let arguments = node
        .into_iter()
        .chain(["--exclude-interface", topology::UPLINK])
        .chain(["--history", history]);
    let agent = AgentProcess::start(demo.cluster.node(), directory.path(), arguments)?;

    introduce();
    let flows = FlowsCommand::against(&agent);
    let mut watch = Watch::start(&flows, options.plain)?;
    stage.pause(0.8);
    for (number, act) in (1..).zip(&ACTS) {
        if stage.is_over() || watch.has_ended()? {
            break;
        }
        caption(&format!("act {number}: {}", act.caption));
        (act.play)(&demo.cluster, stage)?;
        stage.pause(1.5);
    }
    // Without an answer in two seconds a flow is called unanswered; that line is yet to come.
    stage.pause(2.0);
    let readers_left = watch.has_ended()?;
    drop(watch);
    if !stage.is_over() && !readers_left {
        for (what, arguments) in EPILOGUE {
            caption(&format!("{what}: flows {}", arguments.join(" ")));
            let mut command = flows.command(arguments.iter().copied())?;
            command.args(color(options.plain));
            let status = command.status().context("cannot start flows")?;
            if !status.success() {
                bail!("flows {} failed ({status})", arguments[0]);
            }
        }
    }
    agent.stop()?;
    Ok(())
}

fn introduce() {
    println!(
        "{}",
        console::paint(
            HEADING,
            "netpol demo: five pods on one node, real eBPF, real drops"
        )
    );
    println!("{DIM}  policies     deploy/demo/manifests/policies.yaml");
    println!("  enforcement  deploy/demo/enforcement.nft, with two faults built in");
    println!("  watching     flows watch   (Ctrl-C ends the demo and removes everything){DIM:#}");
}

fn caption(text: &str) {
    println!("\n{}", console::paint(DIM, &format!("── {text} ──")));
}

/// `--color` for flows: what it would choose by itself, unless it is to be plain.
fn color(plain: bool) -> [&'static str; 2] {
    let always =
        !plain && std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    ["--color", if always { "always" } else { "never" }]
}

/// `flows watch` on our own terminal. Ended when dropped.
struct Watch {
    child: Child,
    id: Option<ProcessId>,
}

impl Watch {
    fn start(flows: &FlowsCommand, plain: bool) -> Result<Self> {
        let mut command = flows.command(["watch", "--append"])?;
        // Rewritten lines would go over our captions. Ctrl-C is for us: we end it in our own time.
        command.args(color(plain)).process_group(0);
        let child = command.spawn().context("cannot start flows")?;
        let id = ProcessId::of(child.id());
        let watch = Self { child, id };
        if let Some(id) = id {
            record::add(&Resource::Process(id))?;
        }
        Ok(watch)
    }

    /// True when it ended by itself, in order: whoever read our output has gone.
    fn has_ended(&mut self) -> Result<bool> {
        match self.child.try_wait().context("cannot ask for flows")? {
            Some(status) if !status.success() => bail!("flows watch failed ({status})"),
            ended => Ok(ended.is_some()),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        );
        let _ = self.child.wait();
        if let Some(id) = self.id {
            record::forget(&Resource::Process(id));
        }
    }
}
