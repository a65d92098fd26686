//! The check and the oracle, which share no code, read every record alike.

use crate::{properties::any_json, *};
use millrace_oracle::products::{Kind, ProductSettings, Read, Says, SentRecord, numeric, read as oracle};
use millrace_products::domain::{Change, EventType, ProductValues};
use proptest::prelude::*;

fn settings() -> ProductSettings {
    let Limits {
        max_event_bytes,
        max_json_depth,
        max_future_minutes,
    } = Limits::default();
    ProductSettings {
        max_event_bytes,
        max_json_depth,
        max_future_minutes: max_future_minutes.into(),
        received_at: received(),
    }
}

fn sent(topic: &str, record: &Record) -> SentRecord {
    let headers = record
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.as_ref().map(|value| value.to_vec())));
    SentRecord {
        topic: topic.to_owned(),
        partition: 3,
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key.as_ref().map(|key| key.to_vec()),
        value: record.value.as_ref().map(|value| value.to_vec()),
        headers: headers.collect(),
    }
}

fn says(change: Change) -> Says {
    match change {
        Change::Values(ProductValues {
            name,
            price,
            stock,
            category,
        }) => Says {
            name: Some(name),
            price: numeric(&price),
            stock: Some(stock),
            category,
            threshold: None,
        },
        Change::LowStock {
            stock,
            threshold,
            name,
            category,
        } => Says {
            name,
            price: None,
            stock: Some(stock),
            category,
            threshold,
        },
        Change::Deleted => Says::default(),
    }
}

fn kind(of: EventType) -> Kind {
    match of {
        EventType::Created => Kind::Created,
        EventType::Updated => Kind::Updated,
        EventType::LowStock => Kind::LowStock,
        EventType::Deleted => Kind::Deleted,
    }
}

/// Panics where the two differ.
pub(crate) fn read_alike(topic: &str, record: Record) {
    let expected = oracle(&sent(topic, &record), &settings());
    let about = format!("{topic}: {record:?}");
    let (mut chunk, counts) = checked(topic, vec![record]);
    match (expected, chunk.events.pop(), chunk.rejected.pop()) {
        (Read::Tombstone, None, None) => assert_eq!(counts.tombstones, 1, "{about}"),
        (Read::Event(expected), Some(event), None) => {
            let at = expected.at.unwrap_or(received());
            let wanted = (
                expected.id,
                expected.kind,
                expected.product,
                expected.seller,
                at,
                expected.says,
                expected.trace,
            );
            let Event {
                id,
                event_type,
                product_id,
                seller_id,
                at,
                change,
                trace_id,
                record: _,
            } = event;
            let found = (
                id,
                kind(event_type),
                product_id,
                seller_id,
                at,
                says(change),
                trace_id,
            );
            assert_eq!(found, wanted, "{about}");
        }
        (Read::Refused((id, reason, pointer)), None, Some(rejected)) => {
            assert_eq!(
                (rejected.event_id, rejected.reason.as_str()),
                (id, reason),
                "{about}: {}",
                rejected.detail
            );
            assert!(
                rejected.detail.starts_with(&pointer),
                "{about}: {} {pointer}",
                rejected.detail
            );
        }
        (expected, event, rejected) => panic!("{about}: {expected:?}, but {event:?} {rejected:?}"),
    }
}

/// Headers that mean something, and some that do not.
fn headers() -> impl Strategy<Value = Vec<(String, Option<bytes::Bytes>)>> {
    let name = prop::sample::select(vec![
        "event-id",
        "Event-Id",
        "ce_id",
        "ce_type",
        "ce_time",
        "ce_traceparent",
        "traceparent",
        "content-type",
        "x",
    ]);
    let value = prop_oneof![
        prop::sample::select(vec![
            "",
            "a",
            "x.ProductDeleted",
            "ProductUpdated",
            "2026-02-28T10:30:00",
            "1772274600",
            "application/cloudevents+json",
            "application/json",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-0-0-0",
        ])
        .prop_map(|text| Some(bytes::Bytes::from(text))),
        Just(None),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(|bytes| Some(bytes.into())),
    ];
    prop::collection::vec((name.prop_map(str::to_owned), value), 0..4)
}

