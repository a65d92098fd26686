//! Whatever is sent.

use crate::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Any JSON, with the names and texts that mean something often among it.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("ProductCreated"),
        Just("ProductDeleted"),
        Just("LowStockWarning"),
        Just("1.0"),
        Just("p"),
        Just("\0"),
        Just("2026-02-28T10:30:00Z"),
        Just(""),
        Just(" "),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("id"),
        Just("eventId"),
        Just("type"),
        Just("eventType"),
        Just("timestamp"),
        Just("occurredAt"),
        Just("version"),
        Just("productId"),
        Just("sellerId"),
        Just("product"),
        Just("name"),
        Just("price"),
        Just("stock"),
        Just("quantity"),
        Just("currentStock"),
        Just("specversion"),
        Just("data"),
        Just("data_base64"),
        Just("time"),
        Just("threshold"),
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..10).prop_map(|fields| {
                let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
                Value::from(fields.collect::<Map<_, _>>())
            }),
        ]
    })
}

/// What is read, without the record.
fn summary(topic: &str, record: Record) -> String {
    match read_counted(topic, record) {
        (Ok(event), counts) => {
            let Event {
                id,
                event_type,
                product_id,
                seller_id,
                at,
                change,
                trace_id,
                ..
            } = event;
            format!(
                "{id:?} {event_type:?} {product_id:?} {seller_id:?} {at} {change:?} {trace_id:?} {counts:?}"
            )
        }
        (Err(rejected), _) => format!("{:?} {} {}", rejected.event_id, rejected.reason, rejected.detail),
    }
}

/// The same JSON with the fields of every object in another order.
fn reversed(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .rev()
                .map(|(name, value)| format!("{}:{}", json!(name), reversed(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(reversed).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

const TOPICS: [&str; 3] = ["ProductCreated", "LowStockWarning", "events"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes_are_read_or_rejected(value in prop::collection::vec(any::<u8>(), 0..200), key in prop::option::of(prop::collection::vec(any::<u8>(), 0..20))) {
        let mut sent = record(value);
        sent.key = key.map(Into::into);
        let _ = summary("ProductDeleted", sent);
    }

    #[test]
    fn what_is_accepted_can_be_stored(value in any_json(), topic in prop::sample::select(&TOPICS[..])) {
        if let Ok(event) = read(topic, record(value.to_string())) {
            for id in [Some(&event.id), Some(&event.product_id), event.seller_id.as_ref()].into_iter().flatten() {
                prop_assert!(!id.trim().is_empty() && id.len() <= 256 && !id.contains('\0'));
            }
            prop_assert!(event.at.as_second() >= 946_684_800 && event.at <= received().saturating_add(jiff::SignedDuration::from_mins(60)).unwrap());
            prop_assert_eq!(event.at.subsec_nanosecond() % 1000, 0);
        }
    }

    #[test]
    fn the_order_of_fields_does_not_matter(value in any_json(), topic in prop::sample::select(&TOPICS[..])) {
        // An id of its own: one that is made of the bytes depends on them.
        let headers = [("event-id", "own")];
        let plain = summary(topic, with_headers(value.to_string(), &headers));
        let other = summary(topic, with_headers(reversed(&value), &headers));
        let of_bytes = |text: &str| text.get(1..37).is_some_and(|id| uuid::Uuid::parse_str(id).is_ok());
        prop_assume!(!of_bytes(&plain));
        // Where JSON is at fault the place differs.
        prop_assert_eq!(plain.split(" at line").next(), other.split(" at line").next());
    }

    #[test]
    fn what_a_producer_sends_again_has_the_same_id(value in any_json(), offset in 0..1000_i64, seconds in 0..100_i64) {
        let again = Record {
            offset,
            timestamp: Some(received().saturating_add(jiff::SignedDuration::from_secs(seconds)).unwrap()),
            ..record(value.to_string())
        };
        let first = read("ProductDeleted", record(value.to_string()));
        let second = read("ProductDeleted", again);
        match (first, second) {
            (Ok(first), Ok(second)) => prop_assert_eq!(first.id, second.id),
            (Err(first), Err(second)) => prop_assert_eq!(first.event_id, second.event_id),
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
