use crate::pipeline::Pipeline;
use crate::testkit::{id, in_virtual_time};
use millrace_engine::Outcome;
use std::{sync::atomic::Ordering::SeqCst, time::Duration};
use tokio::time::Instant;

#[test]
fn the_event_stays_first_in_line_and_is_charged_nothing() {
    in_virtual_time(|| async {
        let mut pipeline = Pipeline::start();
        pipeline.script.stage_outages.store(1, SeqCst);
        pipeline.acks.post_all([1, 2, 3], &pipeline.port);
        let outcomes = pipeline.acks.outcomes(3).await;
        assert!(
            outcomes.values().all(|outcome| *outcome == Outcome::Done),
            "{outcomes:?}"
        );
        assert_eq!(
            pipeline.script.writes.lock().unwrap().concat(),
            [2, 4, 6],
            "in order"
        );
    });
}

#[test]
fn in_a_long_outage_each_has_its_turn_and_none_is_charged() {
    in_virtual_time(|| async {
        let mut pipeline = Pipeline::start();
        pipeline.script.stage_outages.store(5, SeqCst);
        let start = Instant::now();
        pipeline.acks.post_all([1, 2, 3], &pipeline.port);
        let outcomes = pipeline.acks.outcomes(3).await;
        assert!(
            outcomes.values().all(|outcome| *outcome == Outcome::Done),
            "{outcomes:?}"
        );
        assert_eq!(pipeline.script.written(), [2, 4, 6]);
        assert!(
            start.elapsed() >= Duration::from_secs(10),
            "five waits that double from a second"
        );
        let entry = &pipeline.supervision.actors().entries()[&id("double", 0)];
        assert_eq!(entry.restarts["outage"], 5);
    });
}

#[test]
fn an_outage_of_a_write_holds_all_its_events() {
    in_virtual_time(|| async {
        let mut pipeline = Pipeline::start();
        pipeline.script.sink_outages.store(50, SeqCst);
        pipeline.acks.post_all(0..4, &pipeline.port);
        let outcome = tokio::time::timeout(Duration::from_secs(60), pipeline.acks.outcomes(1)).await;
        assert!(
            outcome.is_err(),
            "nothing is settled during the outage: {outcome:?}"
        );
        pipeline.script.sink_outages.store(0, SeqCst);
        pipeline.acks.post_all([9], &pipeline.port);
        let outcomes = pipeline.acks.outcomes(5).await;
        assert!(
            outcomes.values().all(|outcome| *outcome == Outcome::Done),
            "{outcomes:?}"
        );
        assert_eq!(pipeline.script.written(), [0, 2, 4, 6, 18]);
    });
}
