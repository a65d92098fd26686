//! A quorum queue gives up on a message that was delivered too often, RabbitMQ 4 after 20 times unless told otherwise,
//! and what it gives up is gone where no dead-letter queue was set. Nothing is lost to that.

use crate::running::{DLQ, PATIENCE, QUEUE, Running, batch_of, event, fresh_id, millrace};
use millrace_stack::{Proxies, Stack, Tenant, wait_for};
use object_store::ObjectStoreExt as _;
use serde_json::{Value, json};

/// Sessions that are lost before the service has the message, and while it holds it. The crash at the end is one more.
const BEFORE: usize = 20;
const DURING: usize = 4;

/// Holds an event through so many lost sessions, whichever replica's they are, and sees it stored.
async fn survives(name: &str, queue: Value) {
    let stack = Stack::shared().await;
    let proxies = Proxies::start(stack).await.unwrap();
    let tenant = stack.tenant(name).await.unwrap();
    tenant.declare_queue(QUEUE, queue).await.unwrap();
    let migrated = tenant.command(millrace(), &["migrate"], &[]).await.unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    // The writer waits here, with the event in hand.
    let mut elsewhere = tenant.connect_postgres().await.unwrap();
    let lock = elsewhere.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE authors").await.unwrap();
    let id = fresh_id();
    let object = format!("tiktok/{id}.json");
    let store = tenant.objects().unwrap();
    store
        .put(&object.as_str().into(), batch_of(&id, 1).into())
        .await
        .unwrap();
    let body = event(&id, &format!("{}/{object}", tenant.bucket())).to_string();
    assert!(tenant.publish("", QUEUE, body).await.unwrap());
    for _ in 0..BEFORE {
        lose_a_session(&tenant).await;
    }

    let patient = [
        ("DATABASE_STATEMENT_TIMEOUT_SECONDS", "240"),
        ("STAGE_DEADLINE_SECONDS", "600"),
    ];
    let service = tenant.service_through(&proxies, millrace(), &patient).unwrap();
    let pipeline = Running::with(tenant, service).await;
    for lost in 1..=DURING {
        in_hand(&pipeline).await;
        let before = proxies.rabbitmq.accepted();
        proxies.rabbitmq.cut();
        wait_for(&format!("another session after {lost}"), PATIENCE, async || {
            proxies.rabbitmq.accepted() > before
        })
        .await
        .unwrap();
    }
    in_hand(&pipeline).await;
    let metrics = pipeline.service.metrics().await.unwrap();
    assert!(metrics.sum("analytics_messages_renewed_total", &[]) >= Some(1.0));
    pipeline.service.kill().await.unwrap();
    lock.rollback().await.unwrap();
    pipeline.service.start_again().unwrap();
    pipeline.stored(&[id]).await;
    pipeline.queue_empties().await;
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
}

/// Another consumer takes the message and is gone.
async fn lose_a_session(tenant: &Tenant<'_>) {
    wait_for("the message to be back", PATIENCE, async || {
        let other = tenant.raw_publisher().await.map_err(|error| error.to_string())?;
        match other.take_and_vanish(QUEUE).await {
            Ok(true) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
}

/// The session holds the one message.
async fn in_hand(pipeline: &Running<'_>) {
    wait_for("the event to be in hand", PATIENCE, async || {
        let queue = pipeline.tenant.queue(QUEUE).await.ok().flatten();
        let metrics = pipeline.service.metrics().await.ok()?;
        let held = metrics.sum("analytics_inflight_events", &[]) == Some(1.0);
        (held && queue?.messages_ready == 0).then_some(())
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.service.lines().join("\n")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_held_through_25_lost_sessions_is_stored_whatever_the_limit_of_its_queue() {
    survives(
        "delivery-limit",
        json!({"x-queue-type": "quorum", "x-delivery-limit": 20}),
    )
    .await;
}

/// What RabbitMQ 3 made without a limit has one since RabbitMQ 4.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_held_through_25_lost_sessions_is_stored_on_a_queue_without_a_limit_of_its_own() {
    survives("no-delivery-limit", json!({"x-queue-type": "quorum"})).await;
}
