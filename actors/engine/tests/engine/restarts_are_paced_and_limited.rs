use crate::line::Line;
use crate::testkit::{id, in_virtual_time};
use millrace_engine::{Exit, State};
use std::{sync::atomic::Ordering::SeqCst, time::Duration};

#[test]
fn too_many_crashes_end_the_line() {
    in_virtual_time(|| async {
        let mut line = Line::start();
        for _ in 0..4 {
            line.port.post(line.acks.envelope(13, 13));
            line.acks.outcomes(1).await;
        }
        let end = line.supervision.ended().await;
        assert_eq!(end, Exit::GaveUp(id("double", 0)));
        assert_eq!(
            line.supervision.actors().entries()[&id("double", 0)].state,
            State::GaveUp
        );
        assert!(line.drain.is_ordered(), "what can be drained is drained");
    });
}

#[test]
fn outages_never_end_it() {
    in_virtual_time(|| async {
        let mut line = Line::start();
        line.script.stage_outages.store(100, SeqCst);
        line.acks.post_all([1], &line.port);
        line.acks.outcomes(1).await;
        let ended = tokio::time::timeout(Duration::from_secs(1), line.supervision.ended()).await;
        assert!(ended.is_err(), "{ended:?}");
        assert_eq!(
            line.supervision.actors().entries()[&id("double", 0)].restarts["outage"],
            100
        );
    });
}
