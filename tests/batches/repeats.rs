//! An event that is published again is acknowledged without a fetch once its batch is stored.

use crate::running::{DLQ, Running, fresh_id, patiently};
use millrace_stack::{Metrics, wait_for};

/// Events, each published so many times again.
const EVENTS: usize = 20;
const AGAIN: usize = 3;

fn count(metrics: &Metrics, name: &str) -> usize {
    let sum = metrics.sum(&format!("analytics_{name}_total"), &[]);
    sum.unwrap_or_else(|| panic!("no {name}")) as usize
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_acknowledged_without_a_fetch_and_asked_about_in_groups() {
    let pipeline = Running::shared("repeats", &[]).await;
    let ids: Vec<_> = (0..EVENTS).map(|_| fresh_id()).collect();
    for id in &ids {
        pipeline.batch(id, 2).await;
    }
    pipeline.stored(&ids).await;
    pipeline.queue_empties().await;
    let before = pipeline.service.metrics().await.unwrap();
    // While it stands still the queue fills, so that many come at once.
    pipeline.service.pause().unwrap();
    for id in ids.iter().flat_map(|id| [id; AGAIN]) {
        pipeline.batch(id, 2).await;
    }
    pipeline.service.resume().unwrap();
    pipeline.queue_empties().await;

    let after = pipeline.service.metrics().await.unwrap();
    let grown = |name: &str| count(&after, name) - count(&before, name);
    for name in [
        "duplicates",
        "fetches_spared",
        "events_processed",
        "batches_processed",
    ] {
        assert_eq!(grown(name), EVENTS * AGAIN, "{name}");
    }
    for name in ["batches_fetched", "rows_written", "items_processed"] {
        assert_eq!(grown(name), 0, "{name}");
    }
    assert!(grown("ledger_questions") <= EVENTS * AGAIN / 4);
    assert_eq!(pipeline.count("post_analytics", &[]).await, 2 * EVENTS as i64);
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
    assert_eq!(pipeline.count("suspects", &[]).await, 0);
}

/// Only the writers wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_does_not_answer_keeps_no_event_from_being_fetched() {
    let pipeline = Running::shared("no-answer", &patiently(&[])).await;
    let locked = pipeline.tenant.connect_postgres().await.unwrap();
    locked
        .batch_execute("BEGIN; LOCK TABLE ingested_batches IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let ids: Vec<_> = (0..3).map(|_| fresh_id()).collect();
    for (number, id) in ids.iter().enumerate() {
        pipeline.batch(id, 1).await;
        wait_for("the fetch", crate::running::PATIENCE, async || {
            let fetched = count(&pipeline.service.metrics().await?, "batches_fetched");
            anyhow::ensure!(fetched == number + 1, "{fetched}");
            anyhow::Ok(())
        })
        .await
        .unwrap();
    }
    let metrics = pipeline.service.metrics().await.unwrap();
    assert_eq!(count(&metrics, "ledger_questions"), 1, "that one waits");
    locked.batch_execute("ROLLBACK").await.unwrap();
    pipeline.stored(&ids).await;
    pipeline.queue_empties().await;
}
