//! Bytes in flight stay within the budget, whatever is queued.

use crate::running::{DLQ, PATIENCE, Running, fresh_id};
use millrace_stack::wait_for;
use serde_json::{Value, json};

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
    let line = Running::shared("memory", &settings).await;
    let base = line.service.memory_kib("VmRSS").unwrap();
    // Unpacked they are ten times the budget; one of them alone is larger than half of it.
    let ids: Vec<_> = (0..60).map(|_| fresh_id()).collect();
    for (number, id) in ids.iter().enumerate() {
        let mib = if number == 30 { 30 } else { 8 };
        let path = line.put(&format!("{id}.json.zst"), packed_batch(id, mib)).await;
        line.announce(id, &path).await;
    }
    let most_in_flight = std::sync::atomic::AtomicU64::new(0);
    wait_for("all batches to be stored", PATIENCE * 5, async || {
        let metrics = line.service.metrics().await.map_err(|error| error.to_string())?;
        let bytes = metrics.sum("analytics_inflight_bytes", &[]).unwrap_or_default() as u64;
        most_in_flight.fetch_max(bytes, std::sync::atomic::Ordering::Relaxed);
        let stored = line.count("ingested_batches", &[]).await;
        if stored == 60 { Ok(()) } else { Err(format!("{stored} of 60")) }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", line.service.lines().join("\n")));
    let most = most_in_flight.into_inner();
    eprintln!("in flight at most {} MiB", most / MIB);
    let peak = line.service.memory_kib("VmHWM").unwrap();
    let budgets = (peak - base) as f64 * 1024.0 / (BUDGET_MB * MIB) as f64;
    eprintln!("at rest {} MiB, peak {} MiB: {budgets:.2} budgets", base >> 10, peak >> 10);
    assert!(line.tenant.peek(DLQ, 1).await.unwrap().is_empty());
    assert!(budgets <= PROMISED_BUDGETS, "{budgets:.2} budgets above {} MiB", base >> 10);
}
