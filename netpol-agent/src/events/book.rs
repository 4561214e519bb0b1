//! What has been told already, and how much may be told: one series for each key, limits for each pod and for the node.
//!
//! ```text
//! blocked connection ─► known key? ── no ──► new series ──► tokens left? ── yes ──► notice: create
//!                          │ yes                                │ no: at a later tick
//!                       count it ── half a window later, with tokens ─────────────► notice: count so far
//!                          └─ no connection for a window: the series is over
//! ```
//!
//! Memory is bounded by series; reads no clock.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use super::blocked::{Blocked, Key, PodKey};
use super::bucket::{Bucket, Rate};

/// Series at once, at less than a kilobyte each.
const MOST_SERIES: usize = 4096;
/// Series of one pod at once: one that tries every port leaves room for others.
const MOST_OF_POD: usize = 32;

/// What a pod may have told, and what the node may tell of all of them: an API server has to take it from every node.
const POD_RATE: Rate = Rate {
    burst: 5,
    every: Duration::from_secs(60),
};
const NODE_RATE: Rate = Rate {
    burst: 30,
    every: Duration::from_secs(5),
};

/// Something to tell now.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    /// The connection that began the series.
    pub(super) blocked: Blocked,
    /// Connections so far, from 1.
    pub(super) count: u32,
    /// When the first packet of the latest one was seen.
    pub(super) last: SystemTime,
}

/// Every series that is not over.
pub(super) struct Book {
    window: Duration,
    series: HashMap<Key, Series>,
    pods: HashMap<PodKey, OfPod>,
    node: Bucket,
    limited: u64,
}

struct Series {
    blocked: Blocked,
    count: u32,
    last: SystemTime,
    /// When the latest connection was taken in.
    taken: Instant,
    began: Instant,
    /// How many were told, and when.
    told: Option<(u32, Instant)>,
}

struct OfPod {
    series: usize,
    bucket: Bucket,
}

impl Book {
    /// Nothing has been told. A series is over after `window` without a connection.
    pub(super) fn new(window: Duration, now: Instant) -> Self {
        Self {
            window,
            series: HashMap::new(),
            pods: HashMap::new(),
            node: Bucket::full(NODE_RATE, now),
            limited: 0,
        }
    }

    /// Takes a blocked connection in, and says what to tell of it at once.
    pub(super) fn take(&mut self, blocked: Blocked, now: Instant) -> Option<Notice> {
        if let Some(series) = self.series.get_mut(&blocked.key) {
            series.count = series.count.saturating_add(1);
            series.last = series.last.max(blocked.seen);
            series.taken = now;
            return None;
        }
        let pod = self.pods.entry(blocked.key.pod.clone()).or_insert(OfPod {
            series: 0,
            bucket: Bucket::full(POD_RATE, now),
        });
        if self.series.len() >= MOST_SERIES || pod.series >= MOST_OF_POD {
            self.limited += 1;
            return None;
        }
        pod.series += 1;
        let mut series = Series {
            count: 1,
            last: blocked.seen,
            taken: now,
            began: now,
            told: None,
            blocked,
        };
        let notice = series.notice(&mut pod.bucket, &mut self.node, now);
        self.series.insert(series.blocked.key.clone(), series);
        notice
    }

    /// Says what is due by now, what waited longest first, and forgets what is over.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<Notice> {
        let (window, limited, pods) = (self.window, &mut self.limited, &mut self.pods);
        self.series.retain(|key, series| {
            let is_over = now.duration_since(series.taken) >= window;
            if is_over {
                *limited += u64::from(series.told.is_none());
                if let Some(pod) = pods.get_mut(&key.pod) {
                    pod.series -= 1;
                }
            }
            !is_over
        });
        let mut due: Vec<&mut Series> = self
            .series
            .values_mut()
            .filter(|series| series.is_due(window / 2, now))
            .collect();
        due.sort_by_key(|series| series.told.map_or(series.began, |(_, at)| at));
        let notices = due.into_iter().filter_map(|series| {
            let pod = pods.get_mut(&series.blocked.key.pod)?;
            series.notice(&mut pod.bucket, &mut self.node, now)
        });
        let notices = notices.collect();
        pods.retain(|_, pod| pod.series > 0 || !pod.bucket.is_full(now));
        notices
    }

    /// How much could not be told since this was last asked: series, and connections that found no room for one.
    pub(super) fn take_limited(&mut self) -> u64 {
        std::mem::take(&mut self.limited)
    }
}

