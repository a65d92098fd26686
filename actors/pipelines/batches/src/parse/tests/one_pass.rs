//! Items are read in one pass where nothing is unusual, and step by step elsewhere. Nobody must be able to tell which.

use super::properties::{item, platform};
use crate::{
    domain::Platform,
    parse::{
        ParserLimits, ParserSettings, parse_body, parse_body_step_by_step,
        testkit::{event, settings},
    },
};
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

/// Text that changes what JSON means, or breaks it.
const PIECES: [&str; 34] = [
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    "0",
    "-",
    ".",
    "e",
    "1e5",
    "null",
    "tru",
    "NaN",
    "{}",
    "[]",
    "\\u0000",
    "\\ud83d",
    "\\ude00",
    "\\u00e9",
    "\\n",
    "\\x",
    "\t",
    "\0",
    "é",
    "\u{feff}",
    "\"id\":1,",
    "\"meta\":{},",
    "\"comments\":[{}],",
    "{\"meta\":{\"id\":1},\"content\":{}},",
];

/// A change to a text: at a place, so many bytes go, and a piece comes.
#[derive(Clone, Debug)]
struct Change(Index, usize, &'static str);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let piece = prop_oneof![1 => Just(""), 4 => prop::sample::select(&PIECES[..])];
    let change = (any::<Index>(), 0..3_usize, piece).prop_map(|(at, gone, piece)| Change(at, gone, piece));
    prop::collection::vec(change, 0..4)
}

fn changed(text: &str, changes: &[Change]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for Change(at, gone, piece) in changes {
        let start = at.index(bytes.len() + 1);
        let end = (start + gone).min(bytes.len());
        bytes.splice(start..end, piece.bytes());
    }
    bytes
}

/// Reads both ways, and says where they differ.
fn both(body: &[u8], platform: Platform, settings: &ParserSettings) -> Result<(), TestCaseError> {
    let event = event(platform);
    prop_assert_eq!(
        parse_body(body, false, &event, settings),
        parse_body_step_by_step(body, false, &event, settings)
    );
    Ok(())
}

/// Caps that small batches exceed.
fn narrow() -> impl Strategy<Value = ParserSettings> {
    (1..4_usize, 1..5_usize, 2..6_usize, 4..40_usize).prop_map(|(items, comments, depth, text)| {
        ParserSettings {
            limits: ParserLimits {
                max_decompressed_bytes: 10_000,
                max_items: items,
                max_comments: comments,
                max_depth: depth,
                max_text_bytes: text,
            },
            ..settings()
        }
    })
}

#[test]
fn every_fixture_is_read_the_same_both_ways() {
    let mut count = 0;
    insta::glob!("../platforms", "*/fixtures/*.json", |path| {
        let body = std::fs::read(path).unwrap();
        for platform in ["tiktok", "youtube", "facebook", "snapgram"] {
            both(&body, Platform::new(platform), &settings()).unwrap();
        }
        count += 1;
    });
    assert!(count >= 8, "{count} fixtures");
}

#[test]
fn an_item_with_more_values_than_are_written_down_is_read_the_same() {
    let comments: Vec<_> = (0..20_000)
        .map(|n| json!({"id": n, "text": "a", "odd": [n]}))
        .collect();
    let items = json!([
        {"meta": {"id": "1"}, "content": {}, "comments": comments},
        {"meta": {"id": "2"}, "content": {}},
    ]);
    both(items.to_string().as_bytes(), Platform::Tiktok, &settings()).unwrap();
}

#[test]
fn an_object_with_more_fields_than_are_handled_is_refused_by_the_same_words() {
    for width in [9_999, 10_000, 10_001] {
        let fields: String = (0..width - 2).map(|n| format!(",\"{n}\":1")).collect();
        let body = format!(
            r#"[{{"meta":{{"id":1,"odd":2{fields}}},"content":{{}}}}, {{"meta":{{"id":2}},"content":{{}}}}]"#
        );
        both(body.as_bytes(), Platform::Tiktok, &settings()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn items_are_read_the_same_both_ways(
        items in prop::collection::vec(item(), 0..5),
        is_pretty in any::<bool>(),
        changes in changes(),
        platform in platform(),
        narrow in prop::option::of(narrow()),
    ) {
        let value = Value::from(items);
        let text = if is_pretty { format!("{value:#}") } else { value.to_string() };
        both(&changed(&text, &changes), platform, &narrow.unwrap_or_else(settings))?;
    }

    #[test]
    fn text_like_json_is_read_the_same_both_ways(text in r#"[\[\]{}",:0-9eE.\\u\-+a-f \x00é]{0,40}"#) {
        for body in [
            text.clone(),
            format!("[{{\"meta\":{{\"id\":1}},\"content\":{text}}}]"),
            format!("[{{\"meta\":{{\"id\":1}},\"content\":{{\"odd\":[{text}]}}}}]"),
            format!("[\"{text}\",{{\"meta\":{{\"id\":\"{text}\"}},\"content\":{{\"{text}\":1}}}}]"),
        ] {
            both(body.as_bytes(), Platform::Tiktok, &settings())?;
        }
    }
}
