//! The kernel boundary: everything that knows aya, bpf(2) and netlink stands below this module.
//!
//! ```text
//! EVENTS ring buffer ──► reader ───┐
//! FLOWS, DROPS, COUNTERS ► sweeper ─┼─► Observation ─► pipeline
//! netlink ──► interfaces ─► attach ─┘
//! ```
//!
//! [`start`] loads the programs with what [`btf`] and [`symbols`] tell of this kernel, attaches them, and returns a
//! [`Kernel`] that undoes all of it. Nothing is pinned: links go with the process that holds them, so a killed agent
//! leaves no tcx program and no tracepoint behind, and what clsact keeps is found by its name at the next start.

pub mod attach;
pub mod bpf;
pub mod btf;
pub mod capability;
mod clsact;
pub mod counters;
pub mod decode;
pub mod interfaces;
pub mod links;
pub mod metrics;
pub mod names;
pub mod observation;
pub mod privilege;
pub mod programs;
mod reader;
pub mod sweeper;
pub mod symbols;

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use aya::maps::PerCpuArray;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use attach::{AttachError, Attacher, Hook};
use capability::Capability;
use counters::SharedCounters;
use names::KernelNames;
pub use observation::{Interface, Observation};
use programs::{LoadError, Programs};
use symbols::Symbols;

/// Which hook the user wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum HookChoice {
    /// tcx where the kernel has it, else clsact.
    #[default]
    Auto,
    /// tcx or nothing.
    Tcx,
    /// clsact, also where tcx could be had.
    Clsact,
}

/// How to load and attach.
#[derive(Clone, Debug)]
pub struct KernelConfig {
    /// Which interfaces.
    pub selection: links::Selection,
    /// Which hook.
    pub hook: HookChoice,
    /// Priority of clsact filters; 1 comes first.
    pub tc_priority: u16,
    /// Ring-buffer size in bytes: a power of two, at least a page.
    pub ring_bytes: u32,
    /// Connections the kernel side keeps; the least recently used go first.
    pub flow_entries: u32,
    /// Kinds of drops the kernel side keeps.
    pub drop_entries: u32,
    /// Time between sweeps of the maps.
    pub sweep_interval: Duration,
}

impl Default for KernelConfig {
    fn default() -> Self {
        Self {
            selection: links::Selection::default(),
            hook: HookChoice::Auto,
            tc_priority: 1,
            ring_bytes: 8 << 20,
            flow_entries: 65_536,
            drop_entries: 16_384,
            sweep_interval: Duration::from_secs(1),
        }
    }
}

