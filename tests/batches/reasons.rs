//! Each reason of the contract is sent and comes out as itself; good neighbours are stored.

use crate::running::{Running, batch_of, event, fresh_id};
use millrace_stack::Message;
use serde_json::{Value, json};

/// Checks the one dead letter: its reason, its headers, its untouched body.
fn assert_dead_letter(letter: &Message, reason: &str, body: &str, event_id: Option<&str>) {
    assert_eq!(
        letter.header("x-millrace-reason").as_deref(),
        Some(reason),
        "{letter:?}"
    );
    assert_eq!(letter.header("x-millrace-event-id").as_deref(), event_id);
    assert_eq!(letter.payload, body);
    assert!(
        letter
            .header("x-millrace-detail")
            .is_some_and(|detail| !detail.is_empty())
    );
    assert_eq!(letter.header("x-millrace-attempts").as_deref(), Some("1"));
    let first_seen = letter.header("x-millrace-first-seen").unwrap();
    assert!(first_seen.parse::<jiff::Timestamp>().is_ok(), "{first_seen}");
}

async fn dead_letters(
    pipeline: &Running<'_>,
    already: usize,
    reason: &str,
    body: &str,
    event_id: Option<&str>,
) {
    pipeline.publish(body).await;
    let letters = pipeline.dead_letters(already + 1).await;
    let letter = letters
        .iter()
        .find(|letter| letter.header("x-millrace-reason").as_deref() == Some(reason));
    let letter = letter.unwrap_or_else(|| panic!("no {reason} among {letters:?}"));
    assert_dead_letter(letter, reason, body, event_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_cannot_be_read() {
    let pipeline = Running::shared("bad-events", &[]).await;
    dead_letters(&pipeline, 0, "malformed_event", "{not json", None).await;
    let mut other = event("evt_other", "crawl-results/a.json");
    other["event_type"] = "data.deleted".into();
    dead_letters(
        &pipeline,
        1,
        "unsupported_event_type",
        &other.to_string(),
        Some("evt_other"),
    )
    .await;
    let path = event("evt_path", "crawl-results/../secrets.json").to_string();
    dead_letters(&pipeline, 2, "bad_path", &path, Some("evt_path")).await;
    let bucket = event("evt_bucket", "not-allowed/a.json").to_string();
    dead_letters(&pipeline, 3, "bucket_not_allowed", &bucket, Some("evt_bucket")).await;
    pipeline.queue_empties().await;
    let metrics = pipeline.service.metrics().await.unwrap();
    assert_eq!(metrics.sum("analytics_dead_letters_total", &[]), Some(4.0));
    assert_eq!(
        metrics.sum("analytics_events_failed_total", &[("reason", "bad_path")]),
        Some(1.0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_cannot_be_read() {
    let settings = [
        ("OBJECT_GRACE_SECONDS", "1"),
        ("RETRY_INITIAL_DELAY", "0.2"),
        ("MAX_OBJECT_MB", "1"),
        ("MAX_DECOMPRESSED_MB", "2"),
        ("MAX_ITEMS_PER_BATCH", "100"),
    ];
    let pipeline = Running::shared("bad-objects", &settings).await;
    let zstd = |body: &[u8]| zstd::encode_all(body, 3).unwrap();
    let truncated = {
        let whole = zstd(batch_of("cut", 50).as_bytes());
        whole[..whole.len() / 2].to_vec()
    };
    let too_many = batch_of("many", 101);
    let deep = "[".repeat(100);
    let objects: [(&str, Vec<u8>); 6] = [
        ("object_too_large", vec![b' '; (1 << 20) + 1]),
        ("decompression_failed", truncated),
        ("decompressed_too_large", zstd(&vec![b' '; 3 << 20])),
        ("malformed_json", b"[{\"meta\": ".to_vec()),
        ("too_deep", deep.into_bytes()),
        ("too_many_items", too_many.into_bytes()),
    ];
    for (already, (reason, body)) in objects.into_iter().enumerate() {
        let path = pipeline.put(&format!("tiktok/{reason}"), body).await;
        let id = format!("evt_{reason}");
        dead_letters(
            &pipeline,
            already,
            reason,
            &event(&id, &path).to_string(),
            Some(&id),
        )
        .await;
    }
    let path = format!("{}/tiktok/not-there.json", pipeline.tenant.bucket());
    pipeline.announce("evt_missing", &path).await;
    let letters = pipeline.dead_letters(7).await;
    assert!(
        letters
            .iter()
            .any(|letter| letter.header("x-millrace-reason").as_deref() == Some("object_missing"))
    );
    let good = fresh_id();
    pipeline.batch(&good, 3).await;
    pipeline.stored(&[good]).await;
    pipeline.queue_empties().await;
}

/// Each form of body: of three items, the second with the slip, and who reads Python's output.
#[tokio::test(flavor = "multi_thread")]
async fn an_item_with_a_slip_of_syntax_costs_itself_alone() {
    let pipeline = Running::shared("slips", &[]).await;
    let item = |name: &str, views: &str| {
        format!(
            "{{\"meta\":{{\"id\":\"{name}\",\"fetch_status\":\"success\"}},\"content\":{{\"description\":\"one\ntwo\",\"view_count\":{views}}}}}"
        )
    };
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let mut bodies = Vec::new();
    for (slip, views) in [
        ("zero", "07"),
        ("none", "None"),
        ("deep", &*deep),
        ("quote", "\"7"),
    ] {
        let items = ["a", "b", "c"].map(|place| {
            let views = match place {
                "a" => "NaN",
                "b" => views,
                _ => "7",
            };
            item(&format!("{slip}-{place}"), views)
        });
        bodies.push((slip, format!("[{}]", items.join(","))));
        let lines = items.map(|item| item.replace('\n', " ").replace(slip, &format!("{slip}-line")));
        bodies.push((slip, format!("\u{feff}{}\n\0\0", lines.join("\n"))));
    }
    let mut ids = Vec::new();
    for (number, (slip, body)) in bodies.iter().enumerate() {
        let path = pipeline
            .put(&format!("tiktok/{slip}-{number}.json"), body.as_bytes())
            .await;
        let id = fresh_id();
        pipeline.announce(&id, &path).await;
        ids.push(id);
    }
    pipeline.stored(&ids).await;
    assert_eq!(pipeline.count("post_analytics", &[]).await, 16);
    let rows = "SELECT reason, raw FROM rejected_items WHERE item_index = 1 ORDER BY object_path";
    let rejected: Vec<(String, String)> = pipeline
        .database
        .query(rows, &[])
        .await
        .unwrap()
        .into_iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    assert_eq!(rejected.len(), 8);
    for (reason, raw) in &rejected {
        let is_deep = raw.contains("deep");
        assert_eq!(reason, if is_deep { "too_deep" } else { "malformed_item" });
        assert!(bodies.iter().any(|(_, body)| body.contains(raw)), "{raw}");
    }
    let metrics = pipeline.service.metrics().await.unwrap();
    let cleaned = |kind| metrics.sum("analytics_values_cleaned_total", &[("kind", kind)]);
    assert_eq!(cleaned("not_a_number"), Some(8.0));
    assert_eq!(cleaned("control_escaped"), Some(8.0));
    assert_eq!(cleaned("padding_skipped"), Some(4.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_object_is_waited_for() {
    let pipeline = Running::shared("late-object", &[("RETRY_INITIAL_DELAY", "0.2")]).await;
    let id = fresh_id();
    let path = format!("{}/tiktok/{id}.json", pipeline.tenant.bucket());
    pipeline.announce(&id, &path).await;
    millrace_stack::wait_for("a retry", crate::running::PATIENCE, async || {
        let metrics = pipeline.service.metrics().await.ok()?;
        metrics
            .sum("analytics_retries_total", &[("stage", "fetcher")])
            .filter(|retries| *retries >= 1.0)
    })
    .await
    .unwrap();
    pipeline.put(&format!("tiktok/{id}.json"), batch_of(&id, 1)).await;
    pipeline.stored(&[id]).await;
    pipeline.queue_empties().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_beyond_the_cap_are_told_in_rejected_items() {
    let pipeline = Running::shared("many-comments", &[("MAX_COMMENTS_PER_BATCH", "3")]).await;
    let item = |id: &str, comments: std::ops::Range<u32>| {
        let comments: Vec<_> = comments.map(|n| json!({"id": format!("{id}-{n}")})).collect();
        json!({"meta": {"id": id, "fetch_status": "success"}, "content": {}, "comments": comments})
    };
    let items = json!([item("a", 0..2), item("b", 0..3), item("c", 0..0)]);
    let path = pipeline.put("tiktok/many-comments.json", items.to_string()).await;
    let id = fresh_id();
    pipeline.announce(&id, &path).await;
    pipeline.stored(std::slice::from_ref(&id)).await;
    let told = "SELECT item_index, reason, detail, raw, event_id FROM rejected_items";
    let row = pipeline.database.query_one(told, &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1)), (1_i64, "too_many_comments"));
    let detail: &str = row.get(2);
    assert!(
        detail.starts_with("2 comments are beyond the 3 of a batch"),
        "{detail}"
    );
    assert_eq!((row.get(3), row.get(4)), (r#"{"meta":{"id":"b"}}"#, id.as_str()));
    let left = "SELECT jsonb_array_length(extra->'comments')::bigint FROM post_analytics WHERE id = 'b'";
    let left: i64 = pipeline.database.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!((left, pipeline.count("comments", &[]).await), (2, 3));
    let ledger = "SELECT item_count, success_count, rejected_count FROM ingested_batches";
    let ledger = pipeline.database.query_one(ledger, &[]).await.unwrap();
    let counts: [i64; 3] = [ledger.get(0), ledger.get(1), ledger.get(2)];
    assert_eq!(counts, [3, 3, 0], "no item of its own");
    let metrics = pipeline.service.metrics().await.unwrap();
    let sum = |name: &str, label: (&str, &str)| metrics.sum(name, &[label]);
    let over = ("kind", "comments_over_cap");
    assert_eq!(sum("analytics_values_cleaned_total", over), Some(2.0));
    let table = ("table", "rejected_items");
    assert_eq!(sum("analytics_rows_written_total", table), Some(1.0));
    let status = ("status", "rejected");
    assert_eq!(sum("analytics_items_processed_total", status), Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_item_costs_itself_and_not_its_neighbours() {
    let pipeline = Running::shared("bad-items", &[]).await;
    let mut items: Vec<Value> = serde_json::from_str(&batch_of("neighbours", 4)).unwrap();
    items[1] = json!("no object at all");
    items[2]["meta"]["fetch_status"] = "perhaps".into();
    items.push(json!({"meta": {"fetch_status": "success"}, "content": {}}));
    items.push(json!({"meta": {"id": "gone", "fetch_status": "ERROR", "error_code": " content_removed "}, "content": null}));
    let path = pipeline
        .put("tiktok/mixed.json", Value::from(items).to_string())
        .await;
    let id = fresh_id();
    pipeline.announce(&id, &path).await;
    pipeline.stored(std::slice::from_ref(&id)).await;
    let rows = "SELECT item_index, reason, raw <> '' FROM rejected_items ORDER BY item_index";
    let rejected: Vec<(i64, String, bool)> = pipeline
        .database
        .query(rows, &[])
        .await
        .unwrap()
        .into_iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    let expected = [
        (1, "malformed_item"),
        (2, "unknown_fetch_status"),
        (4, "missing_id"),
    ];
    assert_eq!(
        rejected,
        expected.map(|(index, reason)| (index, reason.to_owned(), true))
    );
    assert_eq!(pipeline.count("post_analytics", &[]).await, 2);
    let code = "SELECT error_code, error_category, retryable FROM crawl_errors";
    let row = pipeline.database.query_one(code, &[]).await.unwrap();
    assert_eq!(
        (row.get(0), row.get(1), row.get(2)),
        ("CONTENT_REMOVED", "content", false)
    );
}
