//! What the agent says of itself: `/metrics` inside the node's namespace.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use netpol_testkit::Namespace;

/// Where tests let it serve `/metrics` and `/healthz`: on the loopback device of the node.
pub(crate) const HTTP: &str = "127.0.0.1:9964";

const PATIENCE: Duration = Duration::from_secs(20);

/// Answer to `GET PATH`, head and body.
pub(crate) fn get(node: &Namespace, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n");
    node.run_in(|| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 9964));
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
}

/// Value of a series, given as it is written (`name` or `name{label="value"}`); 0 where there is none yet.
pub(crate) fn figure(node: &Namespace, series: &str) -> u64 {
    let text = get(node, "/metrics");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

/// Waits until a series stands at `value`; the last value that was seen.
pub(crate) fn wait_for_figure(node: &Namespace, series: &str, value: u64) -> u64 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = figure(node, series);
        if now == value || Instant::now() > deadline {
            return now;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
