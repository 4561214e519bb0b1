//! nftables on the node.

use netpol_testkit::requirement::Requirement;
use netpol_testkit::traffic::Outcome;

use crate::case::Case;
use crate::expected::{Device, Expected};
use crate::stage::{ALLOWED, Stage};

const NFT: Requirement = Requirement::Command("nft");
const DROP: Expected = Expected::dropped("NETFILTER_DROP", &["nft_do_chain"]);

#[test]
fn drop_in_forward() {
    let Some(stage) = Stage::set_up(&[NFT]) else {
        return;
    };
    stage.nft(
        "table inet t { chain c { type filter hook forward priority 0;
            th dport 5001 counter drop
            ct state established,related accept
            th dport 5002 counter drop; }; }",
    );
    let cases = [5001, 5002].map(|port| {
        [
            Case::new(port, DROP),
            Case::new(port, DROP).from(ALLOWED),
            Case::new(port, DROP).udp(),
            Case::new(port, DROP).v6(),
            Case::new(port, DROP).v6().udp().from(ALLOWED),
        ]
    });
    stage.play(cases.as_flattened());
}

#[test]
fn reject_in_forward() {
    let Some(stage) = Stage::set_up(&[NFT]) else {
        return;
    };
    stage.nft(
        "table inet t { chain c { type filter hook forward priority 0;
            tcp dport 5001 reject with tcp reset
            th dport 5002 reject with icmpx port-unreachable
            th dport 5003 reject with icmpx admin-prohibited; }; }",
    );
    let reset = DROP.rejected("tcp-rst", Outcome::Refused);
    let unreachable = DROP.rejected("icmp-unreachable", Outcome::Refused);
    let prohibited = DROP.rejected("icmp-unreachable", Outcome::Unreachable);
    stage.play(&[
        Case::new(5001, reset.clone()),
        Case::new(5001, reset.clone()).from(ALLOWED),
        Case::new(5001, reset).v6(),
        Case::new(5002, unreachable.clone()),
        Case::new(5002, unreachable.clone()).v6(),
        Case::new(5002, unreachable.clone()).udp(),
        Case::new(5002, unreachable).v6().udp().from(ALLOWED),
        Case::new(5003, prohibited.clone()),
        Case::new(5003, prohibited.clone()).v6(),
        Case::new(5003, prohibited).udp().from(ALLOWED),
    ]);
}

#[test]
fn drop_before_and_after_routing() {
    let Some(stage) = Stage::set_up(&[NFT]) else {
        return;
    };
    stage.nft(
        "table inet t {
            chain early { type filter hook prerouting priority raw; th dport 5001 drop; }
            chain late { type filter hook postrouting priority mangle; th dport 5002 drop; }; }",
    );
    let late = DROP.on(Device::Destination);
    stage.play(&[
        Case::new(5001, DROP),
        Case::new(5001, DROP).from(ALLOWED),
        Case::new(5001, DROP).udp(),
        Case::new(5001, DROP).v6(),
        Case::new(5002, late.clone()),
        Case::new(5002, late.clone()).from(ALLOWED),
        Case::new(5002, late.clone()).udp(),
        Case::new(5002, late).v6(),
    ]);
}
