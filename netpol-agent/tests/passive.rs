//! What stands on a node stays as it is, and what enforcement does stays what it does.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/scene.rs"]
mod scene;

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use aya::programs::{SchedClassifier, TcAttachType};
use netpol_agent::kernel::bpf::{
    ConstantProgram, TcxSide, attach_tcx_first, attach_tcx_last, load_constant,
};
use netpol_testkit::firewall::{self, State};
use netpol_testkit::requirement::{Requirement, require, require_root};
use netpol_testkit::traffic::{Bound, Outcome, TcpAttempt, TcpServer, tcp_loop};
use netpol_testkit::{AgentProcess, FlowsCommand, Namespace, PodSpec};
use scene::Scene;

/// `TC_ACT_OK` and `TCX_PASS`; `TC_ACT_SHOT` and `TCX_DROP`.
const PASS: i32 = 0;
const SHOT: i32 = 2;

const PATIENCE: Duration = Duration::from_secs(10);

fn able() -> bool {
    let tools = ["nft", "tc", "bpftool"].map(Requirement::Command);
    require_root() && require(&tools)
}

/// `ci/build` connects; `data/db` is the one that somebody drops for; `web/shop` is reached by all.
fn scene() -> Scene {
    let scene = Scene::new([
        PodSpec::new("ci/build", [10, 244, 7, 10].into()),
        PodSpec::new("data/db", [10, 244, 7, 20].into()),
        PodSpec::new("web/shop", [10, 244, 7, 30].into()),
    ]);
    // A program that drops everything drops ARP too; what is to be dropped here is the connection.
    let db = scene.cluster.pod("data/db");
    let mac = db
        .netns()
        .mac_address("eth0")
        .unwrap()
        .map(|byte| format!("{byte:02x}"))
        .join(":");
    let words = [
        "neigh",
        "replace",
        "10.244.7.20",
        "lladdr",
        &mac,
        "dev",
        db.host_interface(),
    ];
    scene.cluster.node().ip(words).unwrap();
    scene
}

/// A program of somebody else's, held by this process.
fn somebody(
    node: &Namespace,
    interface: &str,
    side: TcxSide,
    first: bool,
    verdict: i32,
) -> OwnedFd {
    let program = load_constant(ConstantProgram::Classifier, verdict).unwrap();
    let index = node.interface_index(interface).unwrap();
    let attach = if first {
        attach_tcx_first
    } else {
        attach_tcx_last
    };
    node.run_in(|| attach(program.as_fd(), index, side))
        .unwrap()
}

/// Classic BPF, for which `tc` needs no action module: every packet matches, every packet is shot.
const MATCH: &str = "1,6 0 0 4294967295";
const DROP: &str = "1,6 0 0 2";

/// Adds a filter of somebody else's: `place` is interface, side, priority and protocol.
fn filter(node: &Namespace, place: &str, mode: &str, bytecode: &str) {
    let mut tc = std::process::Command::new("tc");
    tc.args(["filter", "add", "dev"]).args(place.split(' '));
    tc.arg("bpf")
        .args(mode.split(' '))
        .args(["bytecode", bytecode]);
    node.exec(&mut tc).unwrap();
}

/// Rules, a clsact qdisc with filters on one pod's interface, and tcx programs on another's.
fn furnish(scene: &Scene) -> Vec<OwnedFd> {
    let node = scene.cluster.node();
    let rules = "table inet cni {\nchain forward {\ntype filter hook forward priority 0;\n\
                 ip daddr 10.244.7.99 drop\n}\n}\n";
    firewall::nft(node, rules).unwrap();
    let db = scene.cluster.pod("data/db").host_interface();
    firewall::run(node, &format!("tc qdisc add dev {db} clsact")).unwrap();
    filter(
        node,
        &format!("{db} ingress prio 1 protocol ip"),
        "flowid 1:1",
        MATCH,
    );
    filter(
        node,
        &format!("{db} egress prio 9 protocol all"),
        "flowid 1:2",
        MATCH,
    );
    let build = scene.cluster.pod("ci/build").host_interface();
    [TcxSide::Ingress, TcxSide::Egress]
        .map(|side| somebody(node, build, side, false, PASS))
        .into()
}

/// Rules, qdiscs and filters, and the tcx programs of each interface in their order (which older
/// releases of bpftool do not list).
fn capture(scene: &Scene) -> (State, Vec<String>) {
    let node = scene.cluster.node();
    let mut chains = Vec::new();
    for interface in node.interfaces().unwrap() {
        for side in [TcAttachType::Ingress, TcAttachType::Egress] {
            let query = || SchedClassifier::query_tcx(&interface, side);
            let (_, programs) = node.run_in(query).unwrap();
            chains.extend(programs.iter().map(|program| {
                let name = program.name_as_str().unwrap_or_default();
                format!("{interface} {side:?}: {} {name}", program.id())
            }));
        }
    }
    (State::capture(node).unwrap(), chains)
}

