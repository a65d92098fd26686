//! A message leaves its queue only when its copy is safe in another.

use crate::running::{DLQ, PATIENCE, QUEUE, Running, batch_of, event, fresh_id};
use millrace_stack::{Stack, wait_for};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_the_broker_refuses_does_not_cost_the_original() {
    let tenant = Stack::shared().await.tenant("refused-copy").await.unwrap();
    let full = json!({"x-queue-type": "classic", "x-max-length": 1, "x-overflow": "reject-publish"});
    tenant.declare_queue(DLQ, full).await.unwrap();
    assert!(tenant.publish("", DLQ, "fills the queue").await.unwrap());
    // Every failure of the ingress is a line at this level, also those that go on about the same.
    let pipeline = Running::start(tenant, &[("LOG_FORMAT", "json")]).await;
    assert_eq!(publish_errors(&pipeline).await, 0);
    pipeline.publish("no event at all").await;
    wait_for("the refusal", PATIENCE, async || {
        publish_errors(&pipeline).await > 0
    })
    .await
    .unwrap();
    assert_eq!(pipeline.tenant.peek(DLQ, 2).await.unwrap().len(), 1);

    // With room again it is there, from our hands.
    pipeline.tenant.delete_queue(DLQ).await.unwrap();
    pipeline
        .tenant
        .declare_queue(DLQ, json!({"x-queue-type": "classic"}))
        .await
        .unwrap();
    let letters = pipeline.dead_letters(1).await;
    assert_eq!(letters[0].payload, "no event at all");
    pipeline.tenant.wait_until_empty(QUEUE, PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_comes_back_is_counted() {
    let pipeline = Running::shared("returned-copy", &[]).await;
    let dead_letters = async |count| {
        pipeline.announce(&fresh_id(), "not-allowed/a.json").await;
        pipeline.dead_letters(count).await;
        pipeline.queue_empties().await;
    };
    dead_letters(1).await;
    assert_eq!(publish_errors(&pipeline).await, 0);
    // The session has seen the queue and does not look again.
    pipeline.tenant.delete_queue(DLQ).await.unwrap();
    dead_letters(1).await;
    assert_eq!(publish_errors(&pipeline).await, 1);
}

/// The original fits into a frame by some bytes, its copy with what we add does not; the broker would end the
/// connection, deliver again, and so on for ever.
#[tokio::test(flavor = "multi_thread")]
async fn headers_that_fill_a_frame_stop_nothing() {
    let pipeline = Running::shared("large-headers", &[]).await;
    let headers = json!({"large": "x".repeat(130_900), "small": "kept"});
    pipeline.publish_with(&headers, "no event at all").await;
    let missing = fresh_id();
    let path = format!("{}/missing.json", pipeline.tenant.bucket());
    let event = event(&missing, &path).to_string();
    pipeline.publish_with(&headers, event).await;
    let good = fresh_id();
    pipeline.batch(&good, 2).await;

    let letters = pipeline.dead_letters(1).await;
    let kept = &letters[0].properties["headers"];
    assert_eq!(kept["x-millrace-reason"], "malformed_event");
    assert_eq!(kept["x-millrace-left-out"], "large");
    assert_eq!((&kept["small"], &kept["large"]), (&json!("kept"), &json!(null)));
    pipeline.put("missing.json", batch_of(&missing, 2)).await;
    pipeline.stored(&[good, missing]).await;
    pipeline.queue_empties().await;
    let metrics = pipeline.service.metrics().await.unwrap();
    let restarts = metrics.sum("analytics_actor_restarts_total", &[]);
    assert_eq!(restarts.unwrap_or_default(), 0.0, "a session was lost");
}

async fn publish_errors(pipeline: &Running<'_>) -> u64 {
    let metrics = pipeline.service.metrics().await.unwrap();
    metrics.sum("analytics_publish_errors_total", &[]).unwrap() as u64
}
