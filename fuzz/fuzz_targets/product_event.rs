//! Whatever arrives in a topic of product events: no panic, and what is accepted can be stored.
//!
//! The first byte of the input says what comes with the value: a key, headers, which topic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millrace_engine::ByteBudget;
use millrace_kafka::{Care, Chunk, Record, TopicPartition};
use millrace_products::{
    domain::{Change, Event},
    event::{Limits, MAX_ID_BYTES, check},
};

fuzz_target!(|input: &[u8]| {
    let Some((how, value)) = input.split_first() else {
        return;
    };
    let topic = ["ProductCreated", "ProductUpdated", "LowStockWarning", "ProductDeleted"][usize::from(how & 3)];
    let header = |name: &str, value: &'static str| (name.to_owned(), Some(value.into()));
    let mut headers = Vec::new();
    if how & 4 != 0 {
        headers.push(header("content-type", "application/cloudevents+json"));
    }
    if how & 8 != 0 {
        headers.extend([header("ce_id", "c"), header("ce_type", "x.ProductUpdated"), header("ce_time", "2026-01-01")]);
    }
    let record = Record {
        offset: 0,
        timestamp: None,
        // Half of the value, so that a key may be anything too.
        key: (how & 16 != 0).then(|| value[..value.len() / 2].to_vec().into()),
        value: Some(value.to_vec().into()),
        headers,
    };
    let chunk = Chunk {
        partition: TopicPartition { topic: topic.into(), partition: 0 },
        topic_id: None,
        from: None,
        next: 1,
        records: vec![record],
        care: Care::None,
        received_at: jiff::Timestamp::constant(1_772_323_200, 0),
        reservation: ByteBudget::new(1).try_reserve(0).expect("nothing is reserved"),
    };
    let (checked, _) = check(chunk, &Limits::default());
    assert_eq!(checked.events.len() + checked.rejected.len(), 1);
    for event in checked.events {
        storable(&event);
    }
    for rejected in checked.rejected {
        assert!(!rejected.detail.is_empty() && rejected.event_id.is_none_or(|id| is_id(&id)));
    }
});

fn is_id(id: &str) -> bool {
    !id.trim().is_empty() && id.len() <= MAX_ID_BYTES && !id.contains('\0')
}

fn storable(event: &Event) {
    assert!(is_id(&event.id) && is_id(&event.product_id));
    assert!(event.seller_id.as_deref().is_none_or(is_id));
    assert!(event.at.as_second() >= 946_684_800 && event.at.subsec_nanosecond() % 1_000 == 0);
    // No control character is left where `json` of a database refuses one.
    let payload = event.record.value.as_deref().unwrap_or_default();
    assert!(std::str::from_utf8(payload).is_ok() && !payload.contains(&0));
    match &event.change {
        Change::Values(values) => assert!(!values.name.contains('\0')),
        Change::LowStock { name, category, .. } => {
            assert!(![name, category].into_iter().flatten().any(|text| text.contains('\0')));
        }
        Change::Deleted => {}
    }
}
