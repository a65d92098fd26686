//! What does a crash cost what goes on? Batches a second before and after, in one run, side by side:
//!
//! - `broker`: SIGKILL of the broker while messages wait in a classic queue. It flags them all as redelivered.
//! - `process`: SIGKILL of the only replica with a prefetch of 500.
//! - `replica`: SIGKILL of one of two replicas.
//!
//! Each once, and then twice in a row, so that what was at hand at two crashes is quarantined. `before` is the rate of the
//! five seconds before the crash; `after` that of the five seconds that begin five seconds after the first commit of
//! a process that came back, so that the time that a broker or a process needs to start is not part of it.
//!
//! `CRASH=Broker`, `Process` or `Replica` measures one of them alone.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use futures_util::{StreamExt, stream};
use millrace_stack::{Service, Stack, Tenant, wait_for};
use object_store::ObjectStoreExt as _;
use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use tokio_postgres::Client;

const QUEUE: &str = "analytics.data.collected";
/// More than are stored until the end of it.
const EVENTS: usize = 12_000;
const PREFETCH: &str = "500";
const ITEMS: usize = 20;
const COMMENTS: usize = 60;
const WINDOW: f64 = 5.0;
const PATIENCE: Duration = Duration::from_secs(300);
const PUBLICATIONS: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Crash {
    Broker,
    Process,
    Replica,
}

#[tokio::main]
async fn main() {
    let only = std::env::var("CRASH").ok();
    for crash in [Crash::Broker, Crash::Process, Crash::Replica] {
        if only.as_ref().is_some_and(|only| *only != format!("{crash:?}")) {
            continue;
        }
        let stack = Stack::start().await.unwrap();
        measure(&stack, crash).await;
    }
}

async fn measure(stack: &Stack, crash: Crash) {
    let tenant = stack.tenant("restarts").await.unwrap();
    let classic = json!({"x-queue-type": "classic"});
    tenant.declare_queue(QUEUE, classic).await.unwrap();
    let settings = [("EVENT_PREFETCH_COUNT", PREFETCH), ("LOG_LEVEL", "warn")];
    let millrace = Path::new(env!("CARGO_BIN_EXE_millrace"));
    let replicas = if crash == Crash::Replica { 2 } else { 1 };
    let services: Vec<_> = (0..replicas)
        .map(|_| tenant.service(millrace, &settings).unwrap())
        .collect();
    for service in &services {
        service.wait_ready(PATIENCE).await.unwrap();
        service.pause().unwrap();
    }
    publish(&tenant).await;
    for service in &services {
        service.resume().unwrap();
    }
    let database = tenant.connect_postgres().await.unwrap();
    for number in 1..=2 {
        let since = now(&database).await;
        stored_for(&database, since, WINDOW + 1.0).await;
        let crashed = now(&database).await;
        let before = rate(&database, crashed - WINDOW).await;
        inflict(stack, &services, crash).await;
        if number == 2 {
            noted(&database).await;
            if crash == Crash::Replica {
                services[0].kill().await.unwrap();
                services[0].start_again().unwrap();
            } else {
                inflict(stack, &services, crash).await;
            }
        }
        let back = first_commit_after(&database, now(&database).await).await;
        stored_for(&database, back, 2.0 * WINDOW).await;
        let after = rate(&database, back + WINDOW).await;
        let mut alone = 0.0;
        for service in &services {
            // One that is dead says nothing.
            let metrics = service.metrics().await.unwrap_or_default();
            alone += metrics.sum("analytics_suspects_total", &[]).unwrap_or_default();
        }
        println!(
            "{crash:?}, crash {number}: {before:.0} batches/s before, {after:.0} after: {:.2}; {alone:.0} went alone",
            after / before
        );
        if crash == Crash::Replica {
            services[1].start_again().unwrap();
            services[1].wait_ready(PATIENCE).await.unwrap();
        }
    }
}

/// Waits until redelivered events are noted as at hand.
async fn noted(database: &Client) {
    wait_for("notes", PATIENCE, async || {
        let noted: i64 = database
            .query_one("SELECT count(*) FROM suspects", &[])
            .await
            .unwrap()
            .get(0);
        noted > 0
    })
    .await
    .unwrap();
}

async fn inflict(stack: &Stack, services: &[Service], crash: Crash) {
    match crash {
        Crash::Broker => {
            stack.rabbitmq.kill().await.unwrap();
            stack.rabbitmq.start().await.unwrap();
        }
        Crash::Process => {
            services[0].kill().await.unwrap();
            services[0].start_again().unwrap();
        }
        Crash::Replica => services[1].kill().await.unwrap(),
    }
}

/// Batches of the size of a small crawl.
async fn publish(tenant: &Tenant<'_>) {
    let store = tenant.objects().unwrap();
    stream::iter(0..EVENTS)
        .for_each_concurrent(PUBLICATIONS, async |number| {
            let key = format!("tiktok/{number}.json");
            let items: Vec<_> = (0..ITEMS).map(|item| item_of(number, item)).collect();
            let body = Value::from(items).to_string().into_bytes();
            store.put(&key.as_str().into(), body.into()).await.unwrap();
            let event = json!({"event_id": format!("evt_{number}"), "payload": {
                "project_id": "p", "job_id": "p-kw-0", "platform": "tiktok", "minio_path": format!("{}/{key}", tenant.bucket()),
            }});
            let routed = tenant.publish("smap.events", "data.collected", event.to_string()).await;
            assert!(routed.unwrap());
        })
        .await;
}

fn item_of(number: usize, item: usize) -> Value {
    json!({
        "meta": {"id": format!("{number}-{item}"), "fetch_status": "success", "crawled_at": "2025-12-06T10:15:30Z"},
        "content": {"description": "Xe đẹp quá!", "view_count": 7},
        "author": {"username": format!("author-{}", number % 300)},
        "comments": (0..COMMENTS).map(|comment| json!({"id": format!("{number}-{item}-{comment}"), "text": "hay quá"})).collect::<Vec<_>>(),
    })
}

/// Seconds on the clock of the database.
async fn now(database: &Client) -> f64 {
    let sql = "SELECT extract(epoch FROM clock_timestamp())::float8";
    database.query_one(sql, &[]).await.unwrap().get(0)
}

/// Batches a second in the window that begins then.
async fn rate(database: &Client, from: f64) -> f64 {
    let sql = "SELECT count(*) FROM ingested_batches WHERE committed_at >= to_timestamp($1) AND committed_at < to_timestamp($2)";
    let stored: i64 = database
        .query_one(sql, &[&from, &(from + WINDOW)])
        .await
        .unwrap()
        .get(0);
    stored as f64 / WINDOW
}

async fn first_commit_after(database: &Client, then: f64) -> f64 {
    let sql = "SELECT extract(epoch FROM min(committed_at))::float8 FROM ingested_batches WHERE committed_at > to_timestamp($1)";
    wait_for("a commit after the crash", PATIENCE, async || {
        let first: Option<f64> = database.query_one(sql, &[&then]).await.unwrap().get(0);
        first.ok_or("none")
    })
    .await
    .unwrap()
}

/// Waits until commits have gone on for so many seconds after that moment.
async fn stored_for(database: &Client, since: f64, seconds: f64) {
    wait_for("time to pass", PATIENCE, async || {
        now(database).await >= since + seconds
    })
    .await
    .unwrap();
    let stored: i64 = database
        .query_one("SELECT count(*) FROM ingested_batches", &[])
        .await
        .unwrap()
        .get(0);
    assert!(
        (stored as usize) < EVENTS,
        "all events are stored: the rate says nothing any more"
    );
}
