//! CloudEvents, structured and binary.

use crate::*;
use serde_json::{Value, json};

fn structured() -> Value {
    json!({
        "specversion": "1.0", "id": "ce-1", "source": "/shop", "type": "com.example.ProductDeleted",
        "time": "2026-02-28T10:30:00Z", "datacontenttype": "application/json",
        "data": {"productId": "p", "sellerId": "s"},
    })
}

#[test]
fn structured_and_binary_say_the_same() {
    let binary = with_headers(
        r#"{"productId":"p","sellerId":"s"}"#,
        &[
            ("ce_specversion", "1.0"),
            ("ce_id", "ce-1"),
            ("ce_source", "/shop"),
            ("ce_type", "com.example.ProductDeleted"),
            ("ce_time", "2026-02-28T10:30:00Z"),
            ("content-type", "application/json"),
        ],
    );
    let mut in_base64 = structured();
    let data = in_base64.as_object_mut().unwrap().remove("data").unwrap();
    let data = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, data.to_string());
    in_base64["data_base64"] = data.into();
    for sent in [
        record(structured().to_string()),
        record(in_base64.to_string()),
        binary,
    ] {
        let value = sent.value.clone();
        let event = read("products", sent).unwrap();
        assert_eq!(
            (event.id.as_str(), event.event_type.as_str()),
            ("ce-1", "ProductDeleted")
        );
        assert_eq!(
            (event.product_id.as_str(), event.seller_id.as_deref()),
            ("p", Some("s"))
        );
        assert_eq!(event.at.to_string(), "2026-02-28T10:30:00Z");
        assert_eq!(
            event.record.value, value,
            "the payload is the record's value as sent"
        );
    }
}

#[test]
fn what_the_event_says_itself_comes_first() {
    let mut sent = structured();
    sent["data"] = json!({
        "id": "own", "type": "LowStockWarning", "timestamp": "2026-02-27T00:00:00Z", "productId": "p", "quantity": 1,
    });
    let event = read("products", record(sent.to_string())).unwrap();
    assert_eq!(
        (event.id.as_str(), event.event_type.as_str()),
        ("own", "LowStockWarning")
    );
    assert_eq!(event.at.to_string(), "2026-02-27T00:00:00Z");
}

#[test]
fn a_content_type_says_structured_too() {
    let headers = [("content-type", "application/cloudevents+json; charset=UTF-8")];
    let value = r#"{"id":"a","type":"x.ProductDeleted","data":{"productId":"p"}}"#;
    assert_eq!(read("t", with_headers(value, &headers)).unwrap().product_id, "p");
    // Without any of it a field that is called so is like any other.
    let plain =
        r#"{"type":"ProductDeleted","productId":"q","data":{"productId":"p","x":1e999,"y":"\ud800"}}"#;
    assert_eq!(read("t", record(plain)).unwrap().product_id, "q");
}

#[test]
fn pointers_lead_to_the_field_in_the_record() {
    let product = json!({"name": "n", "price": "1", "stock": 1});
    for (data, detail) in [
        (
            json!({"productId": "p", "type": "ProductCreated", "product": product}),
            "/data/product/price: a text, not a number",
        ),
        (json!({"type": "ProductDeleted"}), "/data/productId: missing"),
        (json!("text"), "/data: a text, not an object"),
        (json!([1]), "/data: an array, not an object"),
        (json!(null), "/data: missing"),
    ] {
        let mut sent = structured();
        sent["data"] = data;
        let found = refusal("t", record(sent.to_string()));
        assert_eq!(found, (Reason::SchemaViolation, detail.to_owned()));
    }
    for no_base64 in ["###", "\0", "e30=\0"] {
        let sent = json!({"specversion": "1.0", "data_base64": no_base64}).to_string();
        assert_eq!(
            refusal("t", record(sent)),
            (
                Reason::SchemaViolation,
                "/data_base64: no text in Base64".to_owned()
            )
        );
    }
    let sent = json!({"specversion": "1.0", "data_base64": "e30x"}).to_string();
    assert_eq!(refusal("t", record(sent)).0, Reason::MalformedEvent);
}

#[test]
fn a_structured_event_brings_its_trace() {
    let mut sent = structured();
    sent["traceparent"] = json!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let event = read("t", record(sent.to_string())).unwrap();
    assert_eq!(
        event.trace_id.as_deref(),
        Some("4bf92f3577b34da6a3ce929d0e0e4736")
    );
}
