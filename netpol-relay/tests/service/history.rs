//! What nodes remember, of many agents through one relay.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use netpol_api::v1::read_history_response::Item;
use netpol_api::v1::{ReadHistoryRequest, ReadHistoryResponse};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tonic::{Code, Status, Streaming};

use crate::agent::{Agent, Step};
use crate::relay::{Relay, follow, unix};
use crate::{PATIENCE, flow};

/// By node: its lines, and why it is missing where it is.
pub(crate) type Told = BTreeMap<String, (String, Option<String>)>;

pub(crate) async fn ask(relay: &Relay) -> Streaming<ReadHistoryResponse> {
    let mut client = relay.client.clone();
    let asked = client.read_history(ReadHistoryRequest::default()).await;
    asked.unwrap().into_inner()
}

pub(crate) async fn read(mut stream: Streaming<ReadHistoryResponse>) -> Result<Told, Status> {
    let mut told = Told::new();
    // An agent that is silent is given 30 s.
    while let Some(response) = timeout(3 * PATIENCE, stream.message()).await.unwrap()? {
        let (lines, missing) = told.entry(response.node).or_default();
        assert_eq!(*missing, None, "something comes of a node that is missing");
        match response.item.unwrap() {
            Item::Lines(more) => lines.push_str(str::from_utf8(&more).unwrap()),
            Item::Missing(why) => *missing = Some(why),
        }
    }
    Ok(told)
}

fn lines(count: usize) -> Vec<Step> {
    let line = |number| Step::Lines(format!("{number} {}\n", "x".repeat(1000)));
    (0..count).map(line).collect()
}

/// What comes of [`lines`].
fn whole(count: usize) -> (String, Option<String>) {
    let texts = lines(count).into_iter().map(|step| match step {
        Step::Lines(text) => text,
        Step::Break | Step::Silence => unreachable!("not among lines"),
    });
    (texts.collect(), None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_s_lines_come_in_order_and_what_is_missing_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let agents = [1, 2, 3, 4].map(|number| Agent::start(directory.path(), number));
    let [first, second, forgetful, broken] = &agents;
    first.0.world.remember(lines(500));
    second.0.world.remember(lines(3));
    let breaks = [lines(2), vec![Step::Break]].concat();
    broken.0.world.remember(breaks);
    let away = directory.path().join("node-5.sock");
    let mut addresses: Vec<_> = agents.iter().map(|(_, socket)| unix(socket)).collect();
    addresses.push(unix(&away));
    let relay = Relay::of(&addresses, &[]).await;

    let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    let request = ReadHistoryRequest {
        since: Some(since.into()),
    };
    let asked = relay.client.clone().read_history(request).await;
    let told = read(asked.unwrap().into_inner()).await.unwrap();
    assert_eq!(told["node-1"], whole(500));
    assert_eq!(told["node-2"], whole(3));
    let missing = |node: &str| told[node].1.as_deref().unwrap();
    assert_eq!(missing("node-3"), "this agent remembers nothing");
    assert_eq!(
        missing("node-4"),
        "the agent answers Aborted: broken by the test"
    );
    assert!(missing(&unix(&away)).starts_with("nobody listens at"));
    assert_eq!(told.len(), 5);
    assert_eq!(first.0.world.asked(), [request]);
    assert_eq!(forgetful.0.world.asked(), [request]);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_node_holds_no_other_and_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let agents = [1, 2, 3].map(|number| Agent::start(directory.path(), number));
    let [talking, silent, mute] = &agents;
    talking.0.world.remember(lines(100));
    let stops = [lines(2), vec![Step::Silence]].concat();
    silent.0.world.remember(stops);
    mute.0.world.hang();
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let deaf = deaf.local_addr().unwrap().to_string();
    let mut addresses: Vec<_> = agents.iter().map(|(_, socket)| unix(socket)).collect();
    addresses.push(deaf.clone());
    let relay = Relay::of(&addresses, &["--agent-plaintext"]).await;

    let mut stream = ask(&relay).await;
    let began = Instant::now();
    let mut of_talking = 0;
    while of_talking < 100 {
        let response = stream.message().await.unwrap().unwrap();
        of_talking += usize::from(response.node == "node-1");
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    let told = read(stream).await.unwrap();
    let took = began.elapsed();
    let silent = |node: &str| told[node].1.as_deref() == Some("says nothing for 30 s");
    assert!(silent("node-2") && silent("node-3"), "{told:?}");
    assert!(took < Duration::from_secs(50), "{took:?}");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_takes_nothing_holds_neither_readers_nor_memory() {
    const MANY: usize = 20_000;
    let directory = tempfile::tempdir().unwrap();
    let (agent, socket) = Agent::start(directory.path(), 1);
    let world = &agent.world;
    world.remember(lines(MANY));
    let relay = Relay::of(&[unix(&socket)], &[]).await;

    let slow = ask(&relay).await;
    // The windows of two connections, and the queues, take some hundred kB: by then the agent waits.
    let before = async {
        let mut before = 0;
        loop {
            sleep(Duration::from_millis(300)).await;
            match world.told() {
                told if told > 0 && told == before => return told,
                told => before = told,
            }
        }
    };
    let waiting = timeout(PATIENCE, before).await.unwrap();
    assert!(waiting < 2000, "{waiting} kB wait for a reader");

    let mut live = relay.watch(follow()).await;
    crate::readers::wait_for_streams(std::slice::from_ref(&agent), 1).await;
    world.see(flow("node-1", 1, SystemTime::now()));
    assert_eq!(live.flow().await.0.id, "node-1-1");
    let told = read(ask(&relay).await).await.unwrap();
    assert_eq!(told["node-1"].0.lines().count(), MANY);

    // Slow is not lost.
    let told = read(slow).await.unwrap();
    assert_eq!(told["node-1"].0.lines().count(), MANY);
    drop(live);
    relay.stop().await;
}

#[tokio::test]
async fn a_relay_that_stops_ends_no_history_as_if_it_were_whole() {
    let directory = tempfile::tempdir().unwrap();
    let (agent, socket) = Agent::start(directory.path(), 1);
    agent
        .world
        .remember([lines(2), vec![Step::Silence]].concat());
    let relay = Relay::of(&[unix(&socket)], &["--streams", "1"]).await;
    let mut stream = ask(&relay).await;
    assert!(stream.message().await.unwrap().is_some());
    let request = ReadHistoryRequest::default();
    let refused = relay.client.clone().read_history(request).await;
    assert_eq!(refused.unwrap_err().code(), Code::ResourceExhausted);
    relay.begin_stop();
    let ended = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended as if it were complete"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.message(), "the relay is stopping");
    relay.stop().await;
}
