//! Bodies: written piece by piece, at the speed of the moment, and cut off when a scenario says so.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::shared::Shared;

type Piece = io::Result<Frame<Bytes>>;

/// Body of every answer.
pub(crate) type Body = StreamBody<ReceiverStream<Piece>>;

/// How often a slowed answer sends a piece.
const SLOW_TICK: Duration = Duration::from_millis(50);

/// The client has gone.
#[derive(Debug)]
pub(crate) struct Gone;

/// The writing end of a body. The body ends well when this is dropped.
#[derive(Debug)]
pub(crate) struct Writer {
    pieces: mpsc::Sender<Piece>,
    shared: Arc<Shared>,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>) -> (Self, Body) {
        let (pieces, receiver) = mpsc::channel(16);
        (
            Self { pieces, shared },
            StreamBody::new(ReceiverStream::new(receiver)),
        )
    }

    pub(crate) async fn write(&self, mut bytes: Bytes) -> Result<(), Gone> {
        while !bytes.is_empty() {
            self.shared.resumed().await;
            let speed = self.shared.state().faults.bytes_per_second;
            let piece = match speed {
                None => bytes.split_off(0),
                Some(speed) => {
                    tokio::time::sleep(SLOW_TICK).await;
                    let share = u128::from(speed.get()) * SLOW_TICK.as_millis() / 1000;
                    let share = usize::try_from(share).unwrap_or(usize::MAX);
                    bytes.split_to(share.clamp(1, bytes.len()))
                }
            };
            let sent = self.pieces.send(Ok(Frame::data(piece))).await;
            sent.map_err(|_| Gone)?;
        }
        Ok(())
    }

    /// Breaks the connection off in the middle of the body.
    pub(crate) async fn cut(self) {
        let error = io::Error::from(io::ErrorKind::ConnectionReset);
        // A client that has gone needs no cut.
        let _ = self.pieces.send(Err(error)).await;
    }

    /// Waits until the client has gone.
    pub(crate) async fn gone(&self) {
        self.pieces.closed().await;
    }
}
