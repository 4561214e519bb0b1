//! Brings Events to the API server, one after the other. It is waited for by nobody: what finds no room in its queue is
//! lost, and counted.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::core::Status;
use kube::{Client, Error};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::export::Export;
use crate::inventory::in_words;

/// Events that wait.
pub(super) const QUEUE: usize = 64;
/// How long the API server may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to leave it alone after it could not be reached, doubled each time up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why an Event was not taken.
enum Refusal {
    /// A permission is missing: of no use to try any of them soon.
    Forbidden(String),
    /// There is no answer, or one that says to come back later.
    Away(String),
    /// This Event alone is not taken: its namespace is going away, or it is not valid.
    Refused(String),
}

/// Posts what comes in, for as long as anything can come.
pub(super) async fn run(client: Client, mut queue: mpsc::Receiver<Event>, export: Arc<Export>) {
    let mut pause = PAUSE;
    while let Some(event) = queue.recv().await {
        let refusal = match post(&client, &event).await {
            Ok(()) => {
                export.wrote();
                pause = PAUSE;
                continue;
            }
            Err(refusal) => refusal,
        };
        let (reason, wait) = match refusal {
            Refusal::Forbidden(why) => {
                export.failed(why);
                ("events_forbidden", LONGEST_PAUSE)
            }
            Refusal::Away(why) => {
                export.failed(why);
                pause = (pause * 2).min(LONGEST_PAUSE);
                ("events_unreachable", pause / 2)
            }
            Refusal::Refused(why) => {
                tracing::debug!("an Event was refused: {why}");
                ("events_refused", Duration::ZERO)
            }
        };
        export.lost(reason, 1);
        sleep(wait).await;
    }
}

/// Creates an Event, or tells how its series goes on. Events are forgotten by the API server after a while, and an answer
/// may have been lost on its way: each is turned into the other where need be.
async fn post(client: &Client, event: &Event) -> Result<(), Refusal> {
    let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    if event.series.is_some() {
        match patch(&api, event).await {
            Err(Error::Api(status)) if status.code == 404 => {}
            answer => return answer.map_err(|error| Refusal::of(&error, "patch")),
        }
    }
    match create(&api, event).await {
        Err(Error::Api(status)) if status.code == 409 => {
            let is_there = Ok(());
            match event.series {
                Some(_) => patch(&api, event).await,
                None => is_there,
            }
            .map_err(|error| Refusal::of(&error, "patch"))
        }
        answer => answer.map_err(|error| Refusal::of(&error, "create")),
    }
}

async fn create(api: &Api<Event>, event: &Event) -> Result<(), Error> {
    let parameters = PostParams::default();
    in_time(api.create(&parameters, event)).await.map(drop)
}

/// The rest of an Event never changes.
async fn patch(api: &Api<Event>, event: &Event) -> Result<(), Error> {
    let name = event.metadata.name.as_deref().unwrap_or_default();
    let series = Patch::Merge(json!({ "series": event.series }));
    let parameters = PatchParams::default();
    in_time(api.patch(name, &parameters, &series))
        .await
        .map(drop)
}

async fn in_time<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = |_| {
        Err(Error::Service(
            std::io::Error::from(std::io::ErrorKind::TimedOut).into(),
        ))
    };
    timeout(PATIENCE, answer).await.unwrap_or_else(late)
}

impl Refusal {
    fn of(error: &Error, verb: &str) -> Self {
        match error {
            Error::Api(status) if status.code == 403 => {
                if is_going(status) {
                    Self::Refused(status.message.clone())
                } else {
                    Self::Forbidden(format!(
                        "needs {verb} on events.events.k8s.io (403 Forbidden)"
                    ))
                }
            }
            Error::Api(status) if matches!(status.code, 400 | 404 | 409 | 413 | 422) => {
                Self::Refused(format!("{}: {}", status.code, status.message))
            }
            error => Self::Away(in_words(error)),
        }
    }
}

/// Whether nothing is created any more in a namespace that is being deleted.
fn is_going(status: &Status) -> bool {
    let details = status.details.iter();
    details
        .flat_map(|details| &details.causes)
        .any(|cause| cause.reason == "NamespaceTerminating")
}
