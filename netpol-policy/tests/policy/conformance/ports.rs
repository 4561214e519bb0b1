//! Named ports and ranges, in both directions.

use netpol_policy::model::Protocol::{Sctp, Tcp, Udp};
use netpol_policy::verdict::Direction::Egress;

use super::form::{ALL, DIRECTIONS, Towards, accept, deny, of_house};
use super::{house, houses};
use crate::support::reachability::everyone;

#[test]
fn a_named_port_before_a_deny_of_everything_else() {
    for form in ALL {
        for direction in DIRECTIONS {
            let blue = house("blue");
            for (name, protocol, port) in [("web", Tcp, 80), ("dns", Udp, 53)] {
                let cluster = of_house("of-red", "red")
                    .rules(direction, [accept(&blue).on_name(name), deny(&blue)])
                    .put(houses(), form);
                let closed = everyone().denied_by(direction, "red/*", "blue/*");
                cluster.expect(protocol, port, &everyone());
                cluster.expect(protocol, 8080, &closed);
                // The name is one protocol's.
                cluster.expect(Sctp, port, &closed);
            }
        }
    }
}

#[test]
fn a_named_port_is_that_of_each_destination() {
    for form in ALL {
        let cluster = houses().namespace("grey", "{house: grey}").pod_with_ports(
            "grey/web",
            "{house: grey}",
            "[{name: web, containerPort: 8080}]",
        );
        let cluster = of_house("of-red", "red")
            .rules(Egress, [deny("[{namespaces: {}}]").on_name("web")])
            .put(cluster.pod("grey/nothing", "{house: grey}"), form);
        cluster.expect(
            Tcp,
            80,
            &everyone()
                .denied("red/*", "*/*")
                .allowed("red/*", "grey/*")
                .allowed("red/*", "forest/*"),
        );
        cluster.expect(Tcp, 8080, &everyone().denied("red/*", "grey/web"));
    }
}

#[test]
fn a_range_has_both_its_ends() {
    for form in ALL {
        for direction in DIRECTIONS {
            let cluster = of_house("of-red", "red")
                .rules(direction, [deny(&house("green")).on_range(Tcp, 80, 82)])
                .put(houses(), form);
            let closed = everyone().denied_by(direction, "red/*", "green/*");
            for (port, table) in [
                (79, &everyone()),
                (80, &closed),
                (81, &closed),
                (82, &closed),
                (83, &everyone()),
            ] {
                cluster.expect(Tcp, port, table);
                cluster.expect(Udp, port, &everyone());
            }
        }
    }
}

#[test]
fn several_ports_of_one_rule_are_alternatives() {
    for form in ALL {
        for direction in DIRECTIONS {
            let rule = deny(&house("green"))
                .on(Tcp, 80)
                .on_range(Udp, 50, 60)
                .on_name("dns");
            let cluster = of_house("of-red", "red")
                .rules(direction, [rule])
                .put(houses(), form);
            let closed = everyone().denied_by(direction, "red/*", "green/*");
            cluster.expect(Tcp, 80, &closed);
            cluster.expect(Tcp, 53, &everyone());
            cluster.expect(Udp, 53, &closed);
            cluster.expect(Udp, 60, &closed);
            cluster.expect(Udp, 80, &everyone());
        }
    }
}
