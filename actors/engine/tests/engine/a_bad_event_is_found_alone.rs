use crate::line::Line;
use crate::testkit::in_virtual_time;
use millrace_engine::Outcome;
use std::time::Duration;

#[test]
fn a_write_that_blames_a_row_is_tried_event_by_event() {
    in_virtual_time(|| async {
        let mut line = Line::start();
        *line.script.write_takes.lock().unwrap() = Duration::from_secs(1);
        line.acks.post_all([1, 2, 10, 3, 5], &line.port); // 10 becomes the 20 that the sink refuses
        let outcomes = line.acks.outcomes(5).await;
        assert_eq!(
            outcomes[&10],
            Outcome::DeadLetter {
                reason: "twenty",
                detail: "it is twenty".to_owned()
            }
        );
        assert_eq!(line.script.written(), [2, 4, 6, 10]);
        let writes = line.script.writes.lock().unwrap();
        assert!(writes.iter().skip(1).all(|write| write.len() == 1), "{writes:?}");
    });
}

#[test]
fn after_the_search_writes_are_shared_again() {
    in_virtual_time(|| async {
        let mut line = Line::start();
        *line.script.write_takes.lock().unwrap() = Duration::from_secs(1);
        line.acks.post_all([1, 2, 10], &line.port);
        line.acks.outcomes(3).await;
        line.script.writes.lock().unwrap().clear();
        line.acks.post_all(30..40, &line.port);
        line.acks.outcomes(10).await;
        assert!(
            line.script
                .writes
                .lock()
                .unwrap()
                .iter()
                .any(|write| write.len() > 1)
        );
    });
}
