use crate::pipeline::Pipeline;
use crate::testkit::{id, in_virtual_time};
use millrace_engine::{Exit, State};
use std::{sync::atomic::Ordering::SeqCst, time::Duration};

#[test]
fn too_many_crashes_end_the_pipeline() {
    in_virtual_time(|| async {
        let mut pipeline = Pipeline::start();
        for _ in 0..4 {
            pipeline.port.post(pipeline.acks.envelope(13, 13));
            pipeline.acks.outcomes(1).await;
        }
        let end = pipeline.supervision.ended().await;
        assert_eq!(end, Exit::GaveUp(id("double", 0)));
        assert_eq!(
            pipeline.supervision.actors().entries()[&id("double", 0)].state,
            State::GaveUp
        );
        assert!(pipeline.drain.is_ordered(), "what can be drained is drained");
    });
}

#[test]
fn outages_never_end_it() {
    in_virtual_time(|| async {
        let mut pipeline = Pipeline::start();
        pipeline.script.stage_outages.store(100, SeqCst);
        pipeline.acks.post_all([1], &pipeline.port);
        pipeline.acks.outcomes(1).await;
        let ended = tokio::time::timeout(Duration::from_secs(1), pipeline.supervision.ended()).await;
        assert!(ended.is_err(), "{ended:?}");
        assert_eq!(
            pipeline.supervision.actors().entries()[&id("double", 0)].restarts["outage"],
            100
        );
    });
}
