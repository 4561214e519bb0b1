//! What cannot be asked.

use super::{ask, inventory};

#[test]
fn what_cannot_be_asked_says_what_there_is() {
    let inventory = inventory("");
    for (from, to, port, message) in [
        (
            "web",
            "prod/alone",
            "TCP 1",
            "expected NAMESPACE/POD, NAMESPACE/NAME[KIND], node/NAME or an IP address, found \"web\"",
        ),
        (
            "prod/shop",
            "prod/alone",
            "TCP 1",
            "no pod prod/shop; there is prod/shop[Deployment], prod/shop[Service]",
        ),
        (
            "prod/alone",
            "prod/wbe-0",
            "TCP 1",
            "no pod prod/wbe-0; there is prod/web-0",
        ),
        ("prod/alone", "prod/nothing", "TCP 1", "no pod prod/nothing"),
        (
            "prd/alone",
            "prod/alone",
            "TCP 1",
            "no pod prd/alone; there is namespace prod",
        ),
        (
            "prod/web[Deployment]",
            "prod/alone",
            "TCP 1",
            "no Deployment prod/web; there is prod/web[Service], prod/web[StatefulSet]",
        ),
        (
            "prod/alone",
            "prod/wep[Service]",
            "TCP 1",
            "no Service prod/wep; there is prod/web[Service], prod/web[StatefulSet]",
        ),
        (
            "node/n3",
            "prod/alone",
            "TCP 1",
            "no node n3; there is node/n1, node/n2",
        ),
        (
            "node/n2",
            "prod/alone",
            "TCP 1",
            "node n2 has no address in its status",
        ),
        (
            "prod/migrate[Job]",
            "prod/alone",
            "TCP 1",
            "no pod of Job prod/migrate runs; finished: prod/migrate-1",
        ),
        (
            "prod/web[Service]",
            "prod/alone",
            "TCP 1",
            "Service prod/web opens no connections; ask about the pods behind it",
        ),
        (
            "prod/alone",
            "prod/web[Service]",
            "TCP 81",
            "Service prod/web has no TCP port 81; there is web (TCP 80), TCP 8443",
        ),
        (
            "prod/alone",
            "prod/web[Service]",
            "UDP 80",
            "Service prod/web has no UDP port 80; there is web (TCP 80), TCP 8443",
        ),
        (
            "prod/alone",
            "10.96.0.5",
            "TCP http",
            "Service prod/web has no TCP port http; there is web (TCP 80), TCP 8443",
        ),
        (
            "prod/alone",
            "prod/outside[Service]",
            "TCP 80",
            "Service prod/outside has no backends: it is a name for somebody outside",
        ),
        (
            "prod/alone",
            "prod/none[Service]",
            "TCP 80",
            "Service prod/none has no backends: its selector matches no pod with that port",
        ),
        (
            "prod/alone",
            "prod/shop[Service]",
            "ICMP",
            "Service prod/shop has no backends: only TCP, UDP and SCTP reach them",
        ),
        (
            "prod/alone",
            "prod/web-0",
            "UDP http",
            "pod prod/web-0 has no UDP port http; there is http (TCP 8080)",
        ),
        (
            "prod/alone",
            "prod/late",
            "TCP http",
            "pod prod/late has no TCP port http",
        ),
        (
            "prod/alone",
            "203.0.113.7",
            "TCP http",
            "port \"http\": only pods and Services have names for ports, 203.0.113.7 needs a number",
        ),
        (
            "prod/alone",
            "prod/web-0",
            "ICMP 8",
            "ICMP has no ports that policies know",
        ),
        (
            "prod/alone",
            "prod/web-0",
            "47 8",
            "IP protocol 47 has no ports that policies know",
        ),
    ] {
        let error = ask(&inventory, from, to, port).unwrap_err();
        assert_eq!(error.to_string(), message, "{from} > {to} {port}");
    }
}
