//! What all nodes remember, for one reader: every agent is asked at once, and what it says is passed on as it comes.
//!
//! ```text
//! agent n1 ─► ask ─┐
//! agent n2 ─► ask ─┼─► outlet ─► reader
//! ...              │   bounded: a slow reader has each agent wait with this stream alone
//! ```
//!
//! A node whose history does not come, or breaks off, is named in the stream, and the others go on.

use std::time::Duration;

use netpol_api::v1;
use netpol_api::v1::read_history_response::Item;
use netpol_transport::access::Reader;
use netpol_transport::outlet::{End, Gone, Outlet};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::connection::{Client, of_status};
use crate::nodes::Node;

/// Answers that wait for the reader.
pub(super) const ROOM: usize = 16;

/// How long an agent may be silent while it is listened to. It may first have to wait for other readers of its own.
const PATIENCE: Duration = Duration::from_secs(30);

/// Stands for nodes that cannot be named. No node is called so.
const OTHERS: &str = "(others)";

type Answers = Outlet<v1::ReadHistoryResponse>;

/// One reader's question to all nodes.
pub(super) struct Question {
    pub(super) request: v1::ReadHistoryRequest,
    pub(super) reader: Reader,
    pub(super) nodes: Vec<Node>,
    /// What keeps nodes from being named.
    pub(super) troubles: Vec<String>,
}

impl Question {
    /// Runs until every node has answered or is found not to, the reader is gone, or the relay stops.
    pub(super) async fn ask(self, outlet: Answers, end: End, stop: CancellationToken) {
        let Self {
            request,
            reader,
            nodes,
            troubles,
        } = self;
        let mut asking = JoinSet::new();
        for node in nodes {
            asking.spawn(ask_node(node, request, outlet.clone()));
        }
        let all = async {
            if !troubles.is_empty() {
                answer(&outlet, OTHERS, Item::Missing(troubles.join("; "))).await?;
            }
            while let Some(asked) = asking.join_next().await {
                asked.unwrap_or(Err(Gone))?;
            }
            Ok(())
        };
        tokio::select! {
            all = all => match all {
                Ok(()) => end.with(Ok(())),
                // Nobody is there to be told; or a task failed, and the end that is dropped says so.
                Err(Gone) => drop(end),
            },
            status = reader.revoked() => end.with(Err(status)),
            status = outlet.stalled() => end.with(Err(status)),
            () = stop.cancelled() => end.with(Err(Status::unavailable("the relay is stopping"))),
            () = outlet.closed() => {}
        }
    }
}

async fn ask_node(
    node: Node,
    request: v1::ReadHistoryRequest,
    outlet: Answers,
) -> Result<(), Gone> {
    let missing = match node.client {
        Some(client) => pass_on(&node.name, client, request, &outlet).await?,
        None => Some(node.message),
    };
    match missing {
        Some(why) => answer(&outlet, &node.name, Item::Missing(why)).await,
        None => Ok(()),
    }
}

/// Passes on what an agent says. Why it did not say everything, where it did not.
async fn pass_on(
    name: &str,
    mut client: Client,
    request: v1::ReadHistoryRequest,
    outlet: &Answers,
) -> Result<Option<String>, Gone> {
    let silent = || format!("says nothing for {} s", PATIENCE.as_secs());
    let mut stream = match timeout(PATIENCE, client.read_history(request)).await {
        Ok(Ok(response)) => response.into_inner(),
        Ok(Err(status)) => return Ok(Some(trouble(&status))),
        Err(_) => return Ok(Some(silent())),
    };
    loop {
        let item = match timeout(PATIENCE, stream.message()).await {
            Ok(Ok(Some(response))) => response.item,
            Ok(Ok(None)) => return Ok(None),
            Ok(Err(status)) => return Ok(Some(trouble(&status))),
            Err(_) => return Ok(Some(silent())),
        };
        match item {
            // Under the name by which the relay knows it, as in every other answer.
            Some(lines @ Item::Lines(_)) => answer(outlet, name, lines).await?,
            Some(Item::Missing(_)) => {
                return Ok(Some(
                    "what listens there is a relay, not an agent".to_owned(),
                ));
            }
            None => {}
        }
    }
}

async fn answer(outlet: &Answers, node: &str, item: Item) -> Result<(), Gone> {
    let response = v1::ReadHistoryResponse {
        node: node.to_owned(),
        item: Some(item),
    };
    outlet.send(response).await
}

fn trouble(status: &Status) -> String {
    match status.code() {
        Code::FailedPrecondition => status.message().to_owned(),
        Code::Unimplemented => {
            "its agent is of an older version, which remembers nothing".to_owned()
        }
        _ => of_status(status),
    }
}
