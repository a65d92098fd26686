//! A dependency that is down costs waiting, never an event.

use crate::running::{DLQ, PATIENCE, QUEUE, Running, fresh_id};
use millrace_stack::{Stack, wait_for};

/// Announces batches while `down`, sees that nothing moves and nothing is dead-lettered, and that all arrive after `up`.
async fn survives(
    name: &str,
    dependency: &str,
    down: impl AsyncFn(&Stack) -> anyhow::Result<()>,
    up: impl AsyncFn(&Stack) -> anyhow::Result<()>,
) {
    let stack = Stack::start().await.unwrap();
    let tenant = stack.tenant(name).await.unwrap();
    // A quorum queue counts a cancelled consumer until it has settled its messages; a classic one does not.
    let classic = serde_json::json!({"x-queue-type": "classic"});
    tenant.declare_queue(QUEUE, classic).await.unwrap();
    let mut pipeline = Running::start(tenant, &[]).await;
    let ids: Vec<_> = (0..40).map(|_| fresh_id()).collect();
    for id in &ids {
        pipeline
            .put(&format!("tiktok/{id}.json"), crate::running::batch_of(id, 5))
            .await;
    }
    down(&stack).await.unwrap();
    for id in &ids {
        pipeline
            .announce(id, &format!("{}/tiktok/{id}.json", pipeline.tenant.bucket()))
            .await;
    }
    wait_for("readiness to name the dependency", PATIENCE, async || {
        let (status, body) = pipeline
            .service
            .get("/readyz")
            .await
            .map_err(|error| error.to_string())?;
        if status == 503 && body.contains(dependency) {
            Ok(())
        } else {
            Err(format!("{status} {body}"))
        }
    })
    .await
    .unwrap();
    wait_for("events to be held", PATIENCE, async || {
        pipeline
            .service
            .logs()
            .iter()
            .any(|log| log["fate"] == "held" && log["event_id"].is_string())
    })
    .await
    .unwrap();
    assert_eq!(pipeline.service.get("/livez").await.unwrap().0, 200);
    // The breaker is open: the consumer is cancelled, and what is not in flight stays with the broker.
    wait_for("consumption to stop", PATIENCE, async || {
        let queue = pipeline.tenant.queue(QUEUE).await.ok().flatten();
        queue.is_some_and(|queue| queue.consumers == 0)
    })
    .await
    .unwrap();
    up(&stack).await.unwrap();
    pipeline.database = pipeline.tenant.connect_postgres().await.unwrap();
    pipeline.stored(&ids).await;
    pipeline.queue_empties().await;
    assert_eq!(pipeline.count("post_analytics", &[]).await, 200);
    let metrics = pipeline.service.metrics().await.unwrap();
    let (received, redelivered) = ["analytics_events_received_total", "analytics_redeliveries_total"]
        .map(|name| metrics.sum(name, &[]))
        .into();
    assert_eq!(
        (received, redelivered),
        (Some(40.0), Some(0.0)),
        "what is held is not delivered again"
    );
    let said = |words: &str| {
        let logs = pipeline.service.logs();
        let says =
            |log: &&serde_json::Value| log["message"].as_str().is_some_and(|text| text.contains(words));
        logs.iter().filter(says).count()
    };
    assert_eq!(
        said("is down for stage"),
        said(" serves stage "),
        "each opening is closed"
    );
    assert!(
        said("is down for stage") <= 3,
        "a line for each change, not for each attempt"
    );
    let held = pipeline.service.logs();
    let mut held: Vec<_> = held
        .iter()
        .filter(|log| log["fate"] == "held")
        .map(|log| log["event_id"].to_string())
        .collect();
    held.sort();
    let events = held.len();
    held.dedup();
    assert!(
        events <= held.len() * 2,
        "{events} lines about {} held events",
        held.len()
    );
    assert!(
        pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty(),
        "no good event is ever dead-lettered"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_database_is_waited_for() {
    let down = async |stack: &Stack| stack.postgres.kill().await;
    let up = async |stack: &Stack| stack.postgres.start().await;
    survives("killed-database", "database", down, up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_object_store_is_waited_for() {
    let down = async |stack: &Stack| stack.objects.kill().await;
    let up = async |stack: &Stack| stack.objects.start().await;
    survives("killed-store", "object_store", down, up).await;
}
