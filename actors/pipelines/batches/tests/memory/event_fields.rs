//! Each field of an event, as large as an event may be.

use crate::{heap, item_fields::small_items, pipeline::Pipeline, places};
use serde_json::{Value, json};

/// Nearly all of the 1 MiB that an event may have.
const LARGE: usize = 900_000;
const ITEMS: usize = 1_000;

/// What reading an event takes: JSON as a tree, and a statement of 4 MiB in its buffers. A text in each of a
/// thousand rows would be 900 MB.
const MOST: usize = 40 << 20;

/// All fields that an event may have, by the schema that producers are given.
fn event() -> Value {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../../schema/events/data.collected.json")).unwrap();
    let mut event: Value = serde_json::from_str(include_str!(
        "../../../../../schema/events/examples/valid-full.json"
    ))
    .unwrap();
    for (place, fields) in [
        ("", "/properties"),
        ("/payload", "/properties/payload/properties"),
    ] {
        let names: Vec<_> = schema
            .pointer(fields)
            .unwrap()
            .as_object()
            .unwrap()
            .keys()
            .collect();
        let part = event.pointer_mut(place).unwrap().as_object_mut().unwrap();
        for name in names {
            part.entry(name).or_insert(json!("x"));
        }
    }
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn no_field_of_an_event_is_in_memory_once_for_each_item() {
    let _alone = heap::alone().await;
    let mut pipeline = Pipeline::start().await;
    pipeline.keep_no_posts().await;
    let plain = event();
    let id = plain["event_id"].as_str().unwrap().to_owned();
    let base = heap::used();
    let mut most = (0, String::new());
    for (number, large) in places::enlarged(&plain).into_iter().enumerate() {
        let mut event = large.of(&plain, LARGE);
        if event["event_id"].as_str() == Some(id.as_str()) {
            event["event_id"] = format!("evt-{number}").into();
        }
        let message = event.to_string().into_bytes();
        let body = small_items(ITEMS, number).to_string().into_bytes();
        let (peak, stored) = heap::peak_of(base, pipeline.take(&message, body)).await;
        eprintln!("{:>7} KiB  {} {stored}", peak >> 10, large.what);
        assert!(peak <= MOST, "{}: {} MiB at once", large.what, peak >> 20);
        most = most.max((peak, large.what));
    }
    assert!(most.0 > LARGE, "something was read: {most:?}");
}
