//! Every field in every spelling; the first that is present wins.

use crate::*;
use millrace_products::domain::{Change, EventType, ProductValues};

#[test]
fn ids_of_events() {
    for (value, headers, id) in [
        (r#"{"id":"a"}"#, vec![], Some("a")),
        (r#"{"eventId":"b"}"#, vec![], Some("b")),
        (r#"{"eventId":"b","id":"a"}"#, vec![("event-id", "d")], Some("a")),
        (r#"{"id":null,"eventId":"b"}"#, vec![], Some("b")),
        (r#"{"id":"","eventId":"b"}"#, vec![], Some("b")),
        (r#"{"id":17}"#, vec![], Some("17")),
        (
            r#"{"id":12345678901234567890123}"#,
            vec![],
            Some("12345678901234567890123"),
        ),
        (r"{}", vec![("event-id", "d")], Some("d")),
        (
            r"{}",
            vec![("Event-Id", ""), ("Event-Id", "d"), ("event-id", "e")],
            Some("d"),
        ),
        (r"{}", vec![("ce_id", "c"), ("event-id", "d")], Some("c")),
        (r#"{"id":"a\u0000\u00e9\ud83d"}"#, vec![], Some("aé\u{fffd}")),
        // What is there and no id is not passed over for another spelling.
        (r#"{"id":true,"eventId":"b"}"#, vec![], None),
        (r#"{"id":" ","eventId":"b"}"#, vec![("event-id", "d")], None),
        (r#"{"id":{},"eventId":"b"}"#, vec![], None),
        (r"{}", vec![], None),
    ] {
        let mut sent = with_headers(value, &headers);
        sent.key = Some("p".into());
        let (event, counts) = read_counted("ProductDeleted", sent);
        let found = event.unwrap().id;
        match id {
            Some(id) => assert_eq!(found, id, "{value}"),
            None => assert!(found.len() == 36 && &found[14..15] == "5", "{value}: {found}"),
        }
        assert_eq!(counts.without_id, u64::from(id.is_none()), "{value}");
    }
}

#[test]
fn an_id_has_at_most_256_bytes() {
    let id = |length| format!(r#"{{"id":"{}","productId":"p"}}"#, "i".repeat(length));
    assert_eq!(deletion(&id(256)).id.len(), 256);
    assert_eq!(deletion(&id(257)).id.len(), 36);
}

#[test]
fn types() {
    use EventType::{Created, Deleted, LowStock, Updated};
    for (topic, fields, headers, expected) in [
        ("t", r#""type":"ProductDeleted""#, vec![], Some(Deleted)),
        ("t", r#""eventType":"ProductDeleted""#, vec![], Some(Deleted)),
        (
            "ProductDeleted",
            r#""eventType":"LowStockWarning","type":"ProductUpdated""#,
            vec![],
            Some(Updated),
        ),
        ("ProductCreated", r#""x":1"#, vec![], Some(Created)),
        ("shop.v1.LowStockWarning", r#""x":1"#, vec![], Some(LowStock)),
        (
            "t",
            r#""type":"com.example.shop.ProductDeleted""#,
            vec![],
            Some(Deleted),
        ),
        (
            "ProductCreated",
            r#""x":1"#,
            vec![("ce_type", "com.example.ProductUpdated")],
            Some(Updated),
        ),
        (
            "ProductCreated",
            r#""type":null,"eventType":"""#,
            vec![],
            Some(Created),
        ),
        ("ProductCreated", r#""type":"productcreated""#, vec![], None),
        ("ProductCreated", r#""type":7"#, vec![], None),
        ("ProductCreated", r#""type":"ProductRenamed""#, vec![], None),
        ("products", r#""x":1"#, vec![], None),
    ] {
        let value = format!(
            r#"{{{fields},"productId":"p","currentStock":1,"product":{{"name":"n","price":1,"stock":1}}}}"#
        );
        match (read(topic, with_headers(&value, &headers)), expected) {
            (Ok(event), Some(expected)) => assert_eq!(event.event_type, expected, "{value}"),
            (Err(rejected), None) => assert_eq!(rejected.reason, Reason::UnsupportedEventType, "{value}"),
            (found, _) => panic!("{value}: {found:?}"),
        }
    }
}

#[test]
fn versions() {
    for version in [
        r#""1""#,
        r#""1.0""#,
        r#""1.2.3""#,
        "1",
        "1.0",
        "1.7",
        "null",
        r#""""#,
    ] {
        deletion(&format!(r#"{{"version":{version},"productId":"p"}}"#));
    }
    for version in [
        r#""2""#, r#""10""#, r#""1.""#, r#""v1""#, r#"" 1""#, "2", "0", "10", "-1", "true", "{}", "[1]",
    ] {
        let value = format!(r#"{{"version":{version},"productId":"p"}}"#);
        let (reason, detail) = refusal("ProductDeleted", record(&value));
        assert_eq!(reason, Reason::UnsupportedVersion, "{value}: {detail}");
    }
}

#[test]
fn products_and_sellers() {
    let keyed = |value: &str| {
        let mut sent = record(value);
        sent.key = Some("k".into());
        read("ProductDeleted", sent).unwrap()
    };
    for (value, product, seller) in [
        (
            r#"{"productId":"a","product":{"id":"b","sellerId":"s"}}"#,
            "a",
            Some("s"),
        ),
        (
            r#"{"product":{"id":"b","sellerId":"s"},"sellerId":"t"}"#,
            "b",
            Some("t"),
        ),
        (r#"{"product":{"id":42},"sellerId":7}"#, "42", Some("7")),
        (r#"{"product":[],"sellerId":{}}"#, "k", None),
        (r#"{"productId":null,"sellerId":""}"#, "k", None),
        (r#"{"productId":"a\u0000b","sellerId":"\u0000"}"#, "ab", None),
    ] {
        let event = keyed(value);
        assert_eq!(
            (event.product_id.as_str(), event.seller_id.as_deref()),
            (product, seller),
            "{value}"
        );
    }
    let long = "s".repeat(257);
    assert_eq!(keyed(&format!(r#"{{"sellerId":"{long}"}}"#)).seller_id, None);
}

#[test]
fn values_of_a_product() {
    let values = |product: &str| match read(
        "ProductUpdated",
        record(format!(r#"{{"productId":"p","product":{product}}}"#)),
    )
    .unwrap()
    .change
    {
        Change::Values(values) => values,
        other => panic!("{other:?}"),
    };
    let expected = ProductValues {
        name: "n".to_owned(),
        price: "12.50".to_owned(),
        stock: 3,
        category: None,
    };
    for product in [
        r#"{"name":"n","price":12.50,"stock":3}"#,
        r#"{"name":"n","price":12.50,"quantity":3}"#,
        r#"{"name":"n","price":12.50,"stock":3,"quantity":4}"#,
        r#"{"name":"n","price":12.50,"stock":null,"quantity":3,"category":null}"#,
        r#"{"name":"n","price":12.50,"stock":3.0,"category":{"id":1}}"#,
        // The last of equal names counts.
        r#"{"name":"m","price":12.50,"stock":3,"name":"n"}"#,
        r#"{"n\u0061me":"n","price":12.50,"stock":3,"\ud800":1}"#,
    ] {
        assert_eq!(values(product), expected, "{product}");
    }
    let odd = values(r#"{"name":"","price":-1e-7,"stock":-5,"category":"c\u0000"}"#);
    assert_eq!(
        (odd.name.as_str(), odd.price.as_str(), odd.stock),
        ("", "-1e-7", -5)
    );
    assert_eq!(odd.category.as_deref(), Some("c"));
    let exact = "123456789012345678901234567890.123456789012345678901234567890";
    assert_eq!(
        values(&format!(r#"{{"name":"n","price":{exact},"stock":1}}"#)).price,
        exact
    );
}

#[test]
fn warnings() {
    let warning = |fields: &str| {
        read(
            "LowStockWarning",
            record(format!(r#"{{"productId":"p",{fields}}}"#)),
        )
        .unwrap()
        .change
    };
    let low = |threshold, name: Option<&str>, category: Option<&str>| Change::LowStock {
        stock: 2,
        threshold,
        name: name.map(str::to_owned),
        category: category.map(str::to_owned),
    };
    assert_eq!(warning(r#""currentStock":2"#), low(None, None, None));
    assert_eq!(warning(r#""quantity":2,"threshold":5"#), low(Some(5), None, None));
    assert_eq!(warning(r#""quantity":3,"currentStock":2"#), low(None, None, None));
    assert_eq!(
        warning(r#""currentStock":2,"threshold":5,"productName":"n","category":"c""#),
        low(Some(5), Some("n"), Some("c"))
    );
    assert_eq!(
        warning(r#""currentStock":2,"threshold":"5","productName":7,"category":[]"#),
        low(None, None, None)
    );
}

#[test]
fn u_0000_is_taken_out_and_counted_but_stays_in_the_payload() {
    let value = r#"{"id":"a\u0000","productId":"p\u0000","sellerId":"s\u0000","note":"x\u0000",
        "product":{"name":"n\u0000\ud800","price":1,"stock":1}}"#;
    let (event, counts) = read_counted("ProductCreated", record(value));
    let event = event.unwrap();
    assert_eq!(
        (
            event.id.as_str(),
            event.product_id.as_str(),
            event.seller_id.as_deref()
        ),
        ("a", "p", Some("s"))
    );
    assert_eq!((counts.nuls_removed, counts.half_pairs_replaced), (4, 1));
    assert_eq!(event.record.value.unwrap(), value);
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let event = deletion("\u{feff}{\"productId\":\"p\"}");
    assert_eq!(event.record.value.unwrap(), r#"{"productId":"p"}"#);
}

#[test]
fn a_trace_is_gone_on_with() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let value = r#"{"productId":"p"}"#;
    for (header, expected) in [
        ("traceparent", Some(trace)),
        ("ce_traceparent", Some(trace)),
        ("trace", None),
    ] {
        let event = read("ProductDeleted", with_headers(value, &[(header, &parent)])).unwrap();
        assert_eq!(event.trace_id.as_deref(), expected, "{header}");
    }
}
