//! A watch goes on where its connection broke, and says so.

use std::{process::Stdio, time::Duration};

use netpol_api::v1::observed::Verdict::{Dropped, Forwarded};
use tokio::io::AsyncReadExt;
use tonic::Status;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

/// Reads the output of `flows watch` until it holds `end`, then ends it and returns everything said.
async fn watch(
    world: &World,
    arguments: &[&str],
    end: &str,
    during: impl AsyncFnOnce(),
) -> (String, String) {
    let mut command = world.flows(&[&["watch"], arguments].concat());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut seen = String::new();
    let mut during = Some(during);
    while !seen.contains(end) {
        let mut buffer = [0; 4096];
        let read = tokio::time::timeout(PATIENCE, stdout.read(&mut buffer)).await;
        let read = read
            .unwrap_or_else(|_| panic!("not in time: {seen}"))
            .unwrap();
        assert_ne!(read, 0, "ended before: {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
        if let Some(during) = during.take() {
            during().await;
        }
    }
    let pid = child.id().unwrap().to_string();
    crate::call("kill", &["-INT", &pid]).status().await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success());
    (seen, String::from_utf8(output.stderr).unwrap())
}

/// Words that begin each line, after the time.
fn marks(seen: &str) -> Vec<String> {
    seen.lines()
        .map(|line| {
            line[14..]
                .trim_start()
                .split("  ")
                .next()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[tokio::test]
async fn what_came_meanwhile_follows_and_nothing_comes_twice() {
    let first = Play::of(vec![flow("a", 1, Forwarded, 1), flow("b", 1, Dropped, 1)]);
    let second = Play::of(vec![
        flow("a", 1, Forwarded, 1),
        flow("b", 1, Dropped, 1),
        flow("c", 1, Dropped, 7),
    ]);
    let world = World::start(Script::new(first).then(second)).await;
    let (seen, said) = watch(&world, &["-A"], "×7", async || {
        world.api.cut_port_forwards()
    })
    .await;
    assert_eq!(
        marks(&seen),
        ["✓ forwarded", "✗ BLOCKED", "! GAP", "BACK", "✗ BLOCKED"],
        "{seen}"
    );
    assert!(
        seen.contains(
            "! GAP          the connection to relay netpol/netpol-relay-0 of context testkit broke; connecting again\n"
        ),
        "{seen}"
    );
    assert_eq!(said, "3 flows, 2 blocked, 0 lost\n");
    let asked = world.relay.asked();
    assert_eq!((asked[0].last, asked[0].since), (None, None));
    assert_eq!(asked[1].last, Some(u64::MAX));
    assert!(asked[1].since.is_some() && asked[1].follow);
    assert_eq!(asked[1].filter, asked[0].filter);
}

#[tokio::test]
async fn a_relay_that_is_replaced_and_a_token_that_expires_are_gaps() {
    let first =
        Play::of(vec![flow("a", 1, Forwarded, 1)]).ending(Status::unavailable("it shuts down"));
    let second =
        Play::of(vec![flow("b", 1, Forwarded, 1)]).ending(Status::unauthenticated("expired"));
    let third = Play::of(vec![flow("c", 1, Dropped, 7)]);
    let world = World::start(Script::new(first).then(second).then(third)).await;
    let (seen, said) = watch(&world, &["-A", "-o", "json"], "\"c\"", async || {}).await;
    assert_eq!(seen.lines().count(), 3, "{seen}");
    assert!(
        said.contains("ended the stream: it shuts down; connecting again\n"),
        "{said}"
    );
    assert!(
        said.contains("ended the stream: expired; connecting again\n"),
        "{said}"
    );
}

#[tokio::test]
async fn a_right_that_is_revoked_is_the_end() {
    let play = Play::of(vec![flow("a", 1, Forwarded, 1)]).ending(Status::permission_denied(
        "may not watch flows.observer.netpol",
    ));
    let world = World::start(Script::new(play)).await;
    assert_eq!(
        world.error(&["watch", "-A"]).await,
        "flows: relay netpol/netpol-relay-0 of context testkit does not let you read that: may not watch \
         flows.observer.netpol\n"
    );
}

#[tokio::test]
async fn a_list_that_breaks_ends() {
    let play =
        Play::of(vec![flow("a", 1, Forwarded, 1)]).ending(Status::unavailable("it shuts down"));
    let world = World::start(Script::new(play)).await;
    assert_eq!(
        world.error(&["list"]).await,
        "flows: relay netpol/netpol-relay-0 of context testkit ended the stream: it shuts down\n"
    );
}
