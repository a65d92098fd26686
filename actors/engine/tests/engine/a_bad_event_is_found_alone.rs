use crate::pipeline::Pipeline;
use crate::testkit::in_virtual_time;
use millrace_engine::Outcome;
use std::time::Duration;

#[test]
fn a_write_that_blames_a_row_is_tried_event_by_event() {
    in_virtual_time(|| async {
        let mut pipeline = Pipeline::start();
        *pipeline.script.write_takes.lock().unwrap() = Duration::from_secs(1);
        pipeline.acks.post_all([1, 2, 10, 3, 5], &pipeline.port); // 10 becomes the 20 that the sink refuses
        let outcomes = pipeline.acks.outcomes(5).await;
        assert_eq!(
            outcomes[&10],
            Outcome::DeadLetter {
                reason: "twenty",
                detail: "it is twenty".to_owned()
            }
        );
        assert_eq!(pipeline.script.written(), [2, 4, 6, 10]);
        let writes = pipeline.script.writes.lock().unwrap();
        assert!(writes.iter().skip(1).all(|write| write.len() == 1), "{writes:?}");
    });
}

#[test]
fn after_the_search_writes_are_shared_again() {
    in_virtual_time(|| async {
        let mut pipeline = Pipeline::start();
        *pipeline.script.write_takes.lock().unwrap() = Duration::from_secs(1);
        pipeline.acks.post_all([1, 2, 10], &pipeline.port);
        pipeline.acks.outcomes(3).await;
        pipeline.script.writes.lock().unwrap().clear();
        pipeline.acks.post_all(30..40, &pipeline.port);
        pipeline.acks.outcomes(10).await;
        assert!(
            pipeline
                .script
                .writes
                .lock()
                .unwrap()
                .iter()
                .any(|write| write.len() > 1)
        );
    });
}
