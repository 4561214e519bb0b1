//! Several policies of one tier: lower numbers go first.

use netpol_policy::model::Protocol::Tcp;

use super::form::{ADMIN, DIRECTIONS, Form, Towards, accept, deny, of_house, pass};
use super::{house, houses};
use crate::support::reachability::everyone;

#[test]
fn a_pass_at_60_comes_after_a_deny_at_50_and_at_40_before_it() {
    for (admin, baseline) in [
        (Form::AdminNetworkPolicy, Form::BaselineAdminNetworkPolicy),
        (
            Form::ClusterNetworkPolicyOfAdmin,
            Form::ClusterNetworkPolicyOfBaseline,
        ),
    ] {
        for direction in DIRECTIONS {
            let green = house("green");
            let denying = of_house("deny", "red")
                .priority(50)
                .rules(direction, [deny(&green)])
                .put(houses(), admin);
            let accepting = of_house("accept", "red")
                .rules(direction, [accept(&green)])
                .put(denying, baseline);
            let passing = |priority| {
                of_house("pass", "red")
                    .priority(priority)
                    .rules(direction, [pass(&green)])
                    .put(accepting.clone(), admin)
            };
            passing(60).expect(
                Tcp,
                80,
                &everyone().denied_by(direction, "red/*", "green/*"),
            );
            passing(40).expect(Tcp, 80, &everyone());
        }
    }
}

#[test]
fn of_accept_and_deny_the_lower_number_decides() {
    let green = house("green");
    for form in [ADMIN[0], ADMIN[1], Form::ClusterNetworkPolicyOfBaseline] {
        for direction in DIRECTIONS {
            let both = |accepting, denying| {
                let one = of_house("accept", "red")
                    .priority(accepting)
                    .rules(direction, [accept(&green)])
                    .put(houses(), form);
                of_house("deny", "red")
                    .priority(denying)
                    .rules(direction, [deny(&green)])
                    .put(one, form)
            };
            let denied = everyone().denied_by(direction, "red/*", "green/*");
            both(0, 1000).expect(Tcp, 80, &everyone());
            both(1000, 0).expect(Tcp, 80, &denied);
            // As numbers, not as text.
            both(9, 10).expect(Tcp, 80, &everyone());
            both(10, 9).expect(Tcp, 80, &denied);
        }
    }
}

#[test]
fn the_two_versions_share_one_order() {
    let green = house("green");
    for direction in DIRECTIONS {
        let both = |older, newer| {
            let one = of_house("older", "red")
                .priority(older)
                .rules(direction, [accept(&green)])
                .put(houses(), Form::AdminNetworkPolicy);
            of_house("newer", "red")
                .priority(newer)
                .rules(direction, [deny(&green)])
                .put(one, Form::ClusterNetworkPolicyOfAdmin)
        };
        both(1, 2).expect(Tcp, 80, &everyone());
        both(2, 1).expect(
            Tcp,
            80,
            &everyone().denied_by(direction, "red/*", "green/*"),
        );
    }
}

#[test]
fn a_policy_of_one_house_does_not_order_those_of_another() {
    let green = house("green");
    let of_blue = of_house("of-blue", "blue")
        .priority(1)
        .rules(DIRECTIONS[1], [accept(&green)])
        .put(houses(), ADMIN[1]);
    of_house("of-red", "red")
        .priority(2)
        .rules(DIRECTIONS[1], [deny(&green)])
        .put(of_blue, ADMIN[1])
        .expect(Tcp, 80, &everyone().denied("red/*", "green/*"));
}
