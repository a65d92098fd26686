//! Events and objects that are poison.

use super::*;
use crate::{Copies, compare_dead_letters};

fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut event = event("x");
    change(&mut event);
    event.to_string()
}

#[test]
fn each_poison_event_has_its_reason() {
    let cases = [
        ("not json".to_owned(), None, "malformed_event"),
        ("[1]".to_owned(), None, "malformed_event"),
        (
            changed(|event| event["event_id"] = "".into()),
            None,
            "malformed_event",
        ),
        (
            changed(|event| event["payload"]["job_id"] = "".into()),
            Some("evt_x"),
            "malformed_event",
        ),
        (
            changed(|event| event["payload"] = Value::Null),
            Some("evt_x"),
            "malformed_event",
        ),
        (
            changed(|event| event["event_type"] = "data.lost".into()),
            Some("evt_x"),
            "unsupported_event_type",
        ),
        (
            changed(|event| event["payload"]["minio_path"] = "/a/b".into()),
            Some("evt_x"),
            "bad_path",
        ),
        (
            changed(|event| event["payload"]["minio_path"] = "no/b".into()),
            Some("evt_x"),
            "bucket_not_allowed",
        ),
        (event("x").to_string(), Some("evt_x"), "object_missing"),
    ];
    for (body, id, reason) in cases {
        let expected = expect([&body], &Objects::new(), &OracleSettings::default());
        assert_eq!(
            expected.dead_letters,
            [(id.map(str::to_owned), reason.to_owned())],
            "{body}"
        );
        assert!(expected.ledger.is_empty());
    }
}

#[test]
fn each_poison_object_has_its_reason() {
    let settings = OracleSettings {
        max_object_bytes: 5_000,
        max_decompressed_bytes: 10_000,
        max_items: 3,
        max_depth: 8,
        ..OracleSettings::default()
    };
    let packed = |text: &str| zstd::encode_all(text.as_bytes(), 3).unwrap();
    let whole = packed(&"[1, 2, 3, 4, 5]".repeat(20));
    let cases: [(Vec<u8>, &str); 8] = [
        (vec![b' '; 5_001], "object_too_large"),
        (whole[..whole.len() - 3].to_vec(), "decompression_failed"),
        (packed(&" ".repeat(10_001)), "decompressed_too_large"),
        (b"[{".to_vec(), "malformed_json"),
        (b"".to_vec(), "malformed_json"),
        (b"7".to_vec(), "malformed_json"),
        ("[".repeat(9).into_bytes(), "too_deep"),
        (b"[{},{},{},{}]".to_vec(), "too_many_items"),
    ];
    for (body, reason) in cases {
        let objects = Objects::from([object("x", body)]);
        let expected = expect([event("x").to_string()], &objects, &settings);
        assert_eq!(
            expected.dead_letters,
            [(Some("evt_x".to_owned()), reason.to_owned())]
        );
    }
}

#[test]
fn every_packing_is_read() {
    let items = guide_batch();
    let text = items.to_string();
    let (head, tail) = text.split_at(700);
    let packed = |text: &str| zstd::encode_all(text.as_bytes(), 3).unwrap();
    let skippable = b"\x53\x2a\x4d\x18\x02\0\0\0hi".to_vec();
    let bodies = [
        text.clone().into_bytes(),
        format!("\u{feff}{text}").into_bytes(),
        json!({ "items": items }).to_string().into_bytes(),
        packed(&text),
        [packed(head), packed(tail)].concat(),
        [skippable.clone(), packed(&text), skippable].concat(),
    ];
    for body in bodies {
        let objects = Objects::from([object("x", body)]);
        let expected = expect([event("x").to_string()], &objects, &OracleSettings::default());
        assert_eq!((expected.posts.len(), expected.crawl_errors.len()), (1, 1));
    }
}

#[test]
fn dead_letters_are_counted() {
    let expected = expect(["x", "x"], &Objects::new(), &OracleSettings::default());
    let letter = |reason: &str| (None, reason.to_owned());
    let differing = |actual: &[_], copies| compare_dead_letters(&expected, actual, copies).len();
    let bad = letter("malformed_event");
    assert_eq!(differing(&[bad.clone(), bad.clone()], Copies::Exact), 0);
    assert_eq!(differing(std::slice::from_ref(&bad), Copies::Exact), 1);
    assert_eq!(differing(std::slice::from_ref(&bad), Copies::AtLeastOne), 0);
    assert_eq!(
        differing(&[bad.clone(), bad.clone(), bad.clone()], Copies::Exact),
        1
    );
    assert_eq!(differing(&[], Copies::AtLeastOne), 1);
    assert_eq!(differing(&[bad, letter("bad_path")], Copies::AtLeastOne), 1);
}
