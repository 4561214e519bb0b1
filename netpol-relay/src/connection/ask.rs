//! An agent is asked how it is.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use netpol_api::v1::{GetStatusRequest, GetStatusResponse};
use tokio::time::timeout;

use super::dial::Client;
use super::trouble::of_status;
use crate::nodes::{Answer, Clock};

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct NoAnswer {
    /// In plain words.
    pub(crate) message: String,
    /// Nothing was heard, which may pass; anything else is for good.
    pub(crate) is_silence: bool,
}

/// Asks an agent for its status, and compares clocks.
pub(crate) async fn ask(mut client: Client, patience: Duration) -> Result<Answer, NoAnswer> {
    let (asked, since) = (SystemTime::now(), Instant::now());
    let answer = timeout(patience, client.get_status(GetStatusRequest {})).await;
    let took = since.elapsed();
    match answer {
        Ok(Ok(response)) => Ok(read(response.into_inner(), asked, took)),
        Ok(Err(status)) => Err(NoAnswer {
            message: of_status(&status),
            is_silence: false,
        }),
        Err(_) => Err(NoAnswer {
            message: format!(
                "accepts connections and does not answer within {} s",
                patience.as_secs()
            ),
            is_silence: true,
        }),
    }
}

fn read(status: GetStatusResponse, asked: SystemTime, took: Duration) -> Answer {
    let theirs = status.time.and_then(|time| SystemTime::try_from(time).ok());
    Answer {
        clock: theirs.map(|theirs| Clock::compare(theirs, asked, took)),
        status: Arc::new(status),
        heard: Instant::now(),
    }
}
