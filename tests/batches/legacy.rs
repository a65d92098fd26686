//! Messages of the older producers pass the same stages and land in the same tables.

use crate::running::{Running, batch_of};
use serde_json::{Value, json};

const QUEUE: &str = "tiktok_result_queue";

#[tokio::test(flavor = "multi_thread")]
async fn references_arrays_and_inline_items_are_stored_once() {
    let pipeline = Running::shared("legacy", &[("LEGACY_MODE_ENABLED", "true")]).await;
    pipeline.put("old/one.json", batch_of("referenced", 2)).await;
    let items: Value = serde_json::from_str(&batch_of("array", 3)).unwrap();
    let inline: Value = serde_json::from_str(&batch_of("inline", 1)).unwrap();
    let messages = [
        json!({"data_ref": {"bucket": pipeline.tenant.bucket(), "path": "old/one.json"}}),
        json!({"payload": items}),
        inline[0].clone(),
    ];
    for message in messages.iter().chain(&messages) {
        assert!(
            pipeline
                .tenant
                .publish("", QUEUE, message.to_string())
                .await
                .unwrap()
        );
    }
    pipeline
        .tenant
        .wait_until_empty(QUEUE, crate::running::PATIENCE)
        .await
        .unwrap();
    assert_eq!(
        pipeline
            .count("post_analytics WHERE platform = 'tiktok'", &[])
            .await,
        6
    );
    assert_eq!(
        pipeline.count("ingested_batches", &[]).await,
        3,
        "the second copies are duplicates"
    );
}
