//! What a crash costs the events that did not cause it: after a first one nothing, after a second one a share of the time.

use crate::running::{DLQ, PATIENCE, QUEUE, Running, fresh_id, millrace, patiently};
use millrace_stack::{Order, Proxies, Service, Stack, wait_for};
use serde_json::json;

/// Keeps all writers waiting until it is dropped.
async fn lock_writers(pipeline: &Running<'_>) -> tokio_postgres::Client {
    let client = pipeline.tenant.connect_postgres().await.unwrap();
    let sql = "BEGIN; LOCK TABLE post_analytics IN ACCESS EXCLUSIVE MODE";
    client.batch_execute(sql).await.unwrap();
    client
}

async fn batches(pipeline: &Running<'_>, count: usize) -> Vec<String> {
    let ids: Vec<_> = (0..count).map(|_| fresh_id()).collect();
    for id in &ids {
        pipeline.batch(id, 1).await;
    }
    ids
}

async fn counted(service: &Service, name: &str, labels: &[(&str, &str)]) -> f64 {
    let metrics = service.metrics().await.unwrap();
    metrics
        .sum(&format!("analytics_{name}"), labels)
        .unwrap_or_else(|| panic!("no {name}"))
}

/// Waits until a metric is so.
async fn is(service: &Service, name: &str, wanted: f64) {
    becomes(service, name, |value| value == wanted).await;
}

/// Waits until a metric is so or higher.
async fn is_at_least(service: &Service, name: &str, least: f64) {
    becomes(service, name, |value| value >= least).await;
}