/// Why the kernel side cannot work here.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The process may not do what it has to.
    #[error(transparent)]
    Privilege(#[from] privilege::Missing),
    /// Loading failed.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The hook that was asked for is not to be had.
    #[error("tcx is not available on this kernel (needs 6.6): {0}; use --hook auto or clsact")]
    Tcx(#[source] AttachError),
    /// Something of the operating system.
    #[error("{what}: {source}")]
    System {
        /// What was being done.
        what: &'static str,
        /// What came of it.
        #[source]
        source: io::Error,
    },
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> KernelError {
    move |source| KernelError::System { what, source }
}

/// Programs loaded, not yet attached to interfaces. Drop capture is on already.
pub struct Loaded {
    /// What this kernel offers, and what its lack costs.
    pub capabilities: Vec<Capability>,
    /// The hook that interfaces will be attached by.
    pub hook: Hook,
    /// What numbers in records mean.
    pub names: Arc<KernelNames>,
    /// Inode number of the network namespace that is observed: that of the thread which loads.
    pub node_netns: u32,
    /// Totals as of the last sweep.
    pub counters: Arc<SharedCounters>,
    programs: Programs,
}

/// Loads the programs into the kernel and starts drop capture.
///
/// # Errors
/// [`KernelError`], where nothing at all could be observed. What is merely degraded is in [`Loaded::capabilities`].
pub fn load(config: &KernelConfig) -> Result<Loaded, KernelError> {
    privilege::check()?;
    let types = btf::KernelTypes::load().map_err(LoadError::from)?;
    let symbols = Symbols::load().unwrap_or_default();
    let names = Arc::new(KernelNames::new(types.drop_reasons(), symbols));
    let node_netns = node_netns().map_err(system("cannot read this network namespace's number"))?;
    let mut programs = Programs::load(config, &types, &names, node_netns)?;
    let mut capabilities = vec![Capability::present("BTF", btf::VMLINUX)];
    let conntrack = types.layout().map_err(LoadError::from)?.ct_readable != 0;
    let hook = choose_hook(config, &programs, &mut capabilities)?;
    capabilities.push(match programs.attach_drops() {
        Ok(()) => Capability::present("drop capture", "tp_btf/kfree_skb"),
        Err(error) => Capability::missing(
            "drop capture",
            error.to_string(),
            "no drop is seen: blocked connections show as unanswered",
        ),
    });
    capabilities.push(if names.has_reasons() {
        Capability::present("drop reasons", "named by the kernel's enum skb_drop_reason")
    } else {
        Capability::missing(
            "drop reasons",
            "kernel older than 5.17",
            "drops are not recorded",
        )
    });
    capabilities.push(if names.has_symbols() {
        Capability::present("symbols", "/proc/kallsyms")
    } else {
        Capability::missing(
            "symbols",
            "addresses in /proc/kallsyms are hidden (needs CAP_SYSLOG)",
            "drops by NFQUEUE and XDP are not recorded, and no drop says which function made it",
        )
    });
    capabilities.push(if conntrack {
        Capability::present("conntrack", "original tuples read from nf_conn")
    } else {
        Capability::missing(
            "conntrack",
            "no nf_conn in the kernel's types, or laid out otherwise",
            "both sides of a connection through a Service are not joined",
        )
    });
    let counters = Arc::default();
    Ok(Loaded {
        capabilities,
        names,
        node_netns,
        counters,
        programs,
        hook,
    })
}

fn choose_hook(
    config: &KernelConfig,
    programs: &Programs,
    capabilities: &mut Vec<Capability>,
) -> Result<Hook, KernelError> {
    if config.hook == HookChoice::Clsact {
        let detail = format!("clsact, priority {}, as asked for", config.tc_priority);
        capabilities.push(Capability::present("hook", detail));
        return Ok(Hook::Clsact);
    }
    match attach::probe_tcx(programs) {
        Ok(()) => {
            capabilities.push(Capability::present("hook", "tcx, first in the chain"));
            Ok(Hook::Tcx)
        }
        Err(error) if config.hook == HookChoice::Tcx => Err(KernelError::Tcx(error)),
        Err(_) => {
            capabilities.push(Capability::missing(
                "hook",
                format!(
                    "no tcx (needs kernel 6.6); clsact, priority {}",
                    config.tc_priority
                ),
                "filters of a better priority, or tcx programs, may hide packets from ours",
            ));
            Ok(Hook::Clsact)
        }
    }
}

/// Inode number of this thread's network namespace.
fn node_netns() -> io::Result<u32> {
    let inode = std::fs::metadata("/proc/thread-self/ns/net")?.ino();
    u32::try_from(inode).map_err(io::Error::other)
}

/// The running kernel side. Ends with [`Kernel::stop`]; dropping it detaches everything too.
pub struct Kernel {
    stop: CancellationToken,
    sweeper: Sender<sweeper::SweepCommand>,
    threads: Vec<std::thread::JoinHandle<()>>,
    interfaces: tokio::task::JoinHandle<()>,
}

impl Loaded {
    /// Attaches to every selected interface and starts to deliver observations.
    ///
    /// # Errors
    /// No thread, no netlink, or a map that cannot be opened.
    pub async fn start(
        mut self,
        config: &KernelConfig,
        observations: mpsc::Sender<Observation>,
    ) -> Result<Kernel, KernelError> {
        let stop = CancellationToken::new();
        #[cfg(feature = "kernel-log")]
        self.programs
            .follow_log()
            .map_err(system("cannot read the kernel side's log"))?;
        let ring = self.programs.take_ring()?;
        let counters = PerCpuArray::try_from(self.programs.take("COUNTERS")?)
            .map_err(|error| system("cannot open COUNTERS")(io::Error::other(error)))?;
        let sweep = sweeper::Sweeper {
            flows: self.programs.map("FLOWS")?,
            drops: self.programs.map("DROPS")?,
            counters,
            shared: self.counters,
            observations: observations.clone(),
            interval: config.sweep_interval,
        };
        let (sweeper, commands) = std::sync::mpsc::channel();
        let threads = vec![
            reader::start(ring, observations.clone(), stop.clone())
                .map_err(system("cannot start the ring reader"))?,
            sweep
                .start(commands)
                .map_err(system("cannot start the map sweeper"))?,
        ];
        let attacher = Arc::new(Attacher::new(self.programs, self.hook, config.tc_priority));
        let interfaces = interfaces::Interfaces::start(
            config.selection.clone(),
            attacher,
            observations,
            sweeper.clone(),
            stop.clone(),
        )
        .await
        .map_err(system("cannot follow interfaces by netlink"))?;
        Ok(Kernel {
            stop,
            sweeper,
            threads,
            interfaces,
        })
    }
}

impl Kernel {
    /// Detaches everything, delivers what is still in the maps, and waits for the threads. The receiver of observations
    /// must be read meanwhile, or be dropped.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = self.interfaces.await;
        let _ = self.sweeper.send(sweeper::SweepCommand::Stop);
        let threads = self.threads;
        let _ = tokio::task::spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
        })
        .await;
    }
}
