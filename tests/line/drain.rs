//! Stopping: SIGTERM finishes what is in flight, and SIGKILL loses nothing either.

use crate::running::{DLQ, QUEUE, Running, fresh_id};

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_exits_with_0_and_loses_nothing() {
    let line = Running::shared("sigterm", &[]).await;
    let ids: Vec<_> = (0..60).map(|_| fresh_id()).collect();
    for id in &ids {
        line.batch(id, 20).await;
    }
    assert_eq!(
        line.service.terminate().await.unwrap(),
        Some(0),
        "{}",
        line.service.lines().join("\n")
    );
    let stored = line.count("ingested_batches", &[]).await;
    let left = line.tenant.queue(QUEUE).await.unwrap().unwrap();
    assert_eq!(
        line.count("post_analytics", &[]).await,
        stored * 20,
        "whole batches only"
    );
    assert!(
        stored as u64 + left.messages >= 60,
        "{stored} stored and {} left",
        left.messages
    );
    assert!(line.tenant.peek(DLQ, 1).await.unwrap().is_empty());

    line.service.start_again().unwrap();
    line.stored(&ids).await;
    line.queue_empties().await;
    assert_eq!(line.count("post_analytics", &[]).await, 1_200);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_under_load_loses_and_doubles_nothing() {
    let line = Running::shared("sigkill", &[]).await;
    let ids: Vec<_> = (0..60).map(|_| fresh_id()).collect();
    for (number, id) in ids.iter().enumerate() {
        line.batch(id, 20).await;
        if number % 20 == 10 {
            line.service.kill().await.unwrap();
            line.service.start_again().unwrap();
        }
    }
    line.stored(&ids).await;
    line.queue_empties().await;
    assert_eq!(line.count("post_analytics", &[]).await, 1_200);
    assert_eq!(line.count("comments", &[]).await, 1_200);
    assert!(line.tenant.peek(DLQ, 1).await.unwrap().is_empty());
}
