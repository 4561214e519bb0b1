//! Packets handed to a program by NFQUEUE, as kindnet and kube-network-policies do.

use netpol_testkit::requirement::Requirement;

use crate::case::Case;
use crate::expected::Expected;
use crate::stage::{ALLOWED, Stage};

#[test]
fn nobody_listens_on_the_queue() {
    let requirements =
        ["iptables-legacy", "iptables-nft", "ip6tables-nft"].map(Requirement::Command);
    let Some(stage) = Stage::set_up(&requirements) else {
        return;
    };
    for rule in [
        "iptables-legacy -A FORWARD -p tcp --dport 5001 -j NFQUEUE --queue-num 78",
        "iptables-nft -A FORWARD -p tcp --dport 5002 -j NFQUEUE --queue-num 78",
        "iptables-nft -A FORWARD -p udp --dport 5002 -j NFQUEUE --queue-num 78",
        "ip6tables-nft -A FORWARD -p tcp --dport 5002 -j NFQUEUE --queue-num 78",
    ] {
        stage.run(rule);
    }
    let unspecified = Expected::dropped("NOT_SPECIFIED", &["nf_queue", "__nf_queue"]);
    stage.play(&[
        Case::new(5001, unspecified.clone()),
        Case::new(5001, unspecified.clone()).from(ALLOWED),
        Case::new(5002, unspecified.clone()),
        Case::new(5002, unspecified.clone()).udp(),
        Case::new(5002, unspecified).v6(),
    ]);
}
