//! The async shell.

use crate::{
    domain::Platform,
    messages::{ObjectInfo, RawBatch},
    parser::{
        Parser, ParserMetrics,
        testkit::{event, settings},
    },
    supervision::{ByteBudget, Fault, Stage},
};

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
    drop(raw);
    assert_eq!(budget.used(), 3 * json.len() as u64, "the rows, by their weight");
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
