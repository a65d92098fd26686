//! Bytes in flight stay within the budget, whatever is queued.

use crate::running::{DLQ, PATIENCE, Running, batch_of, event, fresh_id};
use millrace_stack::wait_for;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const MIB: u64 = 1 << 20;
const BUDGET_MB: u64 = 48;
/// What the README promises of resident memory: what it is at rest, and this many budgets.
const PROMISED_BUDGETS: f64 = 1.3;

/// A batch of about `mib` MiB of JSON, packed to much less, whose rows are many and small.
fn packed_batch(name: &str, mib: u64) -> Vec<u8> {
    let comment = |n: usize| json!({"external_id": format!("{name}-{n}"), "author_name": "Nguyễn Văn A", "text": "đẹp quá ".repeat(20)});
    let item = |n: usize| {
        json!({
            "meta": {"id": format!("{name}-{n}"), "fetch_status": "success", "crawled_at": "2025-12-06T10:15:30Z"},
            "content": {"description": "Xe đẹp quá!", "view_count": 7},
            "author": {"username": format!("author-{n}")},
            "comments": (0..16).map(|c| comment(n * 16 + c)).collect::<Value>(),
        })
    };
    let one = item(0).to_string().len() as u64;
    let items = usize::try_from(mib * MIB / one).unwrap();
    let json = Value::from_iter((0..items).map(item)).to_string();
    zstd::encode_all(json.as_bytes(), 3).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn resident_memory_follows_the_budget_and_not_the_queue() {
    let budget = BUDGET_MB.to_string();
    let settings = [
        ("MEMORY_BUDGET_MB", budget.as_str()),
        ("EVENT_PREFETCH_COUNT", "40"),
        ("MAX_WORKERS", "6"),
    ];
    let pipeline = Running::shared("memory", &settings).await;
    let base = pipeline.service.memory_kib("VmRSS").unwrap();
    // As rows they would be a dozen times the budget.
    for _ in 0..24 {
        announce(&pipeline, 8).await;
    }
    let most = in_flight_until_stored(&pipeline, 24).await;
    assert!(most <= BUDGET_MB * MIB, "{most} bytes in flight");
    let peak = pipeline.service.memory_kib("VmHWM").unwrap();
    let budgets = (peak - base) as f64 * 1024.0 / (BUDGET_MB * MIB) as f64;
    eprintln!(
        "at rest {} MiB, peak {} MiB: {budgets:.2} budgets",
        base >> 10,
        peak >> 10
    );
    assert!(
        budgets <= PROMISED_BUDGETS,
        "{budgets:.2} budgets above {} MiB",
        base >> 10
    );

    // Larger than the whole budget once it is unpacked: alone, but not refused.
    announce(&pipeline, 30).await;
    assert!(in_flight_until_stored(&pipeline, 25).await > 0);
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
}

/// One input times another must not be what is in memory: each text of an event is a column of each of its posts, in
/// its log lines, its spans and what is remembered of it, and in the headers of its copies.
#[tokio::test(flavor = "multi_thread")]
async fn no_field_of_an_event_is_in_memory_once_for_each_item() {
    const ITEMS: usize = 150;
    const LETTERS: usize = 450_000;
    let budget = BUDGET_MB.to_string();
    let settings = [
        ("MEMORY_BUDGET_MB", budget.as_str()),
        ("EVENT_PREFETCH_COUNT", "1"),
        ("LOG_LEVEL", "debug"),
    ];
    let pipeline = Running::shared("event-text", &settings).await;
    let base = pipeline.service.memory_kib("VmRSS").unwrap();
    for (settled, place) in event_fields().into_iter().enumerate() {
        let id = fresh_id();
        let path = pipeline.put(&format!("{id}.json"), batch_of(&id, ITEMS)).await;
        let mut event = event(&id, &path);
        let (part, field) = place.rsplit_once('/').unwrap();
        event.pointer_mut(part).unwrap()[field] = "đ".repeat(LETTERS).into();
        pipeline.publish(event.to_string()).await;
        until_settled(&pipeline, settled + 1).await;
        let peak = pipeline.service.memory_kib("VmHWM").unwrap();
        let budgets = (peak - base) as f64 * 1024.0 / (BUDGET_MB * MIB) as f64;
        eprintln!("{place}: {budgets:.2} budgets above {} MiB", base >> 10);
        assert!(budgets <= PROMISED_BUDGETS, "{place}: {budgets:.2} budgets");
    }
    let sum = "SELECT sum(length(keyword_source)) FROM post_analytics WHERE length(keyword_source) > 100";
    let characters: i64 = pipeline.database.query_one(sum, &[]).await.unwrap().get(0);
    assert_eq!(
        characters,
        (LETTERS * ITEMS) as i64,
        "nothing is cut below the cap"
    );
    let longest = pipeline.service.lines().iter().map(String::len).max();
    assert!(longest < Some(16 << 10), "a log line has {longest:?} bytes");
}

/// Each field that the schema knows, and one in each object that it does not.
fn event_fields() -> Vec<String> {
    let schema: Value =
        serde_json::from_str(include_str!("../../schema/events/data.collected.json")).unwrap();
    let names = |place: &str| {
        let known = schema.pointer(place).and_then(Value::as_object).unwrap().keys();
        known.cloned().chain(["unknown".to_owned()]).collect::<Vec<_>>()
    };
    let top = names("/properties").into_iter().filter(|name| name != "payload");
    let payload = names("/properties/payload/properties").into_iter();
    top.map(|name| format!("/{name}"))
        .chain(payload.map(|name| format!("/payload/{name}")))
        .collect()
}

/// Waits until so many events are stored or dead letters.
async fn until_settled(pipeline: &Running<'_>, events: usize) {
    wait_for("the event to be settled", PATIENCE * 2, async || {
        let stored = pipeline.count("ingested_batches", &[]).await as usize;
        let metrics = pipeline
            .service
            .metrics()
            .await
            .map_err(|error| error.to_string())?;
        let dead = metrics
            .sum("analytics_dead_letters_total", &[])
            .unwrap_or_default() as usize;
        match stored + dead == events {
            true => Ok(()),
            false => Err(format!("{stored} stored and {dead} dead letters of {events}")),
        }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.service.lines().join("\n")));
}

async fn announce(pipeline: &Running<'_>, mib: u64) {
    let id = fresh_id();
    let path = pipeline
        .put(&format!("{id}.json.zst"), packed_batch(&id, mib))
        .await;
    pipeline.announce(&id, &path).await;
}

/// Waits until so many batches are stored; the most bytes that were in flight at one look.
async fn in_flight_until_stored(pipeline: &Running<'_>, batches: i64) -> u64 {
    let most = AtomicU64::new(0);
    wait_for("all batches to be stored", PATIENCE * 5, async || {
        let metrics = pipeline
            .service
            .metrics()
            .await
            .map_err(|error| error.to_string())?;
        let bytes = metrics.sum("analytics_inflight_bytes", &[]).unwrap_or_default();
        most.fetch_max(bytes as u64, Relaxed);
        let stored = pipeline.count("ingested_batches", &[]).await;
        if stored == batches {
            Ok(())
        } else {
            Err(format!("{stored} of {batches}"))
        }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.service.lines().join("\n")));
    most.into_inner()
}
