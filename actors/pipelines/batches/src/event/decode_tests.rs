//! What is accepted, what is refused and why.

use super::{DecodeError, Decoded, MAX_EVENT_BYTES, MAX_ID_BYTES, Note, decode};
use crate::{
    domain::{CrawlEvent, Platform, Project, Reason},
    messages::BatchSource,
};
use jiff::Timestamp;
use millrace_engine::Delivery;
use proptest::prelude::*;
use serde_json::{Value, json};

pub(super) fn delivery() -> Delivery {
    Delivery {
        received_at: "2026-01-01T00:00:05Z".parse().unwrap(),
        first_seen: "2026-01-01T00:00:00Z".parse().unwrap(),
        attempt: 2,
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
    }
}

fn read(event: &Value) -> Result<Decoded, DecodeError> {
    decode(event.to_string().as_bytes(), None, delivery())
}

fn read_legacy(message: &Value) -> Result<Decoded, DecodeError> {
    decode(
        message.to_string().as_bytes(),
        Some("tiktok_result_queue"),
        delivery(),
    )
}

fn event() -> Value {
    json!({
        "event_id": "evt_abc123def456",
        "event_type": "data.collected",
        "timestamp": "2025-12-06T10:30:00.000Z",
        "payload": {
            "project_id": "proj_xyz789",
            "job_id": "proj_xyz789-brand-0",
            "platform": "TikTok",
            "minio_path": "crawl-results/tiktok/proj_xyz789/brand/batch_000.json",
            "content_count": 50,
            "batch_index": 1,
            "total_batches": "10",
            "task_type": "research_and_crawl",
            "keyword": "VinFast VF8",
            "brand_name": "VinFast",
            "user_id": 42,
            "unknown": {"ignored": []},
        },
    })
}

/// The event with one field set; a pointer as in RFC 6901.
fn event_with(pointer: &str, value: Value) -> Value {
    let mut event = event();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    event.pointer_mut(parent).unwrap()[name] = value;
    event
}

fn refused(found: Result<Decoded, DecodeError>) -> (Reason, Option<String>) {
    let error = found.unwrap_err();
    assert!(!error.detail.is_empty());
    (error.reason, error.event_id)
}

fn path(decoded: &Decoded) -> &str {
    match &decoded.source {
        BatchSource::Object(path) => path,
        BatchSource::Inline(_) => panic!("expected a path"),
    }
}

fn inline(decoded: &Decoded) -> Value {
    match &decoded.source {
        BatchSource::Object(path) => panic!("expected items, found {path}"),
        BatchSource::Inline(body) => serde_json::from_slice(body).unwrap(),
    }
}

#[test]
fn an_event_is_read_field_by_field() {
    let found = read(&event()).unwrap();
    assert_eq!(
        found.event,
        CrawlEvent {
            event_id: "evt_abc123def456".to_owned(),
            event_at: "2025-12-06T10:30:00Z".parse().unwrap(),
            job_id: "proj_xyz789-brand-0".to_owned(),
            project: Project::Named("proj_xyz789".to_owned()),
            platform: Platform::Tiktok,
            content_count: Some(50),
            batch_index: Some(1),
            total_batches: Some(10),
            task_type: Some("research_and_crawl".into()),
            keyword: Some("VinFast VF8".into()),
            brand_name: Some("VinFast".to_owned()),
            user_id: Some("42".to_owned()),
            delivery: delivery(),
        }
    );
    assert_eq!(
        path(&found),
        "crawl-results/tiktok/proj_xyz789/brand/batch_000.json"
    );
    assert_eq!(found.notes, []);
}

