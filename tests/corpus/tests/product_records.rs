//! The corpus does what it says, as the oracle sees it.

use bytes::Bytes;
use jiff::Timestamp;
use millrace_corpus::{
    DeadLetters, Temper,
    products::{
        Expectation, ProductRecord, Products, ProductsSettings, TOPICS,
        load::{Send, load},
    },
};
use millrace_oracle::products::{ProductSettings, Read, SentRecord, expect, read};
use std::collections::{BTreeMap, BTreeSet};

fn hostile(seed: u64) -> ProductsSettings {
    ProductsSettings {
        seed,
        events: 2_000,
        products: 40,
        temper: Temper::Hostile,
        rejected: DeadLetters::Every,
        max_event_bytes: Some(1 << 16),
        ..ProductsSettings::default()
    }
}

fn oracle_settings() -> ProductSettings {
    ProductSettings {
        received_at: ProductsSettings::default().until,
        max_event_bytes: 1 << 16,
        ..ProductSettings::now()
    }
}

/// As if each topic had one partition.
fn sent(records: &[ProductRecord]) -> Vec<SentRecord> {
    let mut offsets = BTreeMap::new();
    let place = |record: &ProductRecord| {
        let next: &mut i64 = offsets.entry(record.topic).or_default();
        *next += 1;
        let bytes = |bytes: &Bytes| bytes.to_vec();
        SentRecord {
            topic: record.topic.to_owned(),
            partition: 0,
            offset: *next - 1,
            timestamp: Some(record.timestamp),
            key: record.key.as_ref().map(bytes),
            value: record.value.as_ref().map(bytes),
            headers: record
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.as_ref().map(bytes)))
                .collect(),
        }
    };
    records.iter().map(place).collect()
}

#[test]
fn the_same_seed_gives_the_same_records() {
    let records = |seed| Products::new(hostile(seed)).collect::<Vec<_>>();
    assert_eq!(records(7), records(7));
    assert_ne!(records(7), records(8));
}

#[test]
fn every_record_is_what_it_is_said_to_be() {
    for settings in [
        hostile(3),
        ProductsSettings {
            seed: 4,
            ..ProductsSettings::default()
        },
    ] {
        let records: Vec<_> = Products::new(settings.clone()).collect();
        let sent = sent(&records);
        for (record, sent) in records.iter().zip(&sent) {
            match (record.expectation, read(sent, &oracle_settings())) {
                (Expectation::Stored | Expectation::Repeated, Read::Event(_))
                | (Expectation::Skipped, Read::Tombstone) => {}
                (Expectation::Rejected(reason), Read::Refused((_, found, _))) => {
                    assert_eq!(found, reason, "{record:?}")
                }
                (_, found) => panic!("{record:?}: {found:?}"),
            }
        }
        let count = |wanted: fn(&Expectation) -> bool| {
            records
                .iter()
                .filter(|record| wanted(&record.expectation))
                .count()
        };
        let expected = expect(sent, &oracle_settings());
        assert_eq!(expected.events(), settings.events);
        assert_eq!(expected.duplicates(), count(|of| *of == Expectation::Repeated));
        assert_eq!(expected.tombstones(), count(|of| *of == Expectation::Skipped));
        assert!(
            expected.duplicates() > settings.events / 50,
            "{}",
            expected.duplicates()
        );
    }
}

#[test]
fn a_hostile_corpus_has_every_reason_kind_and_spelling() {
    let records: Vec<_> = Products::new(hostile(5)).collect();
    let reasons: BTreeSet<_> = expect(sent(&records), &oracle_settings())
        .reasons()
        .into_keys()
        .collect();
    let all = [
        "event_too_large",
        "malformed_event",
        "schema_violation",
        "too_deep",
        "unsupported_encoding",
        "unsupported_event_type",
        "unsupported_version",
    ];
    assert_eq!(reasons, BTreeSet::from(all));
    for topic in TOPICS {
        assert!(
            records.iter().filter(|record| record.topic == topic).count() > 50,
            "{topic}"
        );
    }
    let text: Vec<_> = records
        .iter()
        .map(|record| String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()))
        .collect();
    for part in [
        "\"id\":",
        "\"eventId\":",
        "\"type\":",
        "\"eventType\":",
        "\"timestamp\":",
        "\"occurredAt\":",
        "\"stock\":",
        "\"quantity\":",
        "\"currentStock\":",
        "\"data\":",
        "\"data_base64\":",
        "\"version\":1}",
        "\\u0000",
        "\u{feff}",
        "0001-01-01",
        "9999-01-01",
        ".00,",
    ] {
        assert!(text.iter().any(|text| text.contains(part)), "{part}");
    }
    for header in ["event-id", "ce_id", "traceparent", "blob"] {
        assert!(
            records
                .iter()
                .any(|record| record.headers.iter().any(|(name, _)| name == header)),
            "{header}"
        );
    }
    assert!(
        records
            .iter()
            .any(|record| record.key.is_none() && record.expectation == Expectation::Stored)
    );
}

#[test]
fn some_events_are_late_and_some_meet() {
    let settings = hostile(6);
    let (mut times, mut late) = (BTreeMap::<_, usize>::new(), 0);
    let mut before = Timestamp::UNIX_EPOCH;
    for record in sent(&Products::new(settings).collect::<Vec<_>>()) {
        let Read::Event(event) = read(&record, &oracle_settings()) else {
            continue;
        };
        let Some(at) = event.at else { continue };
        late += usize::from(at < before - jiff::SignedDuration::from_mins(5));
        before = before.max(at);
        *times.entry((event.product.clone(), at)).or_default() += 1;
    }
    assert!(late > 40, "{late}");
    assert!(times.values().any(|times| *times > 1));
}

#[tokio::test]
async fn everything_is_sent_and_counted() {
    #[derive(Default)]
    struct Seen(std::sync::Mutex<Vec<ProductRecord>>);
    impl Send for Seen {
        async fn send(&self, record: ProductRecord) -> anyhow::Result<()> {
            self.0.lock().unwrap().push(record);
            Ok(())
        }
    }
    let (seen, progress) = (Seen::default(), std::cell::Cell::new(0));
    let summary = load(Products::new(hostile(9)), None, &seen, || {
        progress.set(progress.get() + 1)
    })
    .await
    .unwrap();
    let seen = seen.0.into_inner().unwrap();
    assert_eq!(seen, Products::new(hostile(9)).collect::<Vec<_>>());
    assert_eq!(
        (summary.records, progress.get(), summary.events),
        (seen.len(), seen.len(), 2_000)
    );
    let rejected: usize = summary.expected_rejected.values().sum();
    assert_eq!(
        summary.records,
        summary.events + summary.repeated + summary.tombstones + rejected
    );
}