fn assert_same(before: &(State, Vec<String>), scene: &Scene, when: &str) {
    let now = capture(scene);
    assert_eq!(before.0.changes(&now.0), "", "{when}");
    assert_eq!(before.1, now.1, "{when}");
}

/// Nothing of theirs went, changed or changed places, and on every interface both of ours are there.
fn assert_only_ours_came(before: &(State, Vec<String>), scene: &Scene, hook: &str) {
    let running = capture(scene);
    let changes = before.0.changes(&running.0);
    let foreign: Vec<&str> = changes
        .lines()
        .filter(|line| !is_ours(line, hook))
        .collect();
    assert!(foreign.is_empty(), "{foreign:#?}\nof\n{changes}");
    let (ours, theirs): (Vec<_>, Vec<_>) = running
        .1
        .iter()
        .partition(|program| program.contains(" netpol_"));
    assert!(theirs.into_iter().eq(&before.1), "{:#?}", running.1);
    let is_filter = |line: &&str| line.starts_with("+ filter ") && line.contains(" netpol_");
    let filters = changes.lines().filter(is_filter).count();
    let counts = [ours.len(), filters];
    assert_eq!(
        counts,
        if hook == "tcx" { [6, 0] } else { [0, 6] },
        "{changes}{:#?}",
        running.1
    );
}

fn is_ours(line: &str, hook: &str) -> bool {
    let bare_filter = || line.starts_with("+ filter ") && line.ends_with(" bpf chain 0");
    hook == "clsact"
        && line.starts_with("+ ")
        && (line.contains(" netpol_") || line.contains("qdisc clsact ffff:") || bare_filter())
}

fn watched(agent: &AgentProcess) -> usize {
    let status = FlowsCommand::against(agent)
        .text(["status", "-o", "json"])
        .unwrap();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let interfaces = status["interfaces"].as_array().unwrap();
    interfaces
        .iter()
        .filter(|interface| interface["hook"] != "")
        .count()
}

