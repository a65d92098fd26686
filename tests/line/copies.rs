//! A message leaves its queue only when its copy is safe in another.

use crate::running::{DLQ, PATIENCE, QUEUE, Running, fresh_id};
use millrace_stack::{Stack, wait_for};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_the_broker_refuses_costs_nobody_the_original() {
    let tenant = Stack::shared().await.tenant("refused-copy").await.unwrap();
    let full = json!({"x-queue-type": "classic", "x-max-length": 1, "x-overflow": "reject-publish"});
    tenant.declare_queue(DLQ, full).await.unwrap();
    assert!(tenant.publish("", DLQ, "fills the queue").await.unwrap());
    // Every failure of the ingress is a line at this level, also those that go on about the same.
    let line = Running::start(tenant, &[("LOG_LEVEL", "debug"), ("LOG_FORMAT", "json")]).await;
    assert_eq!(publish_errors(&line).await, 0);
    line.publish("no event at all").await;
    wait_for("the refusal", PATIENCE, async || {
        line.service
            .lines()
            .iter()
            .any(|log| log.contains("refused to store"))
    })
    .await
    .unwrap();
    assert_eq!(line.tenant.peek(DLQ, 2).await.unwrap().len(), 1);

    // With room again it is buried, from wherever it was meanwhile: the work queue, or our hands.
    line.tenant.delete_queue(DLQ).await.unwrap();
    line.tenant
        .declare_queue(DLQ, json!({"x-queue-type": "classic"}))
        .await
        .unwrap();
    let letters = line.dead_letters(1).await;
    assert_eq!(letters[0].payload, "no event at all");
    line.tenant.wait_until_empty(QUEUE, PATIENCE).await.unwrap();

    let logs = line.service.logs();
    let refused = logs
        .iter()
        .filter(|log| log["actor"] == "ingress" && log["error"].to_string().contains("refused to store"));
    assert_eq!(publish_errors(&line).await, refused.count() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_comes_back_is_counted() {
    let line = Running::shared("returned-copy", &[]).await;
    let buried = async |count| {
        line.announce(&fresh_id(), "somebody-elses/a.json").await;
        line.dead_letters(count).await;
        line.queue_empties().await;
    };
    buried(1).await;
    assert_eq!(publish_errors(&line).await, 0);
    // The session has seen the queue and does not look again.
    line.tenant.delete_queue(DLQ).await.unwrap();
    buried(1).await;
    assert_eq!(publish_errors(&line).await, 1);
}

async fn publish_errors(line: &Running<'_>) -> u64 {
    let metrics = line.service.metrics().await.unwrap();
    metrics.sum("analytics_publish_errors_total", &[]).unwrap() as u64
}
