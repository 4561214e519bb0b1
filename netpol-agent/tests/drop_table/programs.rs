//! Programs on an interface that drop: tcx, tc's clsact and XDP.

use netpol_testkit::ClusterBuilder;

use crate::bpf::{self, Way};
use crate::case::Case;
use crate::expected::{Device, Expected};
use crate::stage::{ALLOWED, DENIED, SERVER, Stage, pod};

#[test]
fn drops_of_what_comes_from_a_pod() {
    let sources = [
        ("ci/tcx", 11),
        ("ci/clsact", 12),
        ("ci/native", 13),
        ("ci/generic", 14),
    ];
    let build = |cluster: ClusterBuilder| {
        let pods = sources.into_iter().chain([(SERVER, 20), (ALLOWED, 30)]);
        pods.fold(cluster, |cluster, (name, last)| {
            cluster.pod(pod(name, last))
        })
    };
    let Some(stage) = Stage::with(&[], build, []) else {
        return;
    };
    let node = stage.node();
    let _links = [
        bpf::tcx(node, stage.interface("ci/tcx"), Way::Ingress),
        bpf::tcx(node, stage.interface(ALLOWED), Way::Ingress),
        bpf::xdp(node, stage.interface("ci/native"), bpf::XDP_NATIVE),
        bpf::xdp(node, stage.interface("ci/generic"), bpf::XDP_GENERIC),
    ];
    let clsact = stage.interface("ci/clsact");
    stage.run(&format!("tc qdisc add dev {clsact} clsact"));
    bpf::clsact(node, clsact, Way::Ingress);

    let ingress = Expected::dropped("TC_INGRESS", &[]);
    let native = Expected::dropped("NOT_SPECIFIED", &["veth_xdp_rcv_skb"]).without_input();
    let generic = Expected::dropped("NOT_SPECIFIED", &["do_xdp_generic"]);
    stage.play(&[
        Case::new(5001, ingress.clone()).from("ci/tcx"),
        Case::new(5001, ingress.clone()).from("ci/tcx").udp(),
        Case::new(5001, ingress.clone()).from(ALLOWED),
        Case::new(5002, ingress.clone()).from("ci/clsact"),
        Case::new(5002, ingress).from("ci/clsact").udp(),
        Case::new(5003, native.clone()).from("ci/native"),
        Case::new(5003, native).from("ci/native").udp(),
        Case::new(5004, generic.clone()).from("ci/generic"),
        Case::new(5004, generic).from("ci/generic").udp(),
    ]);
}

#[test]
fn drops_of_what_goes_to_a_pod() {
    let build = |cluster: ClusterBuilder| {
        [
            (DENIED, 10),
            (SERVER, 20),
            ("data/clsact", 21),
            (ALLOWED, 30),
        ]
        .into_iter()
        .fold(cluster, |cluster, (name, last)| {
            cluster.pod(pod(name, last).label("app", "db"))
        })
    };
    let Some(stage) = Stage::with(&[], build, []) else {
        return;
    };
    let _link = bpf::tcx(stage.node(), stage.interface(SERVER), Way::Egress);
    let clsact = stage.interface("data/clsact");
    stage.run(&format!("tc qdisc add dev {clsact} clsact"));
    bpf::clsact(stage.node(), clsact, Way::Egress);
    let egress = Expected::dropped("TC_EGRESS", &[]).on(Device::Destination);
    stage.play(&[
        Case::new(5001, egress.clone()),
        Case::new(5001, egress.clone()).from(ALLOWED),
        Case::new(5001, egress.clone()).udp(),
        Case::new(5002, egress.clone()).to("data/clsact"),
        Case::new(5002, egress.clone())
            .to("data/clsact")
            .from(ALLOWED),
        Case::new(5002, egress).to("data/clsact").udp(),
    ]);
}
