//! A firewall that a pod has of its own: never a policy's doing.

use netpol_testkit::firewall;
use netpol_testkit::requirement::Requirement;

use crate::case::Case;
use crate::expected::{Device, Expected};
use crate::stage::{ALLOWED, DENIED, SERVER, Stage};

#[test]
fn drop_inside_either_pod() {
    let Some(stage) = Stage::set_up(&[Requirement::Command("nft")]) else {
        return;
    };
    let rules = |hook: &str, port: u16| {
        format!(
            "table inet t {{ chain c {{ type filter hook {hook} priority 0; th dport {port} drop; }}; }}"
        )
    };
    firewall::nft(stage.pod(SERVER).netns(), &rules("input", 5001)).unwrap();
    for source in [DENIED, ALLOWED] {
        firewall::nft(stage.pod(source).netns(), &rules("output", 5002)).unwrap();
    }
    let dropped = Expected::dropped("NETFILTER_DROP", &["nft_do_chain"])
        .on(Device::Nowhere)
        .in_the_pod("no policy: dropped inside the pod, by its own firewall");
    stage.play(&[
        Case::new(5001, dropped.clone()),
        Case::new(5001, dropped.clone()).from(ALLOWED),
        Case::new(5001, dropped.clone()).udp(),
        Case::new(5001, dropped.clone()).v6(),
        Case::new(5002, dropped.clone()),
        Case::new(5002, dropped).from(ALLOWED).v6(),
    ]);
}
