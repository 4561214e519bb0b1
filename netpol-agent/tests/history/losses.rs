//! What was lost lowers what is said of rules that nothing was seen to use.

use netpol_testkit::traffic::{Bound, udp_flood};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::rules::{POLICIES, UNUSED};
use crate::stage::{Stage, ask, can_run, entry, settled};

const MANY: u16 = 400;

fn ring_full(report: &Value) -> u64 {
    let mut policies = report["policies"].as_array().unwrap().iter();
    let guard = policies.find(|policy| policy["name"] == "guard").unwrap();
    let losses = guard["watch"]["losses"].as_array().unwrap().iter();
    let full = losses.filter(|loss| loss["reason"] == "ring_full");
    full.map(|loss| loss["count"].as_u64().unwrap()).sum()
}

#[test]
fn an_overfilled_ring_lowers_the_confidence() {
    if !can_run() {
        return;
    }
    let stage = Stage::new(POLICIES);
    let agent = stage.agent(&["--ring-bytes", "4096", "--sweep-interval", "0.2"]);
    let is_idle = |report: &Value| entry(report, "guard", 1)["status"] == "idle";
    let before = settled(|| ask(&agent, &UNUSED), is_idle);
    let idle = entry(&before, "guard", 1).clone();
    assert_eq!(idle["status"], "idle", "{before:#}");
    assert_eq!(ring_full(&before), 0, "{before:#}");

    agent.signal(Signal::SIGSTOP).unwrap();
    let build = stage.scene.cluster.pod("ci/build").netns();
    let to = stage.scene.cluster.pod("data/db").at(9000);
    for port in 20_000..20_000 + MANY {
        assert_eq!(
            udp_flood(build, to, port, b"x", Bound::count(1)).unwrap(),
            1
        );
    }
    agent.signal(Signal::SIGCONT).unwrap();

    let after = settled(|| ask(&agent, &UNUSED), |report| ring_full(report) > 0);
    assert!(ring_full(&after) > u64::from(MANY) / 2, "{after:#}");
    let now = entry(&after, "guard", 1);
    let reasons = now["confidence_because"].to_string();
    assert!(reasons.contains("lost"), "{now:#}");
    assert!(!idle["confidence_because"].to_string().contains("lost"));
    let rank = |entry: &Value| {
        let word = entry["confidence"].as_str().unwrap().to_owned();
        let all = ["insufficient", "low", "medium", "high"];
        all.iter().position(|one| *one == word).unwrap()
    };
    assert!(rank(now) < rank(&idle), "{idle:#}\n{now:#}");
    agent.stop().unwrap();
}
