//! Which row an item becomes, and what is kept when it becomes none.

use crate::{
    domain::{Items, Reason},
    parse::testkit::{items, post},
};

fn rejected(item: &str) -> (Reason, String) {
    let mut items = items(format!(r#"[{{"meta":{{"id":"ok"}},"content":{{}}}},{item}]"#));
    assert_eq!(items.posts.len(), 1, "its neighbour is stored");
    let row = items.rejected.remove(0);
    assert_eq!(row.item_index, 1);
    assert_eq!(row.raw, item);
    (row.reason, row.detail)
}

#[test]
fn an_item_that_is_no_object_is_malformed() {
    for item in ["null", "1", "\"text\"", "[]", "true"] {
        assert_eq!(rejected(item).0, Reason::MalformedItem, "{item}");
    }
    for item in [
        "{}",
        r#"{"meta":null}"#,
        r#"{"content":{"description":"no meta"}}"#,
    ] {
        assert_eq!(
            rejected(item),
            (Reason::MalformedItem, "no meta".to_owned()),
            "{item}"
        );
    }
    assert_eq!(rejected(r#"{"meta":[1]}"#).1, "meta is not an object");
}

#[test]
fn an_item_without_an_id_is_missing_id() {
    for item in [
        r#"{"meta":{}}"#,
        r#"{"meta":{"fetch_status":"success"}}"#,
        r#"{"meta":{"id":null}}"#,
        r#"{"meta":{"id":""}}"#,
        r#"{"meta":{"id":"  "}}"#,
        r#"{"meta":{"id":"NULL"},"content":{}}"#,
        r#"{"meta":{"id":{"a":1}},"content":{}}"#,
        r#"{"meta":{"id":true},"content":{}}"#,
    ] {
        assert_eq!(rejected(item).0, Reason::MissingId, "{item}");
    }
}

#[test]
fn an_id_that_no_index_takes_is_malformed() {
    for id in [format!("\"{}\"", "x".repeat(513)), "1".repeat(513)] {
        let (reason, detail) = rejected(&format!(r#"{{"meta":{{"id":{id}}},"content":{{}}}}"#));
        assert_eq!(reason, Reason::MalformedItem);
        assert!(detail.contains("at most 512"), "{detail}");
    }
    let fits = "1".repeat(512);
    assert_eq!(
        post(format!(r#"{{"meta":{{"id":{fits}}},"content":{{}}}}"#)).id,
        fits
    );
}

#[test]
fn an_unknown_fetch_status_is_rejected() {
    for item in [
        r#"{"meta":{"id":"1","fetch_status":"pending"},"content":{}}"#,
        r#"{"meta":{"id":"1","fetch_status":1},"content":{}}"#,
        r#"{"meta":{"id":"1"}}"#,
        r#"{"meta":{"id":"1"},"content":null}"#,
        r#"{"meta":{"id":"1","fetch_status":"NULL"},"content":"text"}"#,
    ] {
        assert_eq!(rejected(item).0, Reason::UnknownFetchStatus, "{item}");
    }
    let long = "é".repeat(1_000);
    let (_, detail) = rejected(&format!(r#"{{"meta":{{"id":"1","fetch_status":"{long}"}}}}"#));
    assert!(detail.len() < 200);
}

#[test]
fn the_status_decides_the_table_in_any_case() {
    let with = |status: &str| items(format!(r#"[{{"meta":{{"id":"1",{status}}},"content":{{}}}}]"#));
    let counts = |items: Items| (items.posts.len(), items.errors.len());
    assert_eq!(counts(with(r#""fetch_status":"SUCCESS""#)), (1, 0));
    assert_eq!(counts(with(r#""fetch_status":"Error""#)), (0, 1));
    assert_eq!(counts(with(r#""x":1"#)), (1, 0));
    let legacy = post(r#"{"meta":{"id":"1"},"content":{}}"#);
    assert_eq!(legacy.fetch_status, None);
    let sent = post(r#"{"meta":{"id":"1","fetch_status":"Success"},"content":null}"#);
    assert_eq!(sent.fetch_status.as_deref(), Some("success"));
}

#[test]
fn an_error_item_is_a_crawl_error_with_everything_it_said() {
    let item = r#"{"meta":{"id":7,"platform":"TikTok","job_id":"proj_xyz-brand-0","task_type":"t","fetch_status":"error",
        "error_code":" timeout ","error_message":"too slow","error_details":{"ms":1e3},"permalink":"https://x/7",
        "crawled_at":"2025-12-06T10:15:30Z"},"content":null,"author":null,"comments":[ ],"trace":"t1"}"#;
    let error = items(item).errors.remove(0);
    assert_eq!(error.content_id, "7");
    assert_eq!(error.error_code.as_str(), "TIMEOUT");
    assert_eq!(error.error_message.as_deref(), Some("too slow"));
    assert_eq!(error.error_details.unwrap().as_str(), r#"{"ms":1e3}"#);
    assert_eq!(error.permalink.as_deref(), Some("https://x/7"));
    assert_eq!(error.retryable, Some(true));
    assert_eq!(error.crawled_at.to_string(), "2025-12-06T10:15:30Z");
    assert_eq!(
        error.extra.unwrap().as_str(),
        r#"{"trace":"t1","meta":{"task_type":"t"}}"#
    );
}

#[test]
fn an_error_without_a_code_is_unknown_and_content_it_came_with_is_kept() {
    let item = r#"{"meta":{"id":"1","fetch_status":"error","error_code":"NULL"},"content":{"url":"u"},"comments":[{"id":1}]}"#;
    let error = items(item).errors.remove(0);
    assert_eq!(error.error_code.as_str(), "UNKNOWN_ERROR");
    assert_eq!(error.retryable, None);
    assert_eq!(error.crawled_at.to_string(), "2025-12-06T10:16:00Z");
    let extra = error.extra.unwrap();
    assert_eq!(extra.as_str(), r#"{"comments":[{"id":1}],"content":{"url":"u"}}"#);
    let plain = r#"{"meta":{"id":"1","fetch_status":"error"},"content":null,"author":{},"comments":null}"#;
    assert_eq!(items(plain).errors[0].extra, None);
}

#[test]
fn item_values_win_and_the_event_fills_what_is_left_out() {
    let filled = post(r#"{"meta":{"id":"1","keyword_source":"NULL","task_type":""},"content":{}}"#);
    assert_eq!(filled.keyword_source.as_deref(), Some("event keyword"));
    assert_eq!(filled.task_type.as_deref(), Some("from_event"));
    assert_eq!(filled.crawled_at.to_string(), "2025-12-06T10:16:00Z");
    let own = post(
        r#"{"meta":{"id":"1","keyword_source":"k","task_type":"t","pipeline_version":"v",
            "crawled_at":"2025-01-01T00:00:00+07:00"},"content":{}}"#,
    );
    assert_eq!(own.keyword_source.as_deref(), Some("k"));
    assert_eq!(own.task_type.as_deref(), Some("t"));
    assert_eq!(own.pipeline_version.as_deref(), Some("v"));
    assert_eq!(own.crawled_at.to_string(), "2024-12-31T17:00:00Z");
}

#[test]
fn another_platform_or_job_than_the_events_is_kept() {
    let same = post(r#"{"meta":{"id":"1","platform":"TIKTOK","job_id":"proj_xyz-brand-0"},"content":{}}"#);
    assert_eq!(same.extra, None);
    let other = post(r#"{"meta":{"id":"1","platform":"youtube","job_id":"j2"},"content":{}}"#);
    let extra = other.extra.unwrap();
    assert_eq!(extra.as_str(), r#"{"meta":{"job_id":"j2","platform":"youtube"}}"#);
}

#[test]
fn more_fields_or_extra_than_a_row_can_hold_reject_the_item_alone() {
    let wide: Vec<_> = (0..10_001).map(|key| format!("\"{key}\":1")).collect();
    let item = format!(r#"{{"meta":{{"id":"1"}},"content":{{{}}}}}"#, wide.join(","));
    assert_eq!(rejected(&item).0, Reason::MalformedItem);
    let item = format!(
        r#"{{"meta":{{"id":"1"}},"content":{{"x":[{}1]}}}}"#,
        "1,".repeat(9 << 20)
    );
    assert_eq!(rejected(&item).0, Reason::MalformedItem);
}
