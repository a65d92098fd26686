//! What an object may look like, and each reason to refuse one.

use crate::{
    domain::{Platform, Reason},
    parse::{
        CleanKind, ParserLimits, ParserSettings, parse_body,
        testkit::{event, items, parse, refused, settings},
    },
};
use millrace_engine::Fault;

const ITEM: &str = r#"{"meta":{"id":"1","fetch_status":"success"},"content":{"description":"xin chào"}}"#;

fn reason_with(limits: ParserLimits, body: &str) -> &'static str {
    let settings = ParserSettings { limits, ..settings() };
    match parse_body(body.as_bytes(), false, &event(Platform::Tiktok), &settings) {
        Err(Fault::Poison { reason, .. }) => reason,
        other => panic!("expected poison, got {other:?}"),
    }
}

#[test]
fn array_envelope_and_single_item_hold_the_same() {
    let expected = items(format!("[{ITEM}]"));
    assert_eq!(expected.posts.len(), 1);
    for body in [
        ITEM.to_owned(),
        format!(" \n{ITEM}\r\n"),
        format!("\u{feff}[{ITEM}]"),
        format!("\u{feff}{ITEM}"),
        format!(r#"{{"items":[{ITEM}],"total":1}}"#),
        format!(r#"{{"meta":{{"page":1}},"items":[{ITEM}]}}"#),
        format!(r#"{{"payload":[{ITEM}]}}"#),
    ] {
        assert_eq!(items(&body), expected, "{body}");
    }
}

#[test]
fn no_items_are_a_batch_of_none() {
    for body in ["[]", r#"{"items":[]}"#, " [ ] "] {
        assert_eq!(items(body).item_count(), 0, "{body}");
    }
}

#[test]
fn what_is_not_json_of_a_shape_we_read_is_malformed_json() {
    let truncated = &ITEM[..ITEM.len() - 1];
    for body in [
        "",
        "  ",
        "hello",
        "42",
        "\"text\"",
        "null",
        "{}",
        r#"{"items":null}"#,
        r#"{"items":{}}"#,
        r#"{"foo":[]}"#,
        "[",
        "[] x",
        "[][]",
        "[]}",
        "{\"meta\":{}} x",
        truncated,
        "\u{0}[]",
        "'a'",
        "[1",
        r#"["\x"#,
        "[01,",
        "{\"meta\":NaN",
    ] {
        assert_eq!(refused(body), "malformed_json", "{body}");
    }
    assert_eq!(refused([0xff; 50]), "malformed_json");
    assert_eq!(refused(b"\xFF\xFE[\0]\0"), "malformed_json", "UTF-16");
}

#[test]
fn what_is_no_item_but_has_borders_is_rejected_alone() {
    for (body, count) in [
        ("[1,]", 1),
        ("[1 2]", 1),
        ("[nope]", 1),
        ("[nope,1]", 2),
        ("[\"\u{1}\"]", 1),
        ("[1]\u{0}", 1),
        (r#"["\x",{}]"#, 2),
        ("[01]", 1),
        ("[NaN]", 1),
        ("[}]", 1),
    ] {
        let items = items(body);
        assert_eq!(
            (items.item_count(), items.rejected.len()),
            (count, count),
            "{body}"
        );
        assert!(
            items
                .rejected
                .iter()
                .all(|row| row.reason == Reason::MalformedItem)
        );
    }
}

#[test]
fn nesting_beyond_the_cap_is_too_deep() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(items(nested(64)).rejected.len(), 1);
    for depth in [65, 200_000] {
        assert_eq!(items(nested(depth)).rejected[0].reason, Reason::TooDeep);
    }
    assert_eq!(refused("[".repeat(5_000_000)), "too_deep");
    assert_eq!(refused("{\"a\":".repeat(100_000)), "too_deep");
}

#[test]
fn a_cap_on_depth_beyond_what_any_library_recurses_holds_too() {
    let depth = 200_000;
    let body = format!(
        r#"[{{"meta":{{"id":"1"}},"content":{{"x":{}1{}}}}}]"#,
        "[".repeat(depth),
        "]".repeat(depth)
    );
    let mut settings = settings();
    settings.limits.max_depth = depth + 10;
    let parsed = parse_body(body.as_bytes(), false, &event(Platform::Tiktok), &settings).unwrap();
    assert!(parsed.items.posts[0].extra.is_some());
}

#[test]
fn items_beyond_the_cap_are_too_many() {
    let limits = ParserLimits {
        max_items: 3,
        ..ParserLimits::default()
    };
    assert_eq!(reason_with(limits, "[1,2,3,4]"), "too_many_items");
    assert_eq!(reason_with(limits, r#"{"items":[1,2,3,4]}"#), "too_many_items");
    let settings = ParserSettings { limits, ..settings() };
    let parsed = parse_body(b"[1,2,3]", false, &event(Platform::Tiktok), &settings).unwrap();
    assert_eq!(parsed.items.rejected.len(), 3);
}

#[test]
fn packed_and_plain_hold_the_same_whatever_is_claimed() {
    let plain = format!("[{ITEM}]");
    let packed = zstd::encode_all(plain.as_bytes(), 3).unwrap();
    let expected = items(&plain);
    for (body, claims) in [(plain.as_bytes(), true), (&packed, true), (&packed, false)] {
        let parsed = parse_body(body, claims, &event(Platform::Tiktok), &settings()).unwrap();
        assert_eq!(parsed.items, expected);
        assert_eq!(parsed.json_bytes, plain.len());
    }
}

#[test]
fn a_bomb_and_a_truncated_object_are_refused() {
    let spaces = zstd::encode_all(&vec![b' '; 2 << 20][..], 3).unwrap();
    let mut settings = settings();
    settings.limits.max_decompressed_bytes = 1 << 20;
    let outcome = |body: &[u8]| parse_body(body, true, &event(Platform::Tiktok), &settings);
    for (body, expected) in [
        (&spaces[..], "decompressed_too_large"),
        (&spaces[..spaces.len() / 2], "decompression_failed"),
        (b"(not zstd)", "decompression_failed"),
    ] {
        match outcome(body) {
            Err(Fault::Poison { reason, .. }) => assert_eq!(reason, expected),
            other => panic!("expected poison, got {other:?}"),
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_cost_neither_the_item_nor_its_neighbours() {
    let body = [
        &b"[{\"meta\":{\"id\":\"1\"},\"content\":{\"text\":\"a\xffb\"}},"[..],
        ITEM.as_bytes(),
        b"]",
    ]
    .concat();
    let parsed = parse(&body, Platform::Tiktok).unwrap();
    assert_eq!(parsed.items.posts[0].content_text.as_deref(), Some("a\u{fffd}b"));
    assert_eq!(parsed.items.posts[1].content_text.as_deref(), Some("xin chào"));
    assert_eq!(parsed.cleaned.count(CleanKind::Utf8Replaced), 1);
}

#[test]
fn half_a_surrogate_pair_is_replaced_in_values_and_keys() {
    let body = r#"{"meta":{"id":"1"},"content":{"text":"\ud83dx","\udc00k":"\ud800"},"\ud83d":1}"#;
    for body in [body.to_owned(), format!("[{body}]")] {
        let parsed = parse(body.as_bytes(), Platform::Tiktok).unwrap();
        let post = &parsed.items.posts[0];
        assert_eq!(post.content_text.as_deref(), Some("\u{fffd}x"));
        let extra = post.extra.as_ref().unwrap().as_str();
        assert_eq!(extra, "{\"\u{fffd}\":1,\"content\":{\"\u{fffd}k\":\"\\ufffd\"}}");
        assert_eq!(parsed.cleaned.count(CleanKind::SurrogateReplaced), 4);
    }
}
