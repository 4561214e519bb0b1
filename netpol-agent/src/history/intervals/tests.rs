use super::*;

/// Clocks that can be moved apart.
struct Clocks {
    started: Instant,
    wall: u64,
    boottime: u64,
    awake: u64,
    intervals: Intervals,
    lost: u64,
    unwatched: usize,
}

impl Clocks {
    fn new(wall: u64) -> Self {
        Self {
            started: Instant::now(),
            wall,
            boottime: 100,
            awake: 100,
            intervals: Intervals::default(),
            lost: 0,
            unwatched: 0,
        }
    }

    fn watch(&mut self) {
        let now = Moment {
            wall: at(self.wall),
            boottime: Duration::from_secs(self.boottime),
            monotonic: self.started + Duration::from_secs(self.awake),
        };
        let lost = Lost {
            stage: Stage::Kernel,
            reason: "ring_full",
            count: self.lost,
            time: now.wall,
        };
        let elsewhere = Lost {
            stage: Stage::Subscriber,
            ..lost.clone()
        };
        let lost = vec![lost, elsewhere];
        self.intervals.watch(now, lost, self.unwatched);
    }

    fn go_on(&mut self, seconds: u64) {
        for _ in 0..seconds {
            (self.wall, self.boottime, self.awake) =
                (self.wall + 1, self.boottime + 1, self.awake + 1);
            self.watch();
        }
    }

    fn told(&self) -> Vec<(u64, u64, u64)> {
        let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let all = self.intervals.all().into_iter();
        all.map(|one| {
            let lost = one.losses.iter().map(|loss| loss.count).sum();
            (seconds(one.from), seconds(one.until), lost)
        })
        .collect()
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn an_interval_grows_with_what_was_lost_in_it() {
    let mut clocks = Clocks::new(1000);
    clocks.lost = 7;
    clocks.watch();
    clocks.go_on(5);
    assert_eq!(clocks.told(), [(1000, 1005, 0)]);
    clocks.lost = 9;
    clocks.go_on(5);
    assert_eq!(clocks.told(), [(1000, 1010, 2)]);
    assert_eq!(&*clocks.intervals.all()[0].losses[0].stage, "kernel");
}

#[test]
fn an_interface_that_could_not_be_watched_stays_a_loss_of_its_interval() {
    let mut clocks = Clocks::new(1000);
    clocks.watch();
    for unwatched in [2, 1, 0] {
        clocks.unwatched = unwatched;
        clocks.go_on(1);
    }
    let losses = clocks.intervals.all().remove(0).losses;
    assert_eq!(losses.len(), 1);
    let loss = &losses[0];
    assert_eq!((&*loss.reason, loss.count), ("interfaces_not_watched", 2));
}

#[test]
fn a_clock_that_is_set_ends_one_and_begins_another() {
    let mut clocks = Clocks::new(1000);
    clocks.watch();
    clocks.go_on(10);
    clocks.wall += 3600;
    clocks.go_on(10);
    assert_eq!(clocks.told(), [(1000, 1010, 0), (4611, 4620, 0)]);
    // And back, into the first: what was claimed of the time after it is taken back.
    clocks.wall = 1004;
    clocks.go_on(1);
    assert_eq!(clocks.told(), [(1000, 1005, 0), (1005, 1005, 0)]);
    clocks.go_on(100);
    assert_eq!(clocks.told(), [(1000, 1005, 0), (1005, 1105, 0)]);
}

#[test]
fn a_clock_that_is_wrong_for_a_while_costs_nothing_that_was_watched() {
    let mut clocks = Clocks::new(5000);
    clocks.watch();
    clocks.go_on(10);
    clocks.lost = 3;
    // Far behind, as at a start without a battery; then right again.
    clocks.wall = 1000;
    clocks.go_on(10);
    assert_eq!(clocks.told(), [(1001, 1010, 0)], "nothing is told of later");
    clocks.wall = 5040;
    clocks.go_on(10);
    let told = [(1001, 1010, 0), (5000, 5010, 0), (5041, 5050, 0)];
    assert_eq!(clocks.told(), told);
    // A little behind: those that overlap are told as one.
    clocks.wall = 5005;
    clocks.go_on(2);
    clocks.lost = 5;
    clocks.go_on(2);
    assert_eq!(clocks.told()[1..], [(5000, 5006, 0), (5006, 5009, 2)]);
    clocks.wall = 5060;
    clocks.go_on(10);
    let told = [
        (1001, 1010, 0),
        (5000, 5010, 2),
        (5041, 5050, 0),
        (5061, 5070, 0),
    ];
    assert_eq!(clocks.told(), told);
}

#[test]
fn what_lies_after_a_clock_that_goes_on_steadily_is_forgotten() {
    let mut clocks = Clocks::new(5000);
    clocks.watch();
    clocks.go_on(10);
    clocks.wall = 1000;
    clocks.go_on(BELIEVED_AFTER.as_secs());
    assert!(!clocks.intervals.is_clock_believed());
    clocks.go_on(1);
    assert!(clocks.intervals.is_clock_believed());
    let told = [(1001, 1601, 0)];
    assert_eq!(clocks.told(), told);
    clocks.wall = 6000;
    clocks.go_on(1);
    assert!(!clocks.intervals.is_clock_believed());
    assert_eq!(clocks.told(), [told[0], (6001, 6001, 0)]);
}

#[test]
fn time_asleep_was_not_watched() {
    let mut clocks = Clocks::new(1000);
    clocks.watch();
    clocks.go_on(10);
    clocks.wall += 600;
    clocks.boottime += 600;
    clocks.go_on(10);
    assert_eq!(clocks.told(), [(1000, 1010, 0), (1611, 1620, 0)]);
}

#[test]
fn days_are_apart_and_losses_stay_with_theirs() {
    let mut clocks = Clocks::new(DAY - 10);
    clocks.watch();
    clocks.lost = 4;
    clocks.go_on(20);
    assert_eq!(clocks.told(), [(DAY - 10, DAY, 4), (DAY, DAY + 10, 0)]);
    clocks.intervals.forget_before(at(DAY + 1));
    assert_eq!(clocks.told(), [(DAY, DAY + 10, 0)]);
}

#[test]
fn what_the_store_claims_of_the_future_is_taken_back() {
    let interval = |from, until| Interval {
        from: at(from),
        until: at(until),
        losses: Vec::new(),
    };
    for is_late in [false, true] {
        let mut clocks = Clocks::new(1000);
        let load = |clocks: &mut Clocks| {
            for (from, until) in [(100, 200), (900, 1100), (1200, 1300)] {
                clocks.intervals.load(interval(from, until));
            }
        };
        if !is_late {
            load(&mut clocks);
        }
        clocks.watch();
        if is_late {
            load(&mut clocks);
        }
        clocks.go_on(5);
        let told = [(100, 200, 0), (900, 1000, 0), (1000, 1005, 0)];
        assert_eq!(clocks.told(), told, "{is_late}");
    }
}
