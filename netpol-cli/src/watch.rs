//! `flows watch` and `flows list`: asks, prints, and asks again where a connection breaks.
//!
//! ```text
//! connection ─► session ─► stream ─► printer ─► lines, screen or JSON
//!      ▲                     │          └─ seen   what was shown already
//!      └──── retry ◄─ gap ◄──┘ broken
//! ```

mod printer;
mod retry;
mod seen;

use std::io::{self, Write};

use jiff::Timestamp;
use netpol_api::{json::Time, v1::WatchFlowsRequest};
use tokio::signal;
use tonic::Code;

use crate::{
    args::{Namespaces, Watch},
    connection::Session,
    error::CliError,
};
use printer::Printer;
use retry::Retry;

/// Runs until the stream ends, or Ctrl-C.
pub(crate) async fn run(watch: Watch) -> Result<(), CliError> {
    let mut printer = Printer::new(&watch);
    let ended = tokio::select! {
        ended = stream(&watch, &mut printer) => ended,
        _ = signal::ctrl_c() => Ok(()),
    };
    if watch.request.follow && ended.is_ok() {
        // The last word of a run that ends well; a closed stderr changes nothing.
        let _ = writeln!(io::stderr(), "{}", printer.tally());
    }
    ended
}

/// How a stream ended.
enum End {
    /// As the server meant it.
    Over,
    /// The way to the server, or the server: another attempt may succeed.
    Broken(CliError),
    /// For a reason that stays.
    Failed(CliError),
}

async fn stream(watch: &Watch, printer: &mut Printer) -> Result<(), CliError> {
    let mut session = open(watch).await?;
    let mut request = watch.request.clone();
    if let (Namespaces::OfContext, Some(namespace)) = (&watch.namespaces, &session.namespace) {
        let filter = request.filter.get_or_insert_default();
        let end = filter.any_end.get_or_insert_default();
        end.namespace.push(namespace.clone());
        session.announce(Some(namespace));
    } else {
        session.announce(None);
    }
    let mut retry = Retry::new(request.follow && watch.connection.is_network());
    loop {
        let broken = match follow(&mut session, &request, printer, &mut retry).await {
            End::Over => return Ok(()),
            End::Failed(error) => return Err(error),
            End::Broken(error) => error,
        };
        let since = Timestamp::now();
        session = again(watch, broken, printer, &mut retry).await?;
        let from = printer.catch_up(since);
        request.since = Some(Time(from).into());
        request.last = Some(u64::MAX);
    }
}

/// Connects again, as often as is bearable, or gives up with the last error.
async fn again(
    watch: &Watch,
    mut error: CliError,
    printer: &mut Printer,
    retry: &mut Retry,
) -> Result<Session, CliError> {
    let broken = Timestamp::now();
    let Some(mut delay) = retry.next() else {
        return Err(error);
    };
    let sentence = format!("{error}; connecting again");
    printer
        .notice("! GAP", &sentence)
        .map_err(CliError::Output)?;
    loop {
        tokio::time::sleep(delay).await;
        error = match open(watch).await {
            Ok(session) => {
                let seconds = Timestamp::now().duration_since(broken).as_secs();
                let sentence = format!(
                    "connected to {} after {seconds} s; what was kept meanwhile follows",
                    session.server
                );
                printer
                    .notice("  BACK", &sentence)
                    .map_err(CliError::Output)?;
                return Ok(session);
            }
            Err(error) => error,
        };
        delay = match retry.next() {
            Some(delay) => delay,
            None => return Err(error),
        };
    }
}

async fn open(watch: &Watch) -> Result<Session, CliError> {
    let namespaces = match &watch.namespaces {
        Namespaces::OfContext => None,
        Namespaces::All => Some([].as_slice()),
        Namespaces::Named(names) => Some(names.as_slice()),
    };
    watch
        .connection
        .open(namespaces, one_node(&watch.request))
        .await
}

/// The node whose flows alone are asked for.
fn one_node(request: &WatchFlowsRequest) -> Option<&str> {
    match request.filter.as_ref()?.node.as_slice() {
        [node] if !node.contains('*') => Some(node),
        _ => None,
    }
}

/// Prints a stream to its end.
async fn follow(
    session: &mut Session,
    request: &WatchFlowsRequest,
    printer: &mut Printer,
    retry: &mut Retry,
) -> End {
    let mut stream = match session.client.watch_flows(request.clone()).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            let error = session.call_failed(&status);
            return match status.code() {
                Code::Unavailable if retry.has_begun() => End::Broken(error),
                _ => End::Failed(error),
            };
        }
    };
    loop {
        match stream.message().await {
            Ok(Some(item)) => {
                retry.succeeded();
                if let Err(error) = printer.item(&item) {
                    return End::Failed(CliError::Output(error));
                }
            }
            Ok(None) if retry.is_allowed() => return End::Broken(session.stream_over()),
            Ok(None) => return End::Over,
            Err(status) => {
                let error = session.stream_failed(&status);
                return match status.code() {
                    // Rights do not come back by asking again; a token that has expired is replaced.
                    Code::PermissionDenied | Code::InvalidArgument | Code::Unimplemented => {
                        End::Failed(error)
                    }
                    _ => End::Broken(error),
                };
            }
        }
    }
}
