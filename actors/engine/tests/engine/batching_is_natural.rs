use crate::pipeline::{POLICY, Script, limits, start_sink};
use crate::testkit::{TestAcks, in_virtual_time, port_to};
use millrace_engine::{Drain, Supervision};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// Posts one message, then the rest while the first is being written.
async fn sizes_of_writes(messages: usize, rows: usize, rest: u64) -> Vec<usize> {
    let supervision = Supervision::start("test", POLICY, Drain::default());
    let script = Arc::new(Script::default());
    *script.write_takes.lock().unwrap() = Duration::from_secs(1);
    let port = port_to(start_sink(&supervision, &script, limits(messages, rows)));
    let mut acks = TestAcks::default();
    acks.post_all(100..101 + rest, &port);
    acks.outcomes(rest as usize + 1).await;
    script.writes.lock().unwrap().iter().map(Vec::len).collect()
}

#[test]
fn what_gathers_during_a_write_is_written_together() {
    in_virtual_time(|| async {
        let sizes = sizes_of_writes(100, 1_000, 9).await;
        assert_eq!(sizes.iter().sum::<usize>(), 10);
        assert!(sizes.len() <= 2, "{sizes:?}");
    });
}

#[test]
fn a_write_stays_within_its_limits() {
    in_virtual_time(|| async {
        let by_messages = sizes_of_writes(4, 1_000, 9).await;
        assert!(by_messages.iter().all(|size| *size <= 4), "{by_messages:?}");
        let by_rows = sizes_of_writes(100, 3, 9).await;
        assert!(by_rows.iter().all(|size| *size <= 3), "{by_rows:?}");
    });
}

#[test]
fn a_single_message_never_waits_for_others() {
    in_virtual_time(|| async {
        let supervision = Supervision::start("test", POLICY, Drain::default());
        let script = Arc::new(Script::default());
        let port = port_to(start_sink(&supervision, &script, limits(100, 1_000)));
        let mut acks = TestAcks::default();
        let start = Instant::now();
        acks.post_all([1], &port);
        acks.outcomes(1).await;
        assert!(
            start.elapsed() < Duration::from_millis(10),
            "{:?}",
            start.elapsed()
        );
    });
}

#[test]
fn a_message_heavier_than_the_limit_is_written_alone() {
    in_virtual_time(|| async {
        let sizes = sizes_of_writes(100, 0, 3).await;
        assert_eq!(sizes, [1, 1, 1, 1]);
    });
}
