//! When an outage is over consumers come back, whatever is still held.

use crate::running::{PATIENCE, QUEUE, Running, batch_of, fresh_id};
use millrace_stack::{Stack, wait_for};
use serde_json::json;

const PREFETCH: u64 = 6;

async fn consumers(pipeline: &Running<'_>, wanted: impl Fn(u64) -> bool) {
    wait_for("consumers to come or go", PATIENCE, async || {
        let queue = pipeline.tenant.queue(QUEUE).await.ok().flatten();
        match queue.map(|queue| queue.consumers) {
            Some(count) if wanted(count) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.service.lines().join("\n")));
}

async fn unacknowledged(pipeline: &Running<'_>) -> u64 {
    let queue = pipeline.tenant.queue(QUEUE).await.unwrap().unwrap();
    queue.messages_unacknowledged
}

/// Two events are stuck in parsers that never answer; then the store goes away and comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_event_does_not_keep_consumers_away_after_an_outage() {
    let stack = Stack::start().await.unwrap();
    let tenant = stack.tenant("stuck-event").await.unwrap();
    // Its counts are those of this moment, and a cancelled consumer is not counted.
    tenant
        .declare_queue(QUEUE, json!({"x-queue-type": "classic"}))
        .await
        .unwrap();
    let settings = [
        ("EVENT_PREFETCH_COUNT", "6"),
        ("STAGE_DEADLINE_SECONDS", "3600"),
        ("FAILPOINTS", "parse.begin=2*pause"),
    ];
    let pipeline = Running::start(tenant, &settings).await;
    let stuck = [fresh_id(), fresh_id()];
    for id in &stuck {
        pipeline.batch(id, 1).await;
    }
    wait_for("both to be stuck", PATIENCE, async || {
        match unacknowledged(&pipeline).await {
            2 => Ok(()),
            other => Err(format!("{other} in hand")),
        }
    })
    .await
    .unwrap();

    let held = fresh_id();
    pipeline.put(&format!("{held}.json"), batch_of(&held, 1)).await;
    stack.objects.kill().await.unwrap();
    pipeline
        .announce(&held, &format!("{}/{held}.json", pipeline.tenant.bucket()))
        .await;
    consumers(&pipeline, |count| count == 0).await;
    stack.objects.start().await.unwrap();
    consumers(&pipeline, |count| count > 0).await;

    let later: Vec<_> = (0..60).map(|_| fresh_id()).collect();
    for id in &later {
        pipeline.batch(id, 1).await;
    }
    let mut most = 0;
    let all = [&later[..], &[held][..]].concat();
    wait_for("the others", PATIENCE, async || {
        most = most.max(unacknowledged(&pipeline).await);
        let stored = pipeline
            .count("ingested_batches WHERE event_id = ANY($1)", &[&all])
            .await;
        if stored == all.len() as i64 {
            Ok(())
        } else {
            Err(format!("{stored} stored"))
        }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.service.lines().join("\n")));
    assert!(most <= PREFETCH, "{most} in hand at once");
    assert_eq!(
        unacknowledged(&pipeline).await,
        2,
        "the stuck ones are still held"
    );
    let metrics = pipeline.service.metrics().await.unwrap();
    assert_eq!(metrics.sum("analytics_redeliveries_total", &[]), Some(0.0));
}
