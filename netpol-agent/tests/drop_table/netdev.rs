//! nftables on one interface, beside tc.

use netpol_testkit::requirement::Requirement;

use crate::case::Case;
use crate::expected::{Device, Expected};
use crate::stage::{ALLOWED, DENIED, SERVER, Stage};

#[test]
fn drop_at_ingress_and_egress_of_an_interface() {
    let Some(stage) = Stage::set_up(&[Requirement::Command("nft")]) else {
        return;
    };
    let [denied, allowed, server] = [DENIED, ALLOWED, SERVER].map(|pod| stage.interface(pod));
    stage.nft(&format!(
        "table netdev t {{
            chain in {{ type filter hook ingress devices = {{ {denied}, {allowed} }} priority 0; th dport 5001 drop; }}
            chain out {{ type filter hook egress device {server} priority 0; th dport 5002 drop; }}; }}"
    ));
    let ingress = Expected::dropped("NETFILTER_DROP", &["nft_do_chain", "nf_hook_slow"]);
    let egress = ingress.clone().on(Device::Destination);
    stage.play(&[
        Case::new(5001, ingress.clone()),
        Case::new(5001, ingress.clone()).from(ALLOWED),
        Case::new(5001, ingress.clone()).udp(),
        Case::new(5001, ingress).v6(),
        Case::new(5002, egress.clone()),
        Case::new(5002, egress.clone()).from(ALLOWED),
        Case::new(5002, egress.clone()).udp(),
        Case::new(5002, egress).v6(),
    ]);
}
