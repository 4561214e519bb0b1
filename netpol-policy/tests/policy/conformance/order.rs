//! Rules of one policy, in their order: the first that matches decides.

use netpol_policy::model::Protocol::{Sctp, Tcp, Udp};
use netpol_policy::verdict::Direction;

use super::form::{ADMIN, ALL, DIRECTIONS, Form, Rule, Towards, accept, deny, of_house, pass};
use super::{WITH_PORTS, house, houses};
use crate::support::cluster::Cluster;
use crate::support::reachability::everyone;

/// The houses with one policy, for pods of red.
fn with(form: Form, direction: Direction, rules: impl Into<Vec<Rule>>) -> Cluster {
    of_house("of-red", "red")
        .rules(direction, rules)
        .put(houses(), form)
}

/// The same rules in both directions, in the forms given.
fn each(forms: &[Form], ask: impl Fn(Form, Direction)) {
    for form in forms {
        for direction in DIRECTIONS {
            ask(*form, direction);
        }
    }
}

#[test]
fn accept_before_deny_accepts() {
    each(&ALL, |form, direction| {
        let blue = house("blue");
        let cluster = with(form, direction, [accept(&blue), deny(&blue)]);
        for protocol in WITH_PORTS {
            cluster.expect(protocol, 80, &everyone());
        }
    });
}

#[test]
fn deny_before_accept_denies() {
    each(&ALL, |form, direction| {
        let blue = house("blue");
        let cluster = with(form, direction, [deny(&blue), accept(&blue)]);
        let table = everyone().denied_by(direction, "red/*", "blue/*");
        for protocol in WITH_PORTS {
            cluster.expect(protocol, 80, &table);
        }
    });
}

#[test]
fn pass_before_deny_goes_to_the_next_tier() {
    each(&ADMIN, |form, direction| {
        let blue = house("blue");
        let cluster = with(form, direction, [pass(&blue), accept(&blue), deny(&blue)]);
        for protocol in WITH_PORTS {
            cluster.expect(protocol, 8080, &everyone());
        }
    });
}

#[test]
fn deny_at_one_port_leaves_the_other_ports_and_protocols() {
    each(&ALL, |form, direction| {
        for protocol in WITH_PORTS {
            let cluster = with(form, direction, [deny(&house("green")).on(protocol, 80)]);
            for asked in WITH_PORTS {
                let table = if asked == protocol {
                    everyone().denied_by(direction, "red/*", "green/*")
                } else {
                    everyone()
                };
                cluster.expect(asked, 80, &table);
                cluster.expect(asked, 8080, &everyone());
            }
        }
    });
}

#[test]
fn pass_before_deny_at_the_same_port() {
    each(&ADMIN, |form, direction| {
        for protocol in WITH_PORTS {
            let green = house("green");
            let passed = pass(&green).on(protocol, 80);
            let denied = deny(&green).on(protocol, 80);
            with(form, direction, [passed.clone(), denied.clone()]).expect(
                protocol,
                80,
                &everyone(),
            );
            with(form, direction, [denied, passed]).expect(
                protocol,
                80,
                &everyone().denied_by(direction, "red/*", "green/*"),
            );
        }
    });
}

#[test]
fn accept_at_one_port_before_deny_of_everything_else() {
    each(&ALL, |form, direction| {
        for protocol in WITH_PORTS {
            let yellow = house("yellow");
            let cluster = with(
                form,
                direction,
                [accept(&yellow).on(protocol, 8080), deny(&yellow)],
            );
            let denied = everyone().denied_by(direction, "red/*", "yellow/*");
            cluster.expect(protocol, 8080, &everyone());
            cluster.expect(protocol, 80, &denied);
            for other in WITH_PORTS.into_iter().filter(|other| *other != protocol) {
                cluster.expect(other, 8080, &denied);
            }
        }
    });
}

/// Three houses, three protocols and both directions in one policy.
#[test]
fn ingress_and_egress_rules_for_several_houses_at_once() {
    for form in ALL {
        let rules = |tcp| {
            [
                accept(&house("blue")),
                deny(&house("blue")),
                deny(&house("green")).on(Tcp, 80).on(Udp, 53).on(Sctp, 9003),
                accept(&house("yellow"))
                    .on(Tcp, tcp)
                    .on(Udp, 5353)
                    .on(Sctp, 9003),
                deny(&house("yellow")),
            ]
        };
        // Yellow is let in on TCP port 80, and reached on 8080.
        let cluster = of_house("of-red", "red")
            .rules(Direction::Ingress, rules(80))
            .rules(Direction::Egress, rules(8080))
            .put(houses(), form);
        let no_green = everyone()
            .denied("red/*", "green/*")
            .denied("green/*", "red/*");
        cluster.expect(Tcp, 80, &no_green.clone().denied("red/*", "yellow/*"));
        cluster.expect(Tcp, 8080, &everyone().denied("yellow/*", "red/*"));
        cluster.expect(
            Udp,
            53,
            &no_green
                .clone()
                .denied("red/*", "yellow/*")
                .denied("yellow/*", "red/*"),
        );
        cluster.expect(Udp, 5353, &everyone());
        cluster.expect(Sctp, 9003, &no_green);
        cluster.expect(
            Sctp,
            9005,
            &everyone()
                .denied("red/*", "yellow/*")
                .denied("yellow/*", "red/*"),
        );
    }
}

#[test]
fn rules_of_one_direction_say_nothing_of_the_other() {
    each(&ALL, |form, direction| {
        with(form, direction, [deny(&house("blue"))]).expect(
            Tcp,
            80,
            &everyone().denied_by(direction, "red/*", "blue/*"),
        );
    });
}

#[test]
fn a_policy_without_a_rule_that_matches_isolates_nothing() {
    each(&ALL, |form, direction| {
        with(form, direction, [accept(&house("nowhere"))]).expect(Tcp, 80, &everyone());
        with(form, direction, []).expect(Tcp, 80, &everyone());
    });
}
