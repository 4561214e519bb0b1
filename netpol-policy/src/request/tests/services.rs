//! Who answers behind a Service.

use super::{check, inventory};

#[test]
fn a_service_is_its_backends_at_their_own_ports() {
    check(
        &inventory(""),
        &[
            // By selector, to a port by name.
            (
                "prod/alone",
                "prod/web[Service]",
                "TCP 80",
                &["prod/alone 10.1.0.3 > prod/web-0 10.1.0.1 :8080 for 10.96.0.5:80"],
            ),
            (
                "prod/alone",
                "10.96.0.5",
                "TCP web",
                &["prod/alone 10.1.0.3 > prod/web-0 10.1.0.1 :8080 for 10.96.0.5:80"],
            ),
            (
                "prod/alone",
                "prod/web[Service]",
                "TCP",
                &["prod/alone 10.1.0.3 > prod/web-0 10.1.0.1 for 10.96.0.5:0"],
            ),
            // A template, and no address yet.
            (
                "prod/alone",
                "prod/shop[Service]",
                "TCP 80",
                &["prod/alone 10.1.0.3 > prod/shop[Deployment] :9000"],
            ),
            // By EndpointSlices, and only who is ready.
            (
                "prod/alone",
                "prod/listed[Service]",
                "TCP 443",
                &[
                    "prod/alone 10.1.0.3 > prod/late 10.1.0.9 :8443 for 10.96.0.6:443",
                    "prod/alone 10.1.0.3 > 198.51.100.4 :8443 for 10.96.0.6:443",
                ],
            ),
            // Nobody knows what is behind it.
            (
                "prod/alone",
                "prod/bare[Service]",
                "TCP 80",
                &["prod/alone 10.1.0.3 > service prod/bare 10.96.0.7 :80"],
            ),
            (
                "prod/alone",
                "10.96.0.5",
                "TCP 81",
                &["prod/alone 10.1.0.3 > service prod/web 10.96.0.5 :81"],
            ),
            (
                "prod/alone",
                "10.96.0.5",
                "ICMP",
                &["prod/alone 10.1.0.3 > service prod/web 10.96.0.5"],
            ),
        ],
    );
}

#[test]
fn the_name_of_a_headless_service_is_its_backends_themselves() {
    let backend = "prod/alone 10.1.0.3 > prod/web-0 10.1.0.1";
    check(
        &inventory(""),
        &[
            (
                "prod/alone",
                "prod/peers[Service]",
                "TCP 8080",
                &[&format!("{backend} :8080")],
            ),
            (
                "prod/alone",
                "prod/peers[Service]",
                "TCP 80",
                &[&format!("{backend} :80")],
            ),
            // By a name one asks for the port that stands in the SRV record.
            (
                "prod/alone",
                "prod/peers[Service]",
                "TCP web",
                &[&format!("{backend} :8080")],
            ),
            ("prod/alone", "prod/peers[Service]", "ICMP", &[backend]),
        ],
    );
}

#[test]
fn a_backend_may_be_the_opener_itself() {
    check(
        &inventory(""),
        &[(
            "prod/web-0",
            "prod/web[Service]",
            "TCP 80",
            &[
                "prod/web-0 10.1.0.1 > prod/web-1 10.1.0.2 :8080 for 10.96.0.5:80",
                "prod/web-0 10.1.0.1 > prod/web-0 10.1.0.1 :8080 for 10.96.0.5:80",
            ],
        )],
    );
}
