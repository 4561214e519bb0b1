//! A stream of answers whose end is always told: a reader never takes a stream that broke off for one that is complete.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tokio_stream::Stream;
use tonic::Status;

/// A reader that takes nothing for so long is not waited for any more. Measured coarsely: up to twice as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The reader went away.
#[derive(Debug, thiserror::Error)]
#[error("the reader went away")]
pub struct Gone;

/// Where answers are put. Clones put them into the same stream.
#[derive(Debug)]
pub struct Outlet<T> {
    queue: mpsc::Sender<T>,
    sent: Arc<AtomicU64>,
}

impl<T> Clone for Outlet<T> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            sent: self.sent.clone(),
        }
    }
}

/// Ends the stream. Dropped without a word, it ends it with `INTERNAL`.
#[derive(Debug)]
pub struct End(oneshot::Sender<Result<(), Status>>);

/// What the transport reads.
#[derive(Debug)]
pub struct Answers<T> {
    queue: mpsc::Receiver<T>,
    /// `None` once the end is known.
    end: Option<oneshot::Receiver<Result<(), Status>>>,
}

/// A stream in which so many answers wait for the reader.
#[must_use]
pub fn outlet<T>(room: usize) -> (Outlet<T>, End, Answers<T>) {
    let (sender, receiver) = mpsc::channel(room);
    let (end, ended) = oneshot::channel();
    let outlet = Outlet {
        queue: sender,
        sent: Arc::default(),
    };
    let answers = Answers {
        queue: receiver,
        end: Some(ended),
    };
    (outlet, End(end), answers)
}

impl<T> Outlet<T> {
    /// Waits for room.
    ///
    /// # Errors
    /// The reader went away.
    pub async fn send(&self, answer: T) -> Result<(), Gone> {
        self.queue.send(answer).await.map_err(|_| Gone)?;
        self.sent.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Waits until the reader is gone.
    pub async fn closed(&self) {
        self.queue.closed().await;
    }

    /// Waits until the reader has taken nothing for a minute though there is something, and says with what to end.
    pub async fn stalled(&self) -> Status {
        loop {
            let before = self.sent.load(Ordering::Relaxed);
            sleep(PATIENCE).await;
            if self.queue.capacity() == 0 && self.sent.load(Ordering::Relaxed) == before {
                let seconds = PATIENCE.as_secs();
                return Status::deadline_exceeded(format!(
                    "the reader took nothing for {seconds} s"
                ));
            }
        }
    }
}

impl End {
    /// With `Ok` after what has been sent; with a status at once, whatever waits for the reader.
    pub fn with(self, end: Result<(), Status>) {
        // The reader may have gone.
        let _ = self.0.send(end);
    }
}

impl<T> Stream for Answers<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(end) = &mut self.end
            && let Poll::Ready(end) = Pin::new(end).poll(context)
        {
            self.end = None;
            let end = end.unwrap_or_else(|_| Err(Status::internal("the server broke off")));
            if let Err(status) = end {
                self.queue.close();
                while self.queue.try_recv().is_ok() {}
                return Poll::Ready(Some(Err(status)));
            }
        }
        match ready!(self.queue.poll_recv(context)) {
            Some(answer) => Poll::Ready(Some(Ok(answer))),
            // All senders are gone: complete only if that was said.
            None if self.end.is_none() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use tonic::Code;

    use super::*;

    #[tokio::test]
    async fn what_was_sent_comes_before_a_good_end() {
        let (outlet, end, answers) = outlet(4);
        outlet.send(1).await.unwrap();
        outlet.send(2).await.unwrap();
        drop(outlet);
        end.with(Ok(()));
        let all: Vec<_> = answers.map(Result::unwrap).collect().await;
        assert_eq!(all, [1, 2]);
    }

    #[tokio::test]
    async fn a_stream_that_is_dropped_is_not_complete() {
        let (outlet, end, mut answers) = outlet(4);
        outlet.send(1).await.unwrap();
        assert_eq!(answers.next().await.unwrap().unwrap(), 1);
        drop((outlet, end));
        let status = answers.next().await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert!(answers.next().await.is_none());
    }

    #[tokio::test]
    async fn the_end_is_waited_for_after_the_last_sender_went() {
        let (outlet, end, mut answers) = outlet::<u8>(4);
        drop(outlet);
        let next = tokio::spawn(async move { answers.next().await });
        tokio::task::yield_now().await;
        assert!(!next.is_finished());
        end.with(Err(Status::unavailable("stopping")));
        let status = next.await.unwrap().unwrap().unwrap_err();
        assert_eq!(status.message(), "stopping");
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_not_waited_for_and_who_is_slow_is() {
        let (outlet, _end, mut answers) = outlet(1);
        let slow = async {
            for number in 0..20 {
                sleep(Duration::from_secs(30)).await;
                assert_eq!(answers.next().await.unwrap().unwrap(), number);
            }
        };
        let sending = async {
            for number in 0.. {
                if outlet.send(number).await.is_err() {
                    break;
                }
            }
        };
        let began = tokio::time::Instant::now();
        let stalled = async {
            tokio::select! {
                () = sending => panic!("the reader is there"),
                status = outlet.stalled() => status,
            }
        };
        let ((), status) = tokio::join!(slow, stalled);
        assert_eq!(status.code(), Code::DeadlineExceeded);
        let took = began.elapsed();
        assert!(took > Duration::from_secs(30 * 20 + 60), "{took:?}");
        assert!(took <= Duration::from_secs(30 * 20 + 120), "{took:?}");
    }
}