/// Waits until all three interfaces are watched.
fn start(scene: &Scene, arguments: &[&str]) -> AgentProcess {
    let agent = scene.agent(arguments);
    let deadline = Instant::now() + PATIENCE;
    while watched(&agent) < 3 {
        assert!(Instant::now() < deadline, "{}", agent.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    agent
}

/// Names of the programs that an agent holds open, with their numbers.
fn programs_of(agent: &AgentProcess) -> Vec<String> {
    let directory = format!("/proc/{}/fdinfo", agent.pid());
    let mut programs: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok())
        .filter_map(|info| {
            Some(
                info.lines()
                    .find_map(|l| l.strip_prefix("prog_id:"))?
                    .trim()
                    .into(),
            )
        })
        .collect();
    programs.sort();
    programs.dedup();
    programs
}

/// Waits until the kernel has unloaded them all, which it does some time after the last user of each is gone.
fn assert_unloaded(programs: &[String]) {
    let deadline = Instant::now() + PATIENCE;
    for program in programs {
        let is_loaded = || {
            let mut show = std::process::Command::new("bpftool");
            netpol_testkit::command::output(show.args(["prog", "show", "id", program])).is_ok()
        };
        while is_loaded() {
            assert!(Instant::now() < deadline, "{program} of {programs:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn tcx_leaves_everything_as_it_was() {
    if !able() {
        return;
    }
    let scene = scene();
    let _theirs = furnish(&scene);
    let before = capture(&scene);
    let agent = start(&scene, &["--hook", "tcx"]);
    assert_only_ours_came(&before, &scene, "tcx");
    let programs = programs_of(&agent);
    assert!(programs.len() >= 3, "{programs:?}");
    agent.stop().unwrap();
    assert_same(&before, &scene, "after stop");
    assert_unloaded(&programs);

    let agent = start(&scene, &["--hook", "tcx"]);
    let programs = programs_of(&agent);
    agent.kill().unwrap();
    assert_same(&before, &scene, "after SIGKILL");
    assert_unloaded(&programs);
    start(&scene, &["--hook", "tcx"]).stop().unwrap();
    assert_same(&before, &scene, "after SIGKILL, restart and stop");
}

#[test]
fn clsact_leaves_everything_as_it_was() {
    if !able() {
        return;
    }
    let scene = scene();
    let _theirs = furnish(&scene);
    let before = capture(&scene);
    let agent = start(&scene, &["--hook", "clsact"]);
    assert_only_ours_came(&before, &scene, "clsact");
    let behind = "a filter of another kind has the priority asked for";
    assert!(agent.log().contains(behind), "{}", agent.log());
    agent.stop().unwrap();
    assert_same(&before, &scene, "after stop");

    // Filters outlive the process that made them; the next one replaces its own.
    start(&scene, &["--hook", "clsact"]).kill().unwrap();
    assert_only_ours_came(&before, &scene, "clsact");
    let agent = start(&scene, &["--hook", "clsact"]);
    assert_only_ours_came(&before, &scene, "clsact");
    agent.stop().unwrap();
    assert_same(&before, &scene, "after SIGKILL, restart and stop");
}

/// What becomes of a connection to the one that somebody drops for, and to the other.
fn outcomes(scene: &Scene) -> [Outcome; 2] {
    let build = scene.cluster.pod("ci/build").netns();
    let to = |name| TcpAttempt::to(scene.cluster.pod(name).at(5432));
    let dropped = to("data/db").timeout(Duration::from_millis(300));
    [dropped, to("web/shop")].map(|attempt| attempt.connect_from(build).unwrap())
}

/// Enforcement is the same without the agent, with it and after it; the drop is seen with its
/// reason; allowed traffic goes on.
fn assert_enforcement_unchanged(scene: &Scene, arguments: &[&str], attach_more: impl FnOnce()) {
    let reason = "TC_EGRESS";
    let [db, shop] = ["data/db", "web/shop"].map(|name| scene.cluster.pod(name));
    let _db = TcpServer::start(db.netns(), db.at(5432)).unwrap();
    let _shop = TcpServer::start(shop.netns(), shop.at(5432)).unwrap();
    let agent = start(scene, arguments);
    attach_more();
    let expected = [Outcome::TimedOut, Outcome::Answered];
    assert_eq!(outcomes(scene), expected, "with the agent");
    let build = scene.cluster.pod("ci/build").netns();
    let counts = tcp_loop(
        build,
        TcpAttempt::to(shop.at(5432)),
        b"hello",
        Bound::count(100),
    )
    .unwrap();
    assert_eq!((counts.answered, counts.failed), (100, 0));
    let blocked = ["--blocked", "--to-address", "10.244.7.20"];
    let flow = FlowsCommand::against(&agent)
        .wait_for(&blocked, PATIENCE, |flow| {
            flow["observed"]["evidence"]["drop"]["reason"] == reason
        })
        .unwrap();
    let flow = flow.unwrap_or_else(|| {
        let all = FlowsCommand::against(&agent)
            .text(["list", "-o", "wide", "--address", "10.244.7.20"])
            .unwrap();
        panic!("no drop with reason {reason}, but\n{all}")
    });
    assert_eq!(flow["observed"]["verdict"], "dropped", "{flow:#}");
    assert_eq!(flow["source"]["address"], "10.244.7.10", "{flow:#}");
    assert_eq!(
        flow["observed"]["evidence"]["drop"]["in_node_netns"], true,
        "{flow:#}"
    );
    agent.stop().unwrap();
    assert_eq!(outcomes(scene), expected, "after the agent");
}

#[test]
fn tcx_program_that_drops_before_ours_goes_on_dropping() {
    if !able() {
        return;
    }
    let scene = scene();
    let node = scene.cluster.node();
    let db = scene.cluster.pod("data/db").host_interface();
    // Attached later and first: ours does not see the packet, kfree_skb does.
    let mut theirs = None;
    assert_enforcement_unchanged(&scene, &["--hook", "tcx"], || {
        theirs = Some(somebody(node, db, TcxSide::Egress, true, SHOT));
    });
}

#[test]
fn tcx_program_that_drops_behind_ours_goes_on_dropping() {
    if !able() {
        return;
    }
    let scene = scene();
    let db = scene.cluster.pod("data/db").host_interface();
    let _theirs = somebody(scene.cluster.node(), db, TcxSide::Egress, false, SHOT);
    assert_enforcement_unchanged(&scene, &["--hook", "tcx"], || {});
}

#[test]
fn clsact_filter_that_drops_before_or_behind_ours_goes_on_dropping() {
    if !able() {
        return;
    }
    for (priority, ours) in [("1", "10"), ("20", "10")] {
        let scene = scene();
        let node = scene.cluster.node();
        let db = scene.cluster.pod("data/db").host_interface();
        firewall::run(node, &format!("tc qdisc add dev {db} clsact")).unwrap();
        filter(
            node,
            &format!("{db} egress prio {priority} protocol ip"),
            "da",
            DROP,
        );
        assert_enforcement_unchanged(&scene, &["--hook", "clsact", "--tc-priority", ours], || {});
    }
}
