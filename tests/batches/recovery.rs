//! A lost connection comes back by itself, and what was in flight is stored once.

use crate::running::{PATIENCE, Running, fresh_id};
use millrace_stack::{Stack, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn connections_closed_by_an_operator_come_back() {
    let pipeline = Running::shared("closed-connections", &[]).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let batch: Vec<_> = (0..5).map(|_| fresh_id()).collect();
        for id in &batch {
            pipeline.batch(id, 3).await;
        }
        let closed = wait_for("connections to close", PATIENCE, async || {
            pipeline
                .tenant
                .close_connections()
                .await
                .ok()
                .filter(|closed| *closed > 0)
        });
        closed.await.unwrap();
        ids.extend(batch);
    }
    pipeline.stored(&ids).await;
    pipeline.queue_empties().await;
    assert_eq!(pipeline.count("post_analytics", &[]).await, 75);
    assert_eq!(pipeline.count("ingested_batches", &[]).await, 25);
    assert!(
        pipeline
            .tenant
            .peek(crate::running::DLQ, 1)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_broker_is_waited_for() {
    let stack = Stack::start().await.unwrap();
    let pipeline = Running::start(stack.tenant("killed-broker").await.unwrap(), &[]).await;
    let before = fresh_id();
    pipeline.batch(&before, 2).await;
    pipeline.stored(&[before]).await;
    stack.rabbitmq.kill().await.unwrap();
    wait_for("readiness to end", PATIENCE, async || {
        pipeline
            .service
            .get("/readyz")
            .await
            .is_ok_and(|(status, body)| status == 503 && body.contains("rabbitmq"))
    })
    .await
    .unwrap();
    let live = pipeline.service.get("/livez").await.unwrap();
    assert_eq!(
        live.0, 200,
        "an outage that is waited out is no reason to be killed: {}",
        live.1
    );
    stack.rabbitmq.start().await.unwrap();
    pipeline.service.wait_ready(PATIENCE).await.unwrap();
    let after = fresh_id();
    pipeline.batch(&after, 2).await;
    pipeline.stored(&[after]).await;
}