impl Series {
    fn is_due(&self, pause: Duration, now: Instant) -> bool {
        match self.told {
            None => true,
            Some((count, at)) => self.count > count && now.duration_since(at) >= pause,
        }
    }

    /// What to tell of it, as far as the limits let it: a pod's is about series, the node's about requests.
    fn notice(&mut self, pod: &mut Bucket, node: &mut Bucket, now: Instant) -> Option<Notice> {
        let is_new = self.told.is_none();
        if (is_new && !pod.has_one(now)) || !node.take(now) {
            return None;
        }
        if is_new {
            pod.take(now);
        }
        self.told = Some((self.count, now));
        Some(Notice {
            blocked: self.blocked.clone(),
            count: self.count,
            last: self.last,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::testing::{NODE, blocked_flow};

    const WINDOW: Duration = Duration::from_secs(600);

    struct Scene {
        book: Book,
        start: Instant,
    }

    impl Scene {
        fn new() -> Self {
            let start = Instant::now();
            Self {
                book: Book::new(WINDOW, start),
                start,
            }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        /// A connection of this pod to this port.
        fn take(&mut self, seconds: u64, pod: &str, port: u16) -> Option<u32> {
            let mut flow = blocked_flow(1);
            flow.destination.port = port;
            let mut blocked = Blocked::of(&flow, NODE).unwrap();
            blocked.key.pod = PodKey::named(pod);
            let now = self.at(seconds);
            self.book.take(blocked, now).map(|notice| notice.count)
        }

        fn tick(&mut self, seconds: u64) -> Vec<u32> {
            let now = self.at(seconds);
            let notices = self.book.tick(now).into_iter();
            notices.map(|notice| notice.count).collect()
        }
    }

    #[test]
    fn a_series_is_told_at_once_and_counted_until_half_a_window_later() {
        let mut scene = Scene::new();
        assert_eq!(scene.take(0, "db", 80), Some(1));
        for second in 1..100 {
            assert_eq!(scene.take(second, "db", 80), None);
        }
        assert_eq!(scene.tick(299), Vec::<u32>::new());
        assert_eq!(scene.tick(300), [100]);
        // Nothing more, nothing to tell.
        assert_eq!(scene.tick(650), Vec::<u32>::new());
    }

    #[test]
    fn a_series_ends_after_a_window_without_a_connection() {
        let mut scene = Scene::new();
        scene.take(0, "db", 80);
        scene.take(400, "db", 80);
        assert_eq!(scene.tick(999), [2]);
        assert_eq!(scene.tick(1000), Vec::<u32>::new());
        assert!(scene.book.series.is_empty() && scene.book.pods.is_empty());
        assert_eq!(scene.take(1001, "db", 80), Some(1));
    }

    #[test]
    fn a_pod_has_its_limit_and_leaves_others_theirs() {
        let mut scene = Scene::new();
        let told = (1..=100).filter_map(|port| scene.take(0, "db", port));
        assert_eq!(told.count(), 5);
        assert_eq!(scene.take(0, "web", 80), Some(1));
        // Those that had to wait are told later, one a minute.
        assert_eq!(scene.tick(59), Vec::<u32>::new());
        assert_eq!(scene.tick(60), [1]);
        assert_eq!(scene.tick(61), Vec::<u32>::new());
        // Of 100, 32 had room; of these 5 and 1 were told in time.
        assert_eq!(scene.book.take_limited(), 68);
        scene.tick(700);
        assert_eq!(scene.book.take_limited(), 26);
        assert_eq!(scene.book.take_limited(), 0);
    }

    #[test]
    fn the_node_has_its_limit() {
        let mut scene = Scene::new();
        let told = (0..100).filter_map(|pod| scene.take(0, &format!("pod-{pod}"), 80));
        assert_eq!(told.count(), 30);
        assert_eq!(scene.tick(5).len(), 1);
        assert_eq!(scene.tick(50).len(), 9);
    }

    #[test]
    fn memory_is_bounded() {
        let mut scene = Scene::new();
        for pod in 0..MOST_SERIES + 100 {
            scene.take(0, &format!("pod-{pod}"), 80);
        }
        assert_eq!(scene.book.series.len(), MOST_SERIES);
        assert_eq!(scene.book.take_limited(), 100);
        scene.tick(601);
        assert!(scene.book.series.is_empty() && scene.book.pods.is_empty());
    }
}
