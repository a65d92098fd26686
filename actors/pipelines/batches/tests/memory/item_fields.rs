//! Each field of an item, as large as a text may be, with many items and comments around it.

use crate::{heap, pipeline::Pipeline, places};
use serde_json::{Value, json};

/// The cap on a text.
const LARGE: usize = 1 << 20;
const ITEMS: usize = 300;
const COMMENTS: usize = 300;

/// A large value is in the object, in its row, in the statement and in the buffers of each, which double as they
/// grow. Times the items or the comments it would be three hundred of them.
const COPIES: usize = 16;

/// An item of each kind that crawlers send: those that the parser's own tests read.
fn fixtures() -> Vec<(&'static str, Value)> {
    let all = [
        include_str!("../../src/parse/platforms/tiktok/fixtures/full.json"),
        include_str!("../../src/parse/platforms/tiktok/fixtures/legacy.json"),
        include_str!("../../src/parse/platforms/youtube/fixtures/full.json"),
        include_str!("../../src/parse/platforms/youtube/fixtures/channel_only.json"),
    ];
    let names = ["tiktok", "legacy", "youtube", "channel"];
    let items = names.into_iter().zip(all).flat_map(|(name, text)| {
        let items = match serde_json::from_str(text).unwrap() {
            Value::Array(items) => items,
            Value::Object(mut around) => match around.remove("items") {
                Some(Value::Array(items)) => items,
                _ => vec![around.into()],
            },
            _ => unreachable!("a fixture has items"),
        };
        items.into_iter().map(move |item| (name, item))
    });
    items.collect()
}

/// Items that say no more than they must, each its own.
pub(crate) fn small_items(count: usize, batch: usize) -> Value {
    let item = |n| {
        json!({
            "meta": {"id": format!("small-{batch}-{n}"), "fetch_status": "success"},
            "content": {}, "author": {"username": format!("u{n}")},
        })
    };
    (0..count).map(item).collect()
}

pub(crate) fn message(number: usize) -> Vec<u8> {
    let event = json!({
        "event_id": format!("evt-{number}"),
        "payload": {"minio_path": format!("crawl-results/{number}.json"), "job_id": "p-kw-0", "platform": "tiktok"},
    });
    event.to_string().into_bytes()
}

/// The item, with many comments like its first one, among many small ones.
fn batch(item: &Value, number: usize) -> Vec<u8> {
    let mut item = item.clone();
    if let Some(comments) = item["comments"].as_array_mut() {
        let comment =
            |n| json!({"external_id": format!("c-{number}-{n}"), "author_name": "A", "text": "đẹp"});
        comments.extend((0..COMMENTS).map(comment));
    }
    let mut items = small_items(ITEMS, number);
    items.as_array_mut().unwrap().insert(0, item);
    items.to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_field_of_an_item_is_in_memory_once_for_each_item_or_comment() {
    let _alone = heap::alone().await;
    let mut pipeline = Pipeline::start().await;
    let base = heap::used();
    let mut number = 0;
    for (name, item) in fixtures() {
        number += 1;
        let (message, body) = (message(number), batch(&item, number));
        let (plain, stored) = heap::peak_of(base, pipeline.take(&message, body)).await;
        assert!(stored, "{name} is stored as it stands");
        for large in places::enlarged(&item) {
            number += 1;
            let (message, body) = (self::message(number), batch(&large.of(&item, LARGE), number));
            let sent = body.len();
            let (peak, _) = heap::peak_of(base, pipeline.take(&message, body)).await;
            let copies = peak.saturating_sub(plain) as f64 / LARGE as f64;
            eprintln!("{copies:>5.1} of {} KiB  {name}{}", sent >> 10, large.what);
            assert!(
                peak <= plain + COPIES * LARGE,
                "{name}{}: {copies:.1} copies",
                large.what
            );
        }
    }
}
