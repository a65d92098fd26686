//! Queues are used as they stand, and made where there are none.

use crate::running::{DLQ, PATIENCE, QUEUE, Running, batch_of, event, fresh_id};
use millrace_stack::{Stack, wait_for};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_queue_is_made_and_bound_where_there_is_none() {
    let pipeline = Running::shared("fresh-broker", &[]).await;
    for queue in [QUEUE, DLQ] {
        let made = pipeline
            .tenant
            .queue(queue)
            .await
            .unwrap()
            .unwrap_or_else(|| panic!("{queue} was not made"));
        assert_eq!(made.kind, "quorum");
    }
    let id = fresh_id();
    pipeline.batch(&id, 2).await;
    pipeline.stored(&[id]).await;
    pipeline.queue_empties().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_classic_queue_is_used_whatever_its_arguments() {
    let tenant = Stack::shared().await.tenant("classic").await.unwrap();
    let arguments = json!({"x-queue-type": "classic", "x-max-priority": 3});
    tenant.declare_queue(QUEUE, arguments).await.unwrap();
    let pipeline = Running::start(tenant, &[]).await;
    let id = fresh_id();
    pipeline.batch(&id, 2).await;
    pipeline.stored(&[id]).await;
    pipeline.queue_empties().await;
    let queue = pipeline.tenant.queue(QUEUE).await.unwrap().unwrap();
    assert_eq!(
        (queue.kind.as_str(), queue.arguments["x-max-priority"].as_i64()),
        ("classic", Some(3))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_deleted_under_the_consumer_is_made_again() {
    let pipeline = Running::shared("deleted-queue", &[]).await;
    pipeline.tenant.delete_queue(QUEUE).await.unwrap();
    wait_for("the queue to be made again", PATIENCE, async || {
        let queue = pipeline.tenant.queue(QUEUE).await.ok().flatten();
        queue.is_some_and(|queue| queue.consumers == 1)
    })
    .await
    .unwrap();
    let id = fresh_id();
    pipeline.batch(&id, 1).await;
    pipeline.stored(&[id]).await;
}

/// Sends a good event, a poisonous one and one that has to wait through the queue of that name.
async fn works_with(pipeline: &Running<'_>, queue: &str) {
    let send = async |body: String| assert!(pipeline.tenant.publish("", queue, body).await.unwrap());
    let (good, late) = (fresh_id(), fresh_id());
    let path = pipeline.put(&format!("{good}.json"), batch_of(&good, 1)).await;
    send(event(&good, &path).to_string()).await;
    send("no event at all".to_owned()).await;
    let path = format!("{}/{late}.json", pipeline.tenant.bucket());
    send(event(&late, &path).to_string()).await;
    let retries = format!("{queue}.retry.200ms");
    wait_for("the retry queue", PATIENCE, async || {
        pipeline
            .tenant
            .queue(&retries)
            .await
            .is_ok_and(|queue| queue.is_some())
    })
    .await
    .unwrap();
    pipeline.put(&format!("{late}.json"), batch_of(&late, 1)).await;
    pipeline.stored(&[good, late]).await;
    wait_for("the dead letter", PATIENCE, async || {
        let letters = pipeline.tenant.peek(&format!("{queue}.dlq"), 2).await;
        letters.is_ok_and(|letters| letters.len() == 1)
    })
    .await
    .unwrap();
    let metrics = pipeline.service.metrics().await.unwrap();
    let restarts = metrics.sum("analytics_actor_restarts_total", &[]);
    assert_eq!(
        restarts.unwrap_or_default(),
        0.0,
        "{}",
        pipeline.service.lines().join("\n")
    );
}

const QUICK: [(&str, &str); 2] = [("RETRY_INITIAL_DELAY", "0.2"), ("RETRY_MAX_DELAY", "0.2")];

#[tokio::test(flavor = "multi_thread")]
async fn queues_of_any_name_that_amqp_allows_are_consumed() {
    const ODD: &str = "Smap.Events.DataCollected, Smap.Events_analytics";
    const SLASHED: &str = "smap/data+collected";
    let mut settings = QUICK.to_vec();
    settings.extend([
        ("EVENT_QUEUE", ODD),
        ("EVENT_EXCHANGE", "smap/events, all"),
        ("EVENT_ROUTING_KEY", "data collected"),
        ("LEGACY_MODE_ENABLED", "true"),
        ("LEGACY_QUEUES", "[\"smap/data+collected\"]"),
    ]);
    let pipeline = Running::shared("odd-names", &settings).await;
    for queue in [ODD, SLASHED] {
        works_with(&pipeline, queue).await;
    }
}

/// Names of the queue and of the host together exceed what a consumer's tag may hold.
#[tokio::test(flavor = "multi_thread")]
async fn the_longest_names_are_no_trouble() {
    let queue = "q".repeat(255 - ".retry.1000ms".len());
    let host = "h".repeat(255);
    let mut settings = QUICK.to_vec();
    settings.extend([("EVENT_QUEUE", queue.as_str()), ("HOSTNAME", host.as_str())]);
    let pipeline = Running::shared("long-names", &settings).await;
    works_with(&pipeline, &queue).await;
}
