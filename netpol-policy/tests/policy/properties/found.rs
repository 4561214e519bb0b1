//! What generated worlds found wrong once, each as a case of its own.

use netpol_policy::connection::Connection;
use netpol_policy::evaluate::evaluate;
use netpol_policy::model::Protocol;
use netpol_policy::verdict::{Decision, DenyReason};

use crate::support::{World, outside};

#[test]
fn a_port_name_that_the_destination_lacks_denies_also_where_the_port_was_not_seen() {
    let spec = "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: sql}]}]}";
    let world = World::with(&[spec]);
    let ask = |to| {
        let connection = Connection::new(world.pod("prod/web"), to, Protocol::Tcp, None);
        evaluate(&world.0, &connection).egress
    };
    assert_eq!(
        ask(world.pod("prod/db")).decision,
        Decision::Unknown,
        "it has one"
    );
    for to in [world.pod("ci/build"), world.node("192.168.0.1"), outside()] {
        let egress = ask(to);
        assert_eq!(egress.decision, Decision::Denied);
        assert_eq!(egress.denied_by[0].reason, DenyReason::NamedPortUnresolved);
    }
}