async fn becomes(service: &Service, name: &str, wanted: impl Fn(f64) -> bool) {
    wait_for(name, PATIENCE, async || {
        let metrics = service.metrics().await.map_err(|error| format!("{error:#}"))?;
        let value = metrics.sum(&format!("analytics_{name}"), &[]);
        value
            .is_some_and(&wanted)
            .then_some(())
            .ok_or(format!("{value:?}"))
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", service.lines().join("\n")));
}

/// Waits until so many events are noted as at hand.
async fn noted(pipeline: &Running<'_>, events: usize) {
    wait_for("notes", PATIENCE, async || {
        match pipeline.count("suspects WHERE held_by <> '{}'", &[]).await {
            found if found == events as i64 => Ok(()),
            found => Err(format!("{found} of {events}")),
        }
    })
    .await
    .unwrap();
}

/// All of these are stored at their first attempt, nothing is dead, and nothing is noted any more.
async fn none_was_charged(pipeline: &Running<'_>, ids: &[String]) {
    pipeline.stored(ids).await;
    pipeline.queue_empties().await;
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
    assert_eq!(pipeline.count("ingested_batches", &[]).await, ids.len() as i64);
    assert_eq!(pipeline.count("post_analytics", &[]).await, ids.len() as i64);
    assert_eq!(
        pipeline.count("ingested_batches WHERE attempts > 1", &[]).await,
        0
    );
    wait_for("all notes to be cleared", PATIENCE, async || {
        pipeline.count("suspects", &[]).await == 0
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_first_crash_all_run_together_and_are_noted_in_groups() {
    const EVENTS: usize = 90;
    let pipeline = Running::shared("first-crash", &patiently(&[("EVENT_PREFETCH_COUNT", "100")])).await;
    let locked = lock_writers(&pipeline).await;
    let ids = batches(&pipeline, EVENTS).await;
    is(&pipeline.service, "inflight_events", EVENTS as f64).await;
    pipeline.service.kill().await.unwrap();
    pipeline.service.start_again().unwrap();
    noted(&pipeline, EVENTS).await;
    drop(locked);
    none_was_charged(&pipeline, &ids).await;
    assert_eq!(
        counted(&pipeline.service, "redeliveries_total", &[]).await,
        EVENTS as f64
    );
    assert_eq!(counted(&pipeline.service, "suspects_total", &[]).await, 0.0);
    for statement in ["mark", "clear"] {
        let labels = [("statement", statement)];
        let statements = counted(&pipeline.service, "quarantine_statements_total", &labels).await;
        assert!(
            (1.0..=EVENTS as f64 / 3.0).contains(&statements),
            "{statements} × {statement}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_broker_is_no_crash_on_a_classic_queue_with_two_replicas_twice() {
    const EVENTS: usize = 200;
    let stack = Stack::start().await.unwrap();
    let tenant = stack.tenant("broker-restart").await.unwrap();
    let classic = json!({"x-queue-type": "classic"});
    tenant.declare_queue(QUEUE, classic).await.unwrap();
    let settings = patiently(&[("EVENT_PREFETCH_COUNT", "20")]);
    let other = tenant.service(millrace(), &settings).unwrap();
    let pipeline = Running::start(tenant, &settings).await;
    other.wait_ready(PATIENCE).await.unwrap();
    let locked = lock_writers(&pipeline).await;
    let ids = batches(&pipeline, EVENTS).await;
    for crash in 1..=2 {
        for service in [&pipeline.service, &other] {
            is_at_least(service, "redeliveries_total", f64::from(20 * (crash - 1))).await;
            is(service, "inflight_events", 20.0).await;
        }
        stack.rabbitmq.kill().await.unwrap();
        stack.rabbitmq.start().await.unwrap();
    }
    drop(locked);
    none_was_charged(&pipeline, &ids).await;
    for service in [&pipeline.service, &other] {
        assert!(counted(service, "redeliveries_total", &[]).await > 0.0);
        assert_eq!(counted(service, "suspects_total", &[]).await, 0.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_second_crash_new_events_are_stored_while_the_quarantined_ones_wait() {
    const EVENTS: usize = 24;
    // The first retry queue holds them for longer than the new ones take.
    let settings = patiently(&[("EVENT_PREFETCH_COUNT", "24"), ("RETRY_INITIAL_DELAY", "4")]);
    let pipeline = Running::shared("second-crash", &settings).await;
    let locked = lock_writers(&pipeline).await;
    let old = batches(&pipeline, EVENTS).await;
    is(&pipeline.service, "inflight_events", EVENTS as f64).await;
    pipeline.service.kill().await.unwrap();
    pipeline.service.start_again().unwrap();
    noted(&pipeline, EVENTS).await;
    is(&pipeline.service, "inflight_events", EVENTS as f64).await;
    pipeline.service.kill().await.unwrap();
    let new = batches(&pipeline, EVENTS).await;
    drop(locked);
    pipeline.service.start_again().unwrap();
    // Those in the retry queue are there for seconds.
    is_at_least(&pipeline.service, "quarantined_events", 1.0).await;
    let all: Vec<_> = old.iter().chain(&new).cloned().collect();
    none_was_charged(&pipeline, &all).await;
    assert_eq!(
        counted(&pipeline.service, "suspects_total", &[]).await,
        EVENTS as f64,
        "each went alone once"
    );
    let put_off = counted(&pipeline.service, "retries_total", &[("stage", "quarantine")]).await;
    assert!(
        put_off >= (EVENTS - 3) as f64,
        "of 24 deliveries three may wait here, {put_off} did not"
    );
    let earlier = "ingested_batches WHERE event_id = ANY ($1) AND committed_at < \
        (SELECT max(committed_at) FROM ingested_batches WHERE event_id = ANY ($2))";
    assert!(
        pipeline.count(earlier, &[&new, &old]).await > 0,
        "all new ones waited for all old ones"
    );
    is(&pipeline.service, "quarantined_events", 0.0).await;
    for (level, words) in [
        ("WARN", "worked on alone"),
        ("INFO", "no event is in quarantine any more"),
    ] {
        wait_for(words, PATIENCE, async || {
            let lines = pipeline.service.logs();
            let said = |log: &&serde_json::Value| {
                log["level"] == level && log["message"].as_str().is_some_and(|text| text.contains(words))
            };
            lines.iter().filter(said).count() == 1
        })
        .await
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_waits_on_a_slow_store_in_two_unrelated_crashes_is_stored() {
    let stack = Stack::shared().await;
    let tenant = stack.tenant("slow-store").await.unwrap();
    let proxies = Proxies::start(stack).await.unwrap();
    let service = tenant.service_through(&proxies, millrace(), &[]).unwrap();
    let pipeline = Running::with(tenant, service).await;
    for crash in 1..=2 {
        proxies.objects.order(Order::BlackHole);
        if crash == 1 {
            pipeline.batch("evt_waits", 1).await;
        } else {
            pipeline.service.start_again().unwrap();
            noted(&pipeline, 1).await;
        }
        is(&pipeline.service, "inflight_events", 1.0).await;
        pipeline.service.kill().await.unwrap();
        proxies.objects.order(Order::Pass);
    }
    pipeline.service.start_again().unwrap();
    none_was_charged(&pipeline, &["evt_waits".to_owned()]).await;
    assert_eq!(counted(&pipeline.service, "suspects_total", &[]).await, 1.0);
}
