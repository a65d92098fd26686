//! Records that are no events, at least one for each reason; and tombstones.

use super::{Expectation, ProductRecord, ProductsSettings, TOPICS, event::milliseconds};
use crate::DeadLetters;
use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::json;

/// What the settings ask for; tombstones come with any.
pub(super) fn poison(settings: &ProductsSettings) -> Vec<ProductRecord> {
    let all = match settings.rejected {
        DeadLetters::None => return Vec::new(),
        DeadLetters::Few => few(),
        DeadLetters::Every => [few(), bodies(), fields(), limits(settings)].concat(),
    };
    let number = |(number, poison): (usize, Poison)| {
        let minutes = SignedDuration::from_mins(number as i64 % 60);
        ProductRecord {
            topic: poison.topic,
            key: poison.key,
            value: poison.value,
            headers: Vec::new(),
            timestamp: milliseconds(settings.until - minutes),
            expectation: poison.expectation,
        }
    };
    all.into_iter().enumerate().map(number).collect()
}

#[derive(Clone)]
struct Poison {
    topic: &'static str,
    key: Option<Bytes>,
    value: Option<Bytes>,
    expectation: Expectation,
}

fn rejected(reason: &'static str, value: impl Into<Bytes>) -> Poison {
    Poison {
        topic: TOPICS[0],
        key: Some(Bytes::from_static(b"p-poison")),
        value: Some(value.into()),
        expectation: Expectation::Rejected(reason),
    }
}

fn few() -> Vec<Poison> {
    let tombstone = Poison {
        value: None,
        expectation: Expectation::Skipped,
        ..rejected("", "")
    };
    vec![
        rejected("malformed_event", r#"{"id":"cut","#),
        tombstone,
        rejected("schema_violation", r#"{"id":"no-product"}"#),
        rejected(
            "unsupported_event_type",
            r#"{"type":"OrderPlaced","id":"another"}"#,
        ),
    ]
}

fn bodies() -> Vec<Poison> {
    let malformed =
        ["", "null", "[{}]", "\"{}\"", "{}{}", "{\"a\x01\":1}"].map(|body| rejected("malformed_event", body));
    let framed = [&b"\0\0\0\0\x07{}"[..], b"\0"].map(|body| rejected("unsupported_encoding", body));
    let latin = rejected("malformed_event", &b"{\"name\":\"caf\xe9\"}"[..]);
    [&malformed[..], &framed[..], &[latin][..]].concat()
}

fn fields() -> Vec<Poison> {
    let product = json!({ "name": "n", "price": 1.5, "stock": 1 });
    let with = |name: &str, value: serde_json::Value| {
        let mut product = product.clone();
        product[name] = value;
        rejected("schema_violation", json!({ "product": product }).to_string())
    };
    let low = |value: &'static str| Poison {
        topic: TOPICS[2],
        ..rejected("schema_violation", value)
    };
    let unkeyed = Poison {
        key: None,
        topic: TOPICS[3],
        ..rejected("schema_violation", r#"{"id":"no-product-at-all"}"#)
    };
    vec![
        with("name", json!(7)),
        with("price", json!("1.50")),
        with("stock", json!(1.5)),
        with("stock", json!("1")),
        low("{}"),
        low(r#"{"currentStock":"3"}"#),
        unkeyed,
        rejected("unsupported_version", r#"{"version":"2.0"}"#),
        rejected("unsupported_version", r#"{"version":{}}"#),
        rejected("unsupported_event_type", r#"{"type":7}"#),
        rejected(
            "schema_violation",
            r#"{"specversion":"1.0","id":"ce","data":"text"}"#,
        ),
    ]
}

fn limits(settings: &ProductsSettings) -> Vec<Poison> {
    let depth = settings.max_json_depth;
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let large = settings.max_event_bytes.map(|limit| {
        let value = format!(r#"{{"x":"{}"}}"#, "x".repeat(limit));
        rejected("event_too_large", value)
    });
    large.into_iter().chain([rejected("too_deep", deep)]).collect()
}
