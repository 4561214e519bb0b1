//! Connections that stay open: told to who follows them, without revisions.

use super::*;

const ADDRESS: &str = "192.0.2.1";
const PORT: u16 = 40_001;

impl Stage {
    /// A sweep finds the connection with so many packets in all.
    fn sweep(&mut self, packets: u64, last_seen: u64) {
        let dialled = tuple(PORT, ADDRESS);
        let key = FlowKey::new(&dialled, TCP, VETH);
        let mut state = FlowState {
            first_seen: SECOND,
            last_seen,
            flags: flow_flag::OPENING_SEEN | flow_flag::REPLY_SEEN | flow_flag::NEW_REPORTED,
            ..FlowState::default()
        };
        if key.low == dialled.source && key.low_port == dialled.source_port {
            state.flags |= flow_flag::POD_IS_LOW;
        }
        state.counters[0].packets = packets;
        state.counters[1].packets = 1;
        let (flows, drops) = (vec![(key, state)], Vec::new());
        self.pipeline
            .observe(Observation::Sweep { flows, drops }, last_seen);
        self.pipeline.tick(last_seen);
    }
}

#[test]
fn an_open_connection_is_told_of_once_a_minute_while_it_carries_anything() {
    let mut stage = Stage::new(Duration::ZERO);
    let mut open = stage.log.subscribe_open();
    stage.connect(PORT, ADDRESS, SECOND);
    assert_eq!(stage.told(2 * SECOND), [(1, "world".to_owned())]);
    stage.sweep(10, 30 * SECOND);
    assert!(open.try_recv().is_err());
    stage.sweep(20, 62 * SECOND);
    let told = open.try_recv().unwrap();
    let [progress] = told.as_ref() else {
        panic!("{told:?}")
    };
    assert_eq!(progress.forward.packets + progress.reply.packets, 21);
    assert_eq!(progress.last_seen, UNIX_EPOCH + Duration::from_secs(1062));
    // Silent since: it may be gone.
    stage.pipeline.tick(200 * SECOND);
    assert!(open.try_recv().is_err());
    stage.sweep(21, 300 * SECOND);
    assert_eq!(open.try_recv().unwrap().len(), 1);
    // It is no revision.
    assert_eq!(stage.told(301 * SECOND), [(1, "world".to_owned())]);
}
