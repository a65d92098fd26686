//! A case for each reason that the check has.

use crate::*;
use serde_json::json;

fn is_refused(value: impl AsRef<[u8]>, reason: Reason, detail: &str) {
    let sent = record(value);
    let (found, said) = refusal("ProductCreated", sent.clone());
    assert_eq!(found, reason, "{:?}: {said}", sent.value);
    assert!(said.contains(detail), "{said:?} should say {detail:?}");
}

#[test]
fn malformed_event() {
    for value in [
        &b""[..],
        b" ",
        b"null",
        b"17",
        b"\"{}\"",
        b"[{}]",
        b"{",
        b"{}{}",
        b"{'a':1}",
        b"{\"a\":01}",
        b"{\"a\":\"\x01\"}",
        b"{\"a\x01\":1}",
        b"\x1f\x8b\x08",
        b"{\"a\":\"\xff\"}",
        b"\xff\xfe{\x00}\x00",
        b"{\"a\":NaN}",
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
    ] {
        is_refused(value, Reason::MalformedEvent, "no ");
    }
}

#[test]
fn unsupported_encoding() {
    is_refused(
        b"\0\0\0\0\x07{\"productId\":\"p\"}",
        Reason::UnsupportedEncoding,
        "schema registry",
    );
}

#[test]
fn unsupported_event_type_and_version() {
    is_refused(
        r#"{"type":"OrderPlaced"}"#,
        Reason::UnsupportedEventType,
        "\"OrderPlaced\"",
    );
    is_refused(r#"{"version":"2.0"}"#, Reason::UnsupportedVersion, "\"2.0\"");
    let long = format!(r#"{{"type":"{}"}}"#, "é".repeat(1000));
    let (_, detail) = refusal("ProductCreated", record(long));
    assert!(detail.len() < 200, "{detail}");
}

#[test]
fn event_too_large() {
    let sized = |length: usize| {
        let rest = r#"{"productId":"p","pad":""}"#.len();
        format!(r#"{{"productId":"p","pad":"{}"}}"#, "x".repeat(length - rest))
    };
    read("ProductDeleted", record(sized(1 << 20))).unwrap();
    let (reason, detail) = refusal("ProductDeleted", record(sized((1 << 20) + 1)));
    assert_eq!(
        (reason, detail.as_str()),
        (Reason::EventTooLarge, "1048577 bytes, the limit is 1048576")
    );
    assert_eq!(
        refusal("ProductDeleted", record(vec![0; (1 << 20) + 1])).0,
        Reason::EventTooLarge
    );
}

#[test]
fn too_deep() {
    let nested = |depth: usize| {
        format!(
            r#"{{"productId":"p","x":{}{}}}"#,
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    };
    read("ProductDeleted", record(nested(64))).unwrap();
    assert_eq!(refusal("ProductDeleted", record(nested(65))).0, Reason::TooDeep);
    assert_eq!(
        refusal("ProductDeleted", record(nested(200_000))).0,
        Reason::TooDeep
    );
}

#[test]
fn schema_violation_with_its_pointer() {
    let good = json!({"productId": "p", "product": {"name": "n", "price": 1.5, "stock": 1}});
    read("ProductCreated", record(good.to_string())).unwrap();
    for (pointer, value, detail) in [
        ("/product", json!(null), "/product: missing"),
        ("/product", json!("x"), "/product: a text, not an object"),
        ("/product", json!([]), "/product: an array, not an object"),
        ("/product/name", json!(null), "/product/name: null, not a text"),
        ("/product/name", json!(7), "/product/name: a number, not a text"),
        ("/product/price", json!(null), "/product/price: missing"),
        (
            "/product/price",
            json!("1.50"),
            "/product/price: a text, not a number",
        ),
        (
            "/product/price",
            json!(true),
            "/product/price: a boolean, not a number",
        ),
        ("/product/stock", json!(null), "/product/stock: missing"),
        (
            "/product/stock",
            json!("1"),
            "/product/stock: a text, not an integer",
        ),
        (
            "/product/stock",
            json!(1.5),
            "/product/stock: no whole number of 64 bits",
        ),
        ("/productId", json!(null), "/productId: missing"),
        ("/productId", json!({}), "/productId: an object, not an id"),
        ("/productId", json!(" "), "/productId: nothing but white space"),
        (
            "/productId",
            json!("p".repeat(257)),
            "/productId: 257 bytes, the limit is 256",
        ),
    ] {
        let mut event = good.clone();
        *event.pointer_mut(pointer).unwrap() = value;
        is_refused(event.to_string(), Reason::SchemaViolation, detail);
    }
    let missing = r#"{"productId":"p","product":{"price":1,"stock":1}}"#;
    is_refused(missing, Reason::SchemaViolation, "/product/name: missing");
    let quantity = r#"{"productId":"p","product":{"name":"n","price":1,"quantity":[]}}"#;
    is_refused(
        quantity,
        Reason::SchemaViolation,
        "/product/quantity: an array, not an integer",
    );
    let huge = r#"{"productId":"p","product":{"name":"n","price":1e200000,"stock":1}}"#;
    is_refused(
        huge,
        Reason::SchemaViolation,
        "/product/price: a number beyond every column",
    );
    let wide = r#"{"productId":"p","product":{"name":"n","price":1,"stock":9223372036854775808}}"#;
    is_refused(
        wide,
        Reason::SchemaViolation,
        "/product/stock: no whole number of 64 bits",
    );
    let (reason, detail) = refusal("LowStockWarning", record(r#"{"productId":"p"}"#));
    assert_eq!(
        (reason, detail.as_str()),
        (Reason::SchemaViolation, "/currentStock: missing")
    );
}

#[test]
fn a_key_that_names_no_product() {
    for (key, detail) in [
        (&b"\xff"[..], "no text"),
        (b"\0\0\0\0\x01p", "no text"),
        (b" ", "white space"),
        (b"", "missing"),
    ] {
        let mut sent = record("{}");
        sent.key = Some(key.to_vec().into());
        let (reason, said) = refusal("ProductDeleted", sent);
        assert_eq!(reason, Reason::SchemaViolation);
        assert!(said.starts_with("/productId") && said.contains(detail), "{said}");
    }
}

#[test]
fn killed_worker_is_not_read() {
    let mut sent = chunk("ProductDeleted", vec![record(r#"{"id":"a","productId":"p"}"#)]);
    sent.care = Care::Reject;
    let (checked, counts) = check(sent, &Limits::default());
    assert!(checked.events.is_empty());
    let [rejected] = &checked.rejected[..] else {
        panic!("{checked:?}")
    };
    assert_eq!(
        (rejected.reason, &rejected.event_id),
        (Reason::KilledWorker, &None)
    );
    assert_eq!(counts, Counts::default());
}

#[test]
fn a_rejected_record_has_its_id_where_one_can_be_read() {
    for (value, headers, id) in [
        (r#"{"id":"a"}"#, vec![], Some("a")),
        (r#"{"id":"a","version":2}"#, vec![("event-id", "b")], Some("a")),
        ("{", vec![("event-id", "b")], Some("b")),
        ("{", vec![("ce_id", "c")], Some("c")),
        (r#"{"specversion":"1.0","id":"a"}"#, vec![], Some("a")),
        ("{}", vec![], None),
    ] {
        let rejected = read("ProductDeleted", with_headers(value, &headers)).unwrap_err();
        assert_eq!(rejected.event_id.as_deref(), id, "{value}");
    }
}

#[test]
fn one_record_is_not_fatal_to_its_neighbours() {
    let mut tombstone = record("");
    tombstone.value = None;
    let sent = vec![
        record("{"),
        record(r#"{"productId":"p"}"#),
        tombstone,
        record("\0"),
    ];
    let bytes = sent
        .iter()
        .filter_map(|record| record.value.as_ref())
        .map(|value| value.len())
        .sum::<usize>();
    let (checked, counts) = checked("ProductDeleted", sent);
    assert_eq!(
        (checked.events.len(), checked.rejected.len(), counts.tombstones),
        (1, 2, 1)
    );
    assert_eq!((checked.bytes, checked.from, checked.next), (bytes, Some(7), 8));
}
