//! Pods on a bridge whose traffic passes netfilter.

use netpol_testkit::ClusterBuilder;
use netpol_testkit::requirement::{Requirement, require};

use crate::case::Case;
use crate::expected::{Device, Expected};
use crate::stage::{ALLOWED, DENIED, SERVER, Stage, pod};

#[test]
fn drop_in_forward_of_bridged_traffic() {
    let build = |cluster: ClusterBuilder| {
        [(DENIED, 10), (SERVER, 20), (ALLOWED, 30)]
            .into_iter()
            .fold(cluster, |cluster, (name, last)| {
                cluster.pod(pod(name, last).bridged("cni0"))
            })
    };
    let Some(stage) = Stage::with(&[Requirement::Command("nft")], build, []) else {
        return;
    };
    if !stage.cluster.bridge_netfilter().unwrap() {
        assert!(!require(&[Requirement::KernelFile(
            "/proc/sys/net/bridge/bridge-nf-call-iptables"
        )]));
        return;
    }
    stage.nft(
        "table inet t { chain c { type filter hook forward priority 0;
            th dport 5001 drop
            ct state established,related accept
            th dport 5002 drop; }; }",
    );
    let dropped = Expected::dropped("NETFILTER_DROP", &["nft_do_chain"]).on(Device::Destination);
    stage.play(&[
        Case::new(5001, dropped.clone()),
        Case::new(5001, dropped.clone()).from(ALLOWED),
        Case::new(5001, dropped.clone()).udp(),
        Case::new(5001, dropped.clone()).v6(),
        Case::new(5002, dropped.clone()),
        Case::new(5002, dropped).udp().from(ALLOWED),
    ]);
}
