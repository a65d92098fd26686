use crate::pipeline::Pipeline;
use crate::testkit::{id, in_virtual_time};
use millrace_engine::{Outcome, State};
use std::{sync::atomic::Ordering::SeqCst, time::Duration};
use tokio::time::Instant;

#[test]
fn the_stage_is_rebuilt_and_its_neighbours_arrive() {
    in_virtual_time(|| async {
        let mut pipeline = Pipeline::start();
        let start = Instant::now();
        pipeline.acks.post_all([1, 13, 2, 3], &pipeline.port);
        let outcomes = pipeline.acks.outcomes(4).await;
        assert!(
            matches!(&outcomes[&13], Outcome::Retry { cause: "panic", detail, charged: true, .. } if detail.contains("thirteen"))
        );
        assert_eq!(
            pipeline.script.written(),
            [2, 4, 6],
            "the three neighbours were written"
        );
        assert_eq!(pipeline.script.builds.load(SeqCst), 2, "built, and rebuilt once");
        assert!(
            start.elapsed() >= Duration::from_millis(500),
            "the restart waited for its backoff"
        );
        let entry = &pipeline.supervision.actors().entries()[&id("double", 0)];
        assert_eq!((entry.state, entry.restarts["panic"]), (State::Up, 1));
    });
}

#[test]
fn a_panic_in_a_write_of_many_charges_only_its_cause() {
    in_virtual_time(|| async {
        let mut pipeline = Pipeline::start();
        *pipeline.script.write_takes.lock().unwrap() = Duration::from_secs(1);
        pipeline.acks.post_all([1, 2, 11, 3], &pipeline.port); // 11 becomes the 22 that the sink panics at
        let outcomes = pipeline.acks.outcomes(4).await;
        assert!(matches!(outcomes[&11], Outcome::Retry { cause: "panic", .. }));
        assert_eq!(
            outcomes
                .values()
                .filter(|outcome| **outcome == Outcome::Done)
                .count(),
            3
        );
        assert_eq!(pipeline.script.written(), [2, 4, 6]);
    });
}
