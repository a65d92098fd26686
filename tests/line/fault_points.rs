//! A panic at any step of an event's way costs attempts, never the event, and stores nothing twice.

use crate::running::{Running, fresh_id};

/// Each step panics once, in the order in which one event comes to them.
const EACH_STEP_ONCE: &str = "fetch.begin=1*return(panic);fetch.end=1*return(panic);write.begin=1*return(panic);\
    write.end=1*return(panic);write.committed=1*return(panic)";

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_at_each_step_stores_the_event_once() {
    let settings = [
        ("FAILPOINTS", EACH_STEP_ONCE),
        ("MAX_RETRY_ATTEMPTS", "6"),
        ("RETRY_INITIAL_DELAY", "0.1"),
        ("RETRY_MAX_DELAY", "0.1"),
    ];
    let line = Running::shared("fault-points", &settings).await;
    let id = fresh_id();
    line.batch(&id, 3).await;
    line.stored(std::slice::from_ref(&id)).await;
    line.queue_empties().await;
    assert_eq!(line.count("post_analytics", &[]).await, 3);
    assert!(line.tenant.peek(crate::running::DLQ, 1).await.unwrap().is_empty());
    let fifth = "ingested_batches WHERE attempts = 5";
    assert_eq!(
        line.count(fifth, &[]).await,
        1,
        "four attempts were lost on the way"
    );
    let metrics = line.service.metrics().await.unwrap();
    assert_eq!(
        metrics.sum("analytics_duplicates_total", &[]),
        Some(1.0),
        "the sixth found it stored"
    );
}
