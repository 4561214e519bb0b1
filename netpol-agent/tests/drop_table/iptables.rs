//! iptables on the node, by both of its back ends.

use netpol_testkit::requirement::Requirement;
use netpol_testkit::traffic::Outcome;

use crate::case::Case;
use crate::expected::{Device, Expected};
use crate::stage::{ALLOWED, Stage};

#[test]
fn legacy_back_end() {
    let requirements = ["iptables-legacy", "ip6tables-legacy"].map(Requirement::Command);
    let Some(stage) = Stage::set_up(&requirements) else {
        return;
    };
    play(
        &stage,
        ["iptables-legacy", "ip6tables-legacy"],
        &Expected::dropped("NETFILTER_DROP", &["nf_hook_slow"]),
    );
}

#[test]
fn nftables_back_end() {
    let requirements = ["iptables-nft", "ip6tables-nft"].map(Requirement::Command);
    let Some(stage) = Stage::set_up(&requirements) else {
        return;
    };
    play(
        &stage,
        ["iptables-nft", "ip6tables-nft"],
        &Expected::dropped("NETFILTER_DROP", &["nft_do_chain", "nf_hook_slow"]),
    );
}

fn play(stage: &Stage, programs: [&str; 2], dropped: &Expected) {
    for (program, unreachable) in programs
        .into_iter()
        .zip(["icmp-admin-prohibited", "icmp6-adm-prohibited"])
    {
        for rule in [
            "-t raw -A PREROUTING -p tcp --dport 5002 -j DROP",
            "-t raw -A PREROUTING -p udp --dport 5002 -j DROP",
            "-t mangle -A POSTROUTING -p tcp --dport 5003 -j DROP",
            "-A FORWARD -p tcp --dport 5001 -j DROP",
            "-A FORWARD -p udp --dport 5001 -j DROP",
            "-A FORWARD -p tcp --dport 5004 -j REJECT --reject-with tcp-reset",
            &format!("-A FORWARD -p tcp --dport 5005 -j REJECT --reject-with {unreachable}"),
            "-A FORWARD -p udp --dport 5006 -j REJECT",
        ] {
            stage.run(&format!("{program} {rule}"));
        }
    }
    let dropped = || dropped.clone();
    let late = || dropped().on(Device::Destination);
    let reset = || dropped().rejected("tcp-rst", Outcome::Refused);
    let prohibited = || dropped().rejected("icmp-unreachable", Outcome::Unreachable);
    stage.play(&[
        Case::new(5001, dropped()),
        Case::new(5001, dropped()).from(ALLOWED),
        Case::new(5001, dropped()).udp(),
        Case::new(5001, dropped()).v6(),
        Case::new(5002, dropped()),
        Case::new(5002, dropped()).udp(),
        Case::new(5002, dropped()).v6().from(ALLOWED),
        Case::new(5003, late()),
        Case::new(5003, late()).v6().from(ALLOWED),
        Case::new(5004, reset()),
        Case::new(5004, reset()).v6().from(ALLOWED),
        Case::new(5005, prohibited()),
        Case::new(5005, prohibited()).v6().from(ALLOWED),
        Case::new(5006, prohibited()).udp(),
        Case::new(5006, prohibited()).udp().v6(),
    ]);
}
