//! `netpol-agent --self-test`: does this kernel show what the agent needs to see?
//!
//! A node and a pod are made as network namespaces of our own. The pod sends one packet that is answered, and one that is
//! dropped on the node by a program of ours; the whole daemon but its servers watches, and both have to come out with the
//! right verdict. Nothing outside the two namespaces is touched, and both vanish at the end.

mod network;

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use crate::clock::{Clock, boottime};
use crate::config::Config;
use crate::flow::{Flow, ObservedVerdict};
use crate::inventory::Snapshot;
use crate::kernel::attach::Hook;
use crate::kernel::bpf::{
    ConstantProgram, TcxSide, attach_tcx_last, attach_xdp_generic, load_constant,
};
use crate::kernel::{self, Observation};
use crate::local_node::LocalNode;
use crate::log::{FlowLog, Selection};
use crate::metrics::Metrics;
use crate::pipeline::{Outputs, Pipeline, PipelineConfig};
use crate::status::Status;
use crate::tracker::{Tracker, TrackerConfig};

/// The node answers here.
const ANSWERED: u16 = 7001;
/// What is sent here is dropped.
const DROPPED: u16 = 7002;
/// Both verdicts have to be there by then.
const PATIENCE: Duration = Duration::from_secs(5);
/// `TC_ACT_SHOT`.
const SHOT: i32 = 2;
/// `XDP_DROP`.
const XDP_DROP: i32 = 1;

/// Runs the self-test and prints what it finds. True where both packets were seen with the right verdict.
///
/// # Errors
/// The test itself could not be made: namespaces, links, loading.
pub fn run(config: &Config) -> Result<bool> {
    let config = config.clone();
    // A thread of its own, since it moves into another network namespace and never comes back.
    let thread = std::thread::Builder::new()
        .name("self-test-node".to_owned())
        .spawn(move || {
            network::enter_new_namespace()?;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(test(&config))
        })?;
    match thread.join() {
        Ok(result) => result,
        Err(_) => bail!("the self-test's thread failed"),
    }
}

async fn test(config: &Config) -> Result<bool> {
    let mut kernel_config = config.kernel.config()?;
    kernel_config.selection = kernel::links::Selection::default();
    kernel_config.sweep_interval = Duration::from_millis(200);
    let loaded = kernel::load(&kernel_config)?;
    println!(
        "kernel {}",
        nix::sys::utsname::uname()?.release().to_string_lossy()
    );
    for capability in &loaded.capabilities {
        println!("  {capability}");
    }
    let hook = loaded.hook;
    let tracker = Tracker::new(
        TrackerConfig {
            connections: 1024,
            answer_timeout: config.answer_timeout,
            node_netns: loaded.node_netns,
        },
        loaded.names.clone(),
    );
    let pod = network::PodNamespace::create()?;
    let interface = network::connect(&pod).await?;
    let (sender, receiver) = mpsc::channel(4096);
    let kernel = loaded.start(&kernel_config, sender).await?;
    let flows = exchange(config, &pod, interface, hook, tracker, receiver).await;
    kernel.stop().await;
    let flows = flows?;
    let passed = report(
        "answered packet",
        &flows,
        ANSWERED,
        ObservedVerdict::Forwarded,
    );
    let dropped = report("dropped packet", &flows, DROPPED, ObservedVerdict::Dropped);
    println!(
        "{}",
        if passed && dropped {
            "self-test passed"
        } else {
            "self-test FAILED"
        }
    );
    Ok(passed && dropped)
}

/// Sends both packets and returns the flows that came of them.
async fn exchange(
    config: &Config,
    pod: &network::PodNamespace,
    interface: u32,
    hook: Hook,
    tracker: Tracker,
    mut observations: mpsc::Receiver<Observation>,
) -> Result<Vec<Arc<Flow>>> {
    let log = Arc::new(FlowLog::new(64, 64));
    let mut pipeline = Pipeline::new(
        PipelineConfig {
            answer_timeout: config.answer_timeout,
            grace: config.grace,
            address_wait: Duration::ZERO,
        },
        LocalNode::new("self-test"),
        tracker,
        Arc::new(ArcSwap::from_pointee(Snapshot::default())),
        Outputs {
            log: log.clone(),
            status: Arc::new(Status::default()),
            enforcement: Arc::default(),
            metrics: Metrics::default(),
        },
        Clock::sample()?,
    );
    let node = UdpSocket::bind(SocketAddr::from((network::NODE, ANSWERED)))?;
    node.set_read_timeout(Some(PATIENCE))?;
    let asked = pod.run(|| {
        let socket = UdpSocket::bind(SocketAddr::from((network::POD, 0)))?;
        socket.send_to(b"ask", SocketAddr::from((network::NODE, ANSWERED)))?;
        Ok(socket)
    })?;
    let (_, peer) = node
        .recv_from(&mut [0; 8])
        .context("the pod's packet did not arrive")?;
    node.send_to(b"answer", peer)?;
    drop(asked);
    let _dropper = drop_everything(interface, hook)?;
    pod.run(|| {
        let socket = UdpSocket::bind(SocketAddr::from((network::POD, 0)))?;
        socket.send_to(b"lost", SocketAddr::from((network::NODE, DROPPED)))?;
        Ok(())
    })?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let received = tokio::time::timeout(Duration::from_millis(20), observations.recv()).await;
        let now = boottime()?;
        if let Ok(Some(observation)) = received {
            pipeline.observe(observation, now);
        }
        pipeline.tick(now);
        let (flows, _) = log.subscribe(Selection::All);
        let decided = |port| verdict(&flows, port).is_some();
        if (decided(ANSWERED) && decided(DROPPED)) || Instant::now() > deadline {
            return Ok(flows);
        }
    }
}

/// Makes the node drop what the pod sends from now on, behind our own programs where the hook allows that.
fn drop_everything(interface: u32, hook: Hook) -> Result<OwnedFd> {
    let attached = match hook {
        Hook::Tcx => load_constant(ConstantProgram::Classifier, SHOT)
            .and_then(|program| attach_tcx_last(program.as_fd(), interface, TcxSide::Ingress)),
        Hook::Clsact => load_constant(ConstantProgram::Xdp, XDP_DROP)
            .and_then(|program| attach_xdp_generic(program.as_fd(), interface)),
    };
    attached.context("cannot make the node drop a packet")
}

fn verdict(flows: &[Arc<Flow>], port: u16) -> Option<&Flow> {
    flows
        .iter()
        .map(AsRef::as_ref)
        .find(|flow| flow.destination.port == port)
}

fn report(what: &str, flows: &[Arc<Flow>], port: u16, expected: ObservedVerdict) -> bool {
    let Some(flow) = verdict(flows, port) else {
        println!("  {what}: NOT SEEN, expected {expected:?}");
        return false;
    };
    let right = flow.observed.verdict == expected;
    let mark = if right { "ok" } else { "WRONG" };
    print!("  {what}: {:?} ({mark})", flow.observed.verdict);
    if let Some(drop) = &flow.observed.drop {
        print!(", {} at {}", drop.reason, drop.location);
    }
    println!();
    right
}
