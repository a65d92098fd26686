//! The async shell.

use crate::{
    domain::Platform,
    messages::{ObjectInfo, RawBatch},
    parse::{
        Parser, ParserMetrics,
        testkit::{event, settings},
        weight,
    },
};
use millrace_engine::{ByteBudget, Fault, Stage};

fn raw(body: Vec<u8>, budget: &std::sync::Arc<ByteBudget>) -> RawBatch {
    RawBatch {
        event: event(Platform::Tiktok).into(),
        object: ObjectInfo {
            path: "crawl-results/a.json".to_owned(),
            etag: Some("e".to_owned()),
            claims_zstd: false,
        },
        reservation: budget.try_reserve(body.len() as u64).unwrap(),
        body: body.into(),
    }
}

#[tokio::test]
async fn a_packed_batch_reserves_what_it_unpacks_to_until_its_rows_are_gone() {
    let json = format!("[{}1]", "1,".repeat(999));
    let packed = zstd::encode_all(json.as_bytes(), 3).unwrap();
    let budget = ByteBudget::new(1 << 20);
    let raw = raw(packed, &budget);
    let mut parser = Parser::new(settings(), ParserMetrics::default());
    let parsed = parser.run(&raw).await.unwrap();
    assert_eq!(parsed.items.rejected.len(), 1_000);
    assert_eq!(parsed.bytes, json.len());
    assert_eq!((&parsed.object, &parsed.event), (&raw.object, &raw.event));
    let rows = weight::of(&parsed.items, &raw.event) + raw.event.text_bytes() as u64;
    assert!(rows > 3 * json.len() as u64, "they are heavier than usual");
    drop(raw);
    assert_eq!(budget.used(), rows, "the rows, by their weight");
    drop(parsed);
    assert_eq!(budget.used(), 0);
}

#[tokio::test]
async fn a_poisoned_batch_gives_back_what_it_unpacked_to() {
    let packed = zstd::encode_all(&vec![b'x'; 5_000][..], 3).unwrap();
    let size = packed.len() as u64;
    let budget = ByteBudget::new(1 << 20);
    let raw = raw(packed, &budget);
    let fault = Parser::new(settings(), ParserMetrics::default())
        .run(&raw)
        .await
        .unwrap_err();
    assert!(
        matches!(
            fault,
            Fault::Poison {
                reason: "malformed_json",
                ..
            }
        ),
        "{fault}"
    );
    assert_eq!(budget.used(), size);
}

#[tokio::test]
async fn the_text_of_an_event_is_cut_counted_and_weighed_with_each_row_that_takes_it() {
    let budget = ByteBudget::new(1 << 20);
    let body = br#"[{"meta":{"id":"1"},"content":{}},{"meta":{"id":"2"},"content":{}}]"#;
    let mut raw = raw(body.to_vec(), &budget);
    let event = std::sync::Arc::get_mut(&mut raw.event).unwrap();
    event.keyword = Some("k".repeat(600).into());
    event.task_type = None;
    event.brand_name = Some("đ".repeat(400));
    let mut settings = settings();
    settings.limits.max_text_bytes = 501;
    let parsed = Parser::new(settings, ParserMetrics::default())
        .run(&raw)
        .await
        .unwrap();
    assert_eq!(parsed.event.brand_name.as_deref(), Some(&*"đ".repeat(250)));
    let keyword = parsed.event.keyword.as_ref().unwrap();
    assert_eq!(**keyword, *"k".repeat(501));
    for post in &parsed.items.posts {
        assert!(std::sync::Arc::ptr_eq(
            post.keyword_source.as_ref().unwrap(),
            keyword
        ));
    }
    assert_eq!(parsed.bytes, body.len() + 2 * 1_001);
    drop(raw);
    let rows = weight::of(&parsed.items, &parsed.event);
    assert!(rows < 2 * 1_024 + 2 * 501, "without the texts");
    let counted = budget.used();
    assert!(
        (rows + 1_001..rows + 2 * 1_001).contains(&counted),
        "once, in memory: {counted}"
    );
}