/// An event as a producer sends it, with something else in the place of some fields.
fn nearly_an_event() -> impl Strategy<Value = serde_json::Value> {
    let pointers = prop::sample::select(vec![
        "/id",
        "/type",
        "/timestamp",
        "/version",
        "/productId",
        "/sellerId",
        "/product",
        "/product/name",
        "/product/price",
        "/product/stock",
        "/product/category",
        "/product/id",
        "/currentStock",
        "/threshold",
        "/data",
        "/specversion",
    ]);
    let event = serde_json::json!({
        "id": "i", "type": "ProductCreated", "timestamp": "2026-02-28T10:30:00Z", "version": "1.0", "productId": "p",
        "sellerId": "s", "currentStock": 3, "threshold": 5, "data": null, "specversion": null,
        "product": {"id": "q", "name": "n", "price": 1.5, "stock": 4, "quantity": 7, "category": "c"},
    });
    let kinds = prop::sample::select(vec![
        "ProductCreated",
        "ProductUpdated",
        "LowStockWarning",
        "ProductDeleted",
    ]);
    (kinds, prop::collection::vec((pointers, any_json()), 0..3)).prop_map(move |(kind, changes)| {
        let mut event = event.clone();
        event["type"] = kind.into();
        for (pointer, value) in changes {
            if let Some(place) = event.pointer_mut(pointer) {
                *place = value;
            }
        }
        event
    })
}

fn any_value() -> impl Strategy<Value = Vec<u8>> {
    // A record's own bytes may be damaged: an escape, a number, a byte.
    let damage = prop::option::weighted(
        0.2,
        (
            any::<prop::sample::Index>(),
            prop::sample::select(vec![
                &b"\\u0000"[..],
                b"\\ud800",
                b"\0",
                b"\xff",
                b"1e400",
                b" ",
                b"",
                b"\"",
                b"{",
                b"-0",
                b"\\",
            ]),
        ),
    );
    (prop_oneof![nearly_an_event(), any_json()], damage).prop_map(|(value, damage)| {
        let mut bytes = value.to_string().into_bytes();
        if let Some((at, with)) = damage {
            let at = at.index(bytes.len());
            bytes.splice(at..=at, with.iter().copied());
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_record_is_read_as_the_oracle_reads_it(
        value in prop::option::weighted(0.98, any_value()),
        key in prop::option::of(prop_oneof![Just(b"k".to_vec()), prop::collection::vec(any::<u8>(), 0..3)]),
        headers in headers(),
        seconds in prop::option::of(0..2_000_000_000_i64),
        topic in prop::sample::select(&["ProductCreated", "LowStockWarning", "shop.ProductDeleted", "events"][..]),
    ) {
        let timestamp = seconds.map(|seconds| Timestamp::from_second(seconds).unwrap());
        read_alike(topic, Record { offset: 7, timestamp, key: key.map(Into::into), value: value.map(Into::into), headers });
    }
}

#[test]
fn numbers_and_times_in_every_spelling_are_read_alike() {
    for number in [
        "0",
        "-0",
        "1.50",
        "1e3",
        "1.5e-3",
        "12e0",
        "100e-2",
        "9223372036854775807",
        "9223372036854775808",
        "1e200000",
        "1e-200000",
        "-1.0",
        "0e999999",
    ] {
        let value =
            format!(r#"{{"productId":{number},"product":{{"name":"n","price":{number},"stock":{number}}}}}"#);
        read_alike("ProductCreated", record(value));
        read_alike(
            "LowStockWarning",
            record(format!(
                r#"{{"productId":"p","quantity":{number},"threshold":{number}}}"#
            )),
        );
    }
    for time in [
        r#""2026-02-28T10:30:00.123456789Z""#,
        r#""2026-02-28""#,
        r#""2026-02-28 10:30""#,
        r#""20260228T103000Z""#,
        r#""2026-02-28T10:30:00+07""#,
        "1772274600",
        "1772274600.5",
        "1772274600123",
        "1772274600123456",
        r#""1772274600123""#,
        "0",
        "99999999",
        "100000000",
        "-1",
        "1e9",
        "1e30",
        r#""2026-02-28T10:30:00[UTC]""#,
        r#""Sat, 28 Feb 2026 10:30:00 GMT""#,
        r#""9999-12-31T23:59:59Z""#,
        r#""1999-12-31T23:59:59Z""#,
        r#""24:00""#,
    ] {
        read_alike(
            "ProductDeleted",
            record(format!(r#"{{"productId":"p","timestamp":{time}}}"#)),
        );
    }
}
