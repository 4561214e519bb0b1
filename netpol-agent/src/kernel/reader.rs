//! Drains the ring buffer. Never waits for anybody: what the pipeline has no room for is counted and told of.

use std::os::fd::AsFd as _;
use std::thread;
use std::time::{Duration, Instant};

use aya::maps::{MapData, RingBuf};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::sync::CancellationToken;

use super::decode::decode;
use super::observation::Observation;

/// The kernel side wakes the reader when much is waiting; what waits less long than this is fetched unasked.
const TICK_MILLISECONDS: u16 = 20;
/// How often a lasting fault is written to the log.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Starts the reading thread.
///
/// # Errors
/// No thread could be made.
pub(super) fn start(
    ring: RingBuf<MapData>,
    observations: mpsc::Sender<Observation>,
    stop: CancellationToken,
) -> std::io::Result<thread::JoinHandle<()>> {
    let reader = Reader {
        observations,
        queue_full: 0,
        malformed: 0,
        logged: None,
    };
    thread::Builder::new()
        .name("ring-reader".to_owned())
        .spawn(move || reader.run(ring, &stop))
}

struct Reader {
    observations: mpsc::Sender<Observation>,
    /// Lost and not yet told of.
    queue_full: u64,
    malformed: u64,
    logged: Option<Instant>,
}

impl Reader {
    fn run(mut self, mut ring: RingBuf<MapData>, stop: &CancellationToken) {
        loop {
            // Looked at first: what is in the ring by the time of the stop is passed on.
            let is_last = stop.is_cancelled() || self.observations.is_closed();
            if !is_last {
                let mut waiting = [PollFd::new(ring.as_fd(), PollFlags::POLLIN)];
                // Interrupted or timed out: look all the same.
                let _ = poll(&mut waiting, PollTimeout::from(TICK_MILLISECONDS));
            }
            while let Some(record) = ring.next() {
                self.pass_on(&record);
            }
            self.tell_losses();
            if is_last {
                return;
            }
        }
    }

    fn pass_on(&mut self, record: &[u8]) {
        match decode(record) {
            Ok(observation) => {
                if let Err(TrySendError::Full(_)) = self.observations.try_send(observation) {
                    self.queue_full += 1;
                }
            }
            Err(error) => {
                self.malformed += 1;
                if self
                    .logged
                    .is_none_or(|logged| logged.elapsed() > LOG_EVERY)
                {
                    tracing::warn!(%error, "a ring-buffer record was refused");
                    self.logged = Some(Instant::now());
                }
            }
        }
    }

    fn tell_losses(&mut self) {
        for (reason, lost) in [
            ("queue_full", &mut self.queue_full),
            ("record_malformed", &mut self.malformed),
        ] {
            if *lost > 0
                && self
                    .observations
                    .try_send(Observation::Lost {
                        reason,
                        count: *lost,
                    })
                    .is_ok()
            {
                *lost = 0;
            }
        }
    }
}
