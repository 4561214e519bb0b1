//! A process that runs out of descriptors goes on listening. On its own: the limit is the whole process's.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::time::{Duration, Instant};

use netpol_transport::listen::Door;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::StreamExt;

#[tokio::test]
async fn connections_wait_while_there_is_no_descriptor() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut incoming = Door::PlainText(listener).incoming();
    let client = TcpStream::connect(address).await.unwrap();
    incoming.next().await.unwrap().unwrap();

    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 64, hard).unwrap();
    let mut taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    // Room for the one that connects, and not for the one that is accepted.
    taken.pop();
    let waiting = TcpStream::connect(address).await.unwrap();
    let spent = cpu_time();
    let began = Instant::now();
    let accepted = tokio::time::timeout(Duration::from_secs(1), incoming.next()).await;
    assert!(accepted.is_err(), "no descriptor is left");
    let spent = cpu_time() - spent;
    assert!(spent < began.elapsed() / 4, "it does not spin: {spent:?}");

    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    let accepted = tokio::time::timeout(Duration::from_secs(5), incoming.next()).await;
    accepted.unwrap().unwrap().unwrap();
    drop((client, waiting, taken));
}

fn cpu_time() -> Duration {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).unwrap();
    let time = |time: nix::sys::time::TimeVal| {
        Duration::new(time.tv_sec().unsigned_abs(), 0)
            + Duration::from_micros(time.tv_usec().unsigned_abs())
    };
    time(usage.user_time()) + time(usage.system_time())
}
