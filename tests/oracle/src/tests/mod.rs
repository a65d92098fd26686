mod cases;
mod comparison;
mod dead_letters;
mod facebook;
mod guide;
mod merging;

use crate::{Expected, Objects, OracleSettings, expect};
use serde_json::{Value, json};

/// An event that announces `crawl-results/NAME.json`.
fn event(name: &str) -> Value {
    json!({
        "event_id": format!("evt_{name}"),
        "timestamp": "2025-12-06T10:30:00.000Z",
        "payload": {
            "project_id": "proj_xyz789",
            "job_id": "proj_xyz789-brand-0",
            "platform": "tiktok",
            "minio_path": format!("crawl-results/{name}.json"),
            "content_count": 2,
            "batch_index": 1,
            "total_batches": 10,
        },
    })
}

fn object(name: &str, body: impl Into<Vec<u8>>) -> ((String, String), Vec<u8>) {
    (("crawl-results".to_owned(), format!("{name}.json")), body.into())
}

/// What batches of these names and items make, in this order.
fn expect_batches(batches: &[(&str, Value)]) -> Expected {
    let objects: Objects = batches
        .iter()
        .map(|(name, items)| object(name, items.to_string()))
        .collect();
    let events = batches.iter().map(|(name, _)| event(name).to_string());
    expect(events, &objects, &OracleSettings::default())
}

fn guide_batch() -> Value {
    serde_json::from_str(include_str!("../../fixtures/guide_batch.json")).unwrap()
}