#[test]
fn a_body_that_is_no_event_is_malformed() {
    let deep = format!(
        "{{\"event_id\":\"evt_1\",\"x\":{}{}}}",
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let bodies: [&[u8]; 9] = [
        b"",
        b"not json",
        b"[]",
        b"\"event\"",
        b"null",
        b"{}",
        b"\xff\xfe{\x00}\x00",
        b"{\"event_id\":\"\xff\"}",
        deep.as_bytes(),
    ];
    for body in bodies {
        let (reason, _) = refused(decode(body, None, delivery()));
        assert_eq!(
            reason,
            Reason::MalformedEvent,
            "{}",
            String::from_utf8_lossy(body)
        );
    }
    let huge = event_with("/payload/keyword", json!("x".repeat(MAX_EVENT_BYTES)));
    assert_eq!(
        refused(read(&huge)),
        (Reason::MalformedEvent, Some("evt_abc123def456".to_owned()))
    );
}

#[test]
fn what_an_event_cannot_do_without() {
    for pointer in ["/payload/job_id", "/payload/minio_path", "/payload", "/event_id"] {
        for nothing in [json!(null), json!({}), json!([])] {
            let (reason, _) = refused(read(&event_with(pointer, nothing.clone())));
            assert_eq!(reason, Reason::MalformedEvent, "{pointer} {nothing}");
        }
    }
    for pointer in ["/event_id", "/payload/job_id"] {
        for nothing in ["", "  ", "\0", &"x".repeat(MAX_ID_BYTES + 1)] {
            let (reason, _) = refused(read(&event_with(pointer, json!(nothing))));
            assert_eq!(reason, Reason::MalformedEvent, "{pointer} {nothing}");
        }
        assert!(read(&event_with(pointer, json!("x".repeat(MAX_ID_BYTES)))).is_ok());
        assert!(
            read(&event_with(pointer, json!(7))).is_ok(),
            "an id may be a number"
        );
    }
}

#[test]
fn another_type_of_event_is_not_ours() {
    for other in [
        json!("data.deleted"),
        json!("Data.Collected"),
        json!(""),
        json!(1),
    ] {
        let (reason, id) = refused(read(&event_with("/event_type", other)));
        assert_eq!(reason, Reason::UnsupportedEventType);
        assert_eq!(id.as_deref(), Some("evt_abc123def456"));
    }
    assert!(read(&event_with("/event_type", json!(null))).is_ok());
}

#[test]
fn the_id_is_read_wherever_it_can_be() {
    let cases: [(&str, Option<&str>); 7] = [
        (r#"{"event_id":"evt_1","payload":"#, Some("evt_1")),
        (r#"{"payload":{"x":1 "event_id" : "evt_2""#, Some("evt_2")),
        (r#"[{"event_id":17}]"#, Some("17")),
        (r#"{"event_id":"evt"#, None),
        (r#"{"event_id":[]}"#, None),
        (r#"{"event_id":""}"#, None),
        ("nothing", None),
    ];
    for (body, id) in cases {
        let error = decode(body.as_bytes(), None, delivery()).unwrap_err();
        assert_eq!(error.event_id.as_deref(), id, "{body}");
    }
}

#[test]
fn a_path_is_handed_on_as_it_was_sent() {
    for sent in ["", "/a", "a\0b/c", "ftp://x", "crawl-results/ü"] {
        let found = read(&event_with("/payload/minio_path", json!(sent))).unwrap();
        assert_eq!(path(&found), sent);
    }
}

#[test]
fn a_timestamp_may_be_missing_or_odd() {
    let received: Timestamp = "2026-01-01T00:00:05Z".parse().unwrap();
    let cases = [
        (json!(null), received, vec![Note::TimestampMissing]),
        (json!("soon"), received, vec![Note::TimestampUnreadable]),
        (json!(1765017000), received, vec![Note::TimestampUnreadable]),
        (
            json!("2025-12-06 17:30:00+07:00"),
            "2025-12-06T10:30:00Z".parse().unwrap(),
            vec![],
        ),
        (
            json!("2025-12-06T10:30:00.5"),
            "2025-12-06T10:30:00.5Z".parse().unwrap(),
            vec![],
        ),
    ];
    for (value, at, notes) in cases {
        let found = read(&event_with("/timestamp", value.clone())).unwrap();
        assert_eq!((found.event.event_at, found.notes), (at, notes), "{value}");
    }
}

#[test]
fn optional_fields_of_odd_types_cost_nothing_but_themselves() {
    for name in [
        "content_count",
        "batch_index",
        "total_batches",
        "task_type",
        "keyword",
        "project_id",
    ] {
        let found = read(&event_with(&format!("/payload/{name}"), json!({"odd": true}))).unwrap();
        assert_eq!(found.notes.len(), 1, "{name}");
        assert!(matches!(found.notes[0], Note::FieldIgnored(field) if field == name));
    }
    let mut aliased = event_with("/payload/content_count", json!(null));
    aliased["payload"]["item_count"] = json!("49");
    assert_eq!(read(&aliased).unwrap().event.content_count, Some(49));
    let negative = read(&event_with("/payload/content_count", json!(-1))).unwrap();
    assert_eq!(negative.event.content_count, None);
}

#[test]
fn platforms_and_projects_as_the_contract_says() {
    let cases = [
        (json!("YOUTUBE"), "youtube", vec![]),
        (json!("Threads"), "threads", vec![]),
        (json!(""), "unknown", vec![Note::PlatformMissing]),
        (json!(null), "unknown", vec![Note::PlatformMissing]),
    ];
    for (value, name, notes) in cases {
        let found = read(&event_with("/payload/platform", value)).unwrap();
        assert_eq!((found.event.platform.as_str(), found.notes), (name, notes));
    }
    for none in [json!(null), json!(""), json!("NULL")] {
        let found = read(&event_with("/payload/project_id", none)).unwrap();
        assert_eq!(found.event.project_id(), Some("proj_xyz789"), "from the job id");
    }
    let numbered = read(&event_with("/payload/project_id", json!(7))).unwrap();
    assert_eq!(numbered.event.project_id(), Some("7"));
    let mut unparsed = event_with("/payload/project_id", json!(null));
    unparsed["payload"]["job_id"] = json!("whatever");
    assert_eq!(read(&unparsed).unwrap().notes, [Note::JobIdUnparsed]);
}

#[test]
fn text_is_made_fit_for_postgres() {
    let nul = read(&event_with("/payload/keyword", json!("a\0b"))).unwrap();
    assert_eq!(nul.event.keyword.as_deref(), Some("ab"));
    assert_eq!(nul.notes, [Note::TextCleaned]);

    let body = event().to_string().replace("VinFast VF8", "cut \\ud83d");
    let lone = decode(body.as_bytes(), None, delivery()).unwrap();
    assert_eq!(lone.event.keyword.as_deref(), Some("cut \u{fffd}"));
    assert_eq!(lone.notes, [Note::TextCleaned]);

    let with_bom = [b"\xef\xbb\xbf", event().to_string().as_bytes()].concat();
    assert!(decode(&with_bom, None, delivery()).is_ok());
}

#[test]
fn legacy_shapes_are_tried_in_order() {
    let item = json!({"meta": {"id": "1", "platform": "YouTube", "job_id": "p-kw-3"}, "content": {}});
    let mut all = event();
    all["data_ref"] = json!({"bucket": "crawl-results", "path": "a/b.json"});
    all["meta"] = item["meta"].clone();
    all["content"] = json!({});

    let found = read_legacy(&all).unwrap();
    assert_eq!(
        path(&found),
        "crawl-results/tiktok/proj_xyz789/brand/batch_000.json"
    );
    assert_eq!(found.event.event_id, "evt_abc123def456");

    all["payload"] = json!([item, item]);
    assert_eq!(path(&read_legacy(&all).unwrap()), "crawl-results/a/b.json");

    all.as_object_mut().unwrap().remove("data_ref");
    let found = read_legacy(&all).unwrap();
    assert_eq!(inline(&found), json!([item, item]));

    all.as_object_mut().unwrap().remove("payload");
    let found = read_legacy(&all).unwrap();
    assert_eq!(inline(&found), all);
    assert_eq!(found.event.platform, Platform::Youtube);
    assert_eq!(found.event.project_id(), Some("p"));
}

#[test]
fn legacy_messages_need_no_ids() {
    let message = json!({"data_ref": {"bucket": "crawl-results", "path": "a.json"}});
    let found = read_legacy(&message).unwrap();
    assert!(found.event.event_id.starts_with("legacy-"));
    assert_eq!(found.event.event_id.len(), "legacy-".len() + 32);
    assert_eq!(found.event.job_id, "legacy");
    assert_eq!(found.event.platform, Platform::Tiktok, "from the queue's name");
    assert_eq!(found.event.project, Project::Unparsed);
    for note in [
        Note::EventIdDerived,
        Note::JobIdMissing,
        Note::JobIdUnparsed,
        Note::TimestampMissing,
    ] {
        assert!(found.notes.contains(&note), "{note:?}");
    }
    let replay = read_legacy(&message).unwrap();
    assert_eq!(
        replay.event.event_id, found.event.event_id,
        "a replay is a duplicate"
    );
    let other = read_legacy(&json!({"data_ref": {"bucket": "crawl-results", "path": "b.json"}})).unwrap();
    assert_ne!(other.event.event_id, found.event.event_id);
}

#[test]
fn legacy_messages_that_name_no_items_are_malformed() {
    for message in [
        json!({}),
        json!([]),
        json!({"payload": {}}),
        json!({"payload": "x"}),
        json!({"data_ref": "x"}),
        json!({"data_ref": {"bucket": "b"}}),
        json!({"meta": 1}),
    ] {
        let (reason, _) = refused(read_legacy(&message));
        assert_eq!(reason, Reason::MalformedEvent, "{message}");
    }
    let (reason, _) = refused(read(&json!({"data_ref": {"bucket": "b", "path": "p"}})));
    assert_eq!(
        reason,
        Reason::MalformedEvent,
        "the event queue takes events only"
    );
    let foreign = event_with("/event_type", json!("data.deleted"));
    assert_eq!(refused(read_legacy(&foreign)).0, Reason::UnsupportedEventType);
}

#[test]
fn a_deep_legacy_batch_is_left_to_the_parser() {
    let body = format!(
        "{{\"payload\":[{{\"x\":{}{}}}]}}",
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let found = decode(body.as_bytes(), Some("youtube_result_queue"), delivery()).unwrap();
    assert!(matches!(found.source, BatchSource::Inline(_)));
    assert_eq!(found.event.platform, Platform::Youtube);
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(body in proptest::collection::vec(any::<u8>(), 0..200), is_legacy: bool) {
        let _ = decode(&body, is_legacy.then_some("q"), delivery());
    }

    #[test]
    fn what_is_accepted_can_be_stored(id in ".{1,20}", job in ".{1,20}", keyword in ".{0,20}") {
        let mut event = event_with("/event_id", json!(id));
        event["payload"]["job_id"] = json!(job);
        event["payload"]["keyword"] = json!(keyword);
        if let Ok(found) = read(&event) {
            let keyword = found.event.keyword.map(|keyword| keyword.to_string());
            let texts = [Some(found.event.event_id), Some(found.event.job_id), keyword];
            for text in texts.into_iter().flatten() {
                prop_assert!(!text.contains('\0') && !text.trim().is_empty());
            }
        }
    }
}
