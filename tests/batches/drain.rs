//! Stopping: SIGTERM finishes what is in flight, and SIGKILL loses nothing either.

use crate::running::{DLQ, PATIENCE, QUEUE, Running, fresh_id, millrace};
use millrace_stack::{Stack, Tenant, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_exits_with_0_and_loses_nothing() {
    let pipeline = Running::shared("sigterm", &[]).await;
    let ids: Vec<_> = (0..60).map(|_| fresh_id()).collect();
    for id in &ids {
        pipeline.batch(id, 20).await;
    }
    assert_eq!(
        pipeline.service.terminate().await.unwrap(),
        Some(0),
        "{}",
        pipeline.service.lines().join("\n")
    );
    let stored = pipeline.count("ingested_batches", &[]).await;
    let left = pipeline.tenant.queue(QUEUE).await.unwrap().unwrap();
    assert_eq!(
        pipeline.count("post_analytics", &[]).await,
        stored * 20,
        "whole batches only"
    );
    assert!(
        stored as u64 + left.messages >= 60,
        "{stored} stored and {} left",
        left.messages
    );
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());

    pipeline.service.start_again().unwrap();
    pipeline.stored(&ids).await;
    pipeline.queue_empties().await;
    assert_eq!(pipeline.count("post_analytics", &[]).await, 1_200);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_under_load_loses_and_doubles_nothing() {
    let pipeline = Running::shared("sigkill", &[]).await;
    let ids: Vec<_> = (0..60).map(|_| fresh_id()).collect();
    for (number, id) in ids.iter().enumerate() {
        pipeline.batch(id, 20).await;
        if number % 20 == 10 {
            // An event that is at hand at three crashes in a row, at the last one alone, is dead-lettered by design: see
            // `crashing_events`. So what was at hand at one crash is stored before the one after the next.
            pipeline.stored(&ids[..number.saturating_sub(20)]).await;
            pipeline.service.kill().await.unwrap();
            pipeline.service.start_again().unwrap();
        }
    }
    pipeline.stored(&ids).await;
    pipeline.queue_empties().await;
    assert_eq!(pipeline.count("post_analytics", &[]).await, 1_200);
    assert_eq!(pipeline.count("comments", &[]).await, 1_200);
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
}

/// A short grace period, so that what cannot finish is not waited for long.
const SHORT_GRACE: [(&str, &str); 1] = [("SHUTDOWN_GRACE_SECONDS", "5")];

/// Announces events that cannot be stored now, lets `state` come about, stops the service, and sees it
/// exit with 0, nothing dead-lettered, and every event stored by the next one.
async fn drains_in(
    stack: &Stack,
    tenant: Tenant<'_>,
    state: impl AsyncFn(&Running<'_>),
    up: impl AsyncFn(&Stack) -> anyhow::Result<()>,
) {
    let mut pipeline = Running::start(tenant, &SHORT_GRACE).await;
    let ids: Vec<_> = (0..10).map(|_| fresh_id()).collect();
    for id in &ids {
        pipeline
            .put(&format!("{id}.json"), crate::running::batch_of(id, 2))
            .await;
    }
    state(&pipeline).await;
    for id in &ids {
        let path = format!("{}/{id}.json", pipeline.tenant.bucket());
        let event = crate::running::event(id, &path).to_string();
        // Without a broker no source takes it: then it is published afterwards.
        let _ = pipeline
            .tenant
            .publish("smap.events", "data.collected", event)
            .await;
    }
    assert_eq!(
        pipeline.service.terminate().await.unwrap(),
        Some(0),
        "{}",
        pipeline.service.lines().join("\n")
    );
    up(stack).await.unwrap();
    pipeline.database = pipeline.tenant.connect_postgres().await.unwrap();
    pipeline.service.start_again().unwrap();
    pipeline.service.wait_ready(PATIENCE).await.unwrap();
    for id in &ids {
        pipeline
            .announce(id, &format!("{}/{id}.json", pipeline.tenant.bucket()))
            .await;
    }
    pipeline.stored(&ids).await;
    pipeline.queue_empties().await;
    assert_eq!(pipeline.count("post_analytics", &[]).await, 20);
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_while_the_database_is_down_exits_with_0() {
    let stack = Stack::start().await.unwrap();
    let tenant = stack.tenant("drain-database").await.unwrap();
    let down = async |_: &Running<'_>| stack.postgres.kill().await.unwrap();
    drains_in(&stack, tenant, down, async |stack: &Stack| {
        stack.postgres.start().await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_while_the_store_is_down_exits_with_0() {
    let stack = Stack::start().await.unwrap();
    let tenant = stack.tenant("drain-store").await.unwrap();
    let down = async |_: &Running<'_>| stack.objects.kill().await.unwrap();
    drains_in(&stack, tenant, down, async |stack: &Stack| {
        stack.objects.start().await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_while_the_broker_is_down_exits_with_0() {
    let stack = Stack::start().await.unwrap();
    let tenant = stack.tenant("drain-broker").await.unwrap();
    let down = async |pipeline: &Running<'_>| {
        for queue in [QUEUE, DLQ] {
            pipeline.tenant.wait_until_registered(queue).await.unwrap();
        }
        stack.rabbitmq.kill().await.unwrap();
    };
    drains_in(&stack, tenant, down, async |stack: &Stack| {
        stack.rabbitmq.start().await
    })
    .await;
}

async fn one_in_flight(pipeline: &Running<'_>) {
    wait_for("the event to be in flight", PATIENCE, async || {
        pipeline
            .service
            .metrics()
            .await
            .is_ok_and(|metrics| metrics.sum("analytics_inflight_events", &[]) == Some(1.0))
    })
    .await
    .unwrap();
}

/// Hung, so that nothing fails, with a grace period and timeouts longer than the test waits for an end: only the
/// outage can end this drain.
#[tokio::test(flavor = "multi_thread")]
async fn a_drain_does_not_wait_for_a_dependency_that_stays_down() {
    let stack = Stack::start().await.unwrap();
    let long = [
        ("SHUTDOWN_GRACE_SECONDS", "3600"),
        ("DATABASE_STATEMENT_TIMEOUT_SECONDS", "600"),
        ("STAGE_DEADLINE_SECONDS", "3600"),
    ];
    let pipeline = Running::start(stack.tenant("drain-hung").await.unwrap(), &long).await;
    stack.postgres.pause().unwrap();
    let id = fresh_id();
    pipeline.batch(&id, 1).await;
    one_in_flight(&pipeline).await;
    let ended = pipeline.service.terminate().await;
    stack.postgres.resume().unwrap();
    assert_eq!(ended.unwrap(), Some(0), "{}", pipeline.service.lines().join("\n"));
    pipeline.service.start_again().unwrap();
    pipeline.stored(&[id]).await;
    pipeline.queue_empties().await;
}

/// The same with a broker that no longer answers: neither the end of the subscription nor a goodbye is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_drain_does_not_wait_for_a_broker_that_stays_silent() {
    let stack = Stack::start().await.unwrap();
    let long = [
        ("SHUTDOWN_GRACE_SECONDS", "3600"),
        ("RABBITMQ_CONNECT_TIMEOUT_SECONDS", "300"),
        ("RABBITMQ_HEARTBEAT_SECONDS", "600"),
    ];
    let pipeline = Running::start(stack.tenant("drain-silent").await.unwrap(), &long).await;
    stack.rabbitmq.pause().unwrap();
    let ended = pipeline.service.terminate().await;
    stack.rabbitmq.resume().unwrap();
    assert_eq!(ended.unwrap(), Some(0), "{}", pipeline.service.lines().join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sigterm_exits_at_once_and_leaves_the_rest_unacknowledged() {
    let stack = Stack::start().await.unwrap();
    let pipeline = Running::start(stack.tenant("second-signal").await.unwrap(), &[]).await;
    stack.postgres.pause().unwrap();
    let id = fresh_id();
    pipeline.batch(&id, 1).await;
    let says = async |word: &str| {
        wait_for(word, PATIENCE, async || {
            pipeline.service.lines().iter().any(|line| line.contains(word))
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.service.lines().join("\n")));
    };
    one_in_flight(&pipeline).await;
    pipeline.service.signal_terminate().unwrap();
    says("draining").await;
    assert_eq!(pipeline.service.terminate().await.unwrap(), Some(143));
    stack.postgres.resume().unwrap();
    let next = pipeline.tenant.service(millrace(), &[]).unwrap();
    next.wait_ready(PATIENCE).await.unwrap();
    pipeline.stored(&[id]).await;
}
