//! What holds for any bytes and any JSON.

use crate::{
    domain::{Items, Platform},
    parse::testkit::{event, parse, settings},
    parse::{Parsed, parse_body, platforms},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Keys that mean something somewhere, and some that never do.
const KEYS: &[&str] = &[
    "id",
    "external_id",
    "fetch_status",
    "crawled_at",
    "published_at",
    "platform",
    "job_id",
    "lang",
    "error_code",
    "error_details",
    "fetch_error",
    "error_message",
    "keyword_source",
    "description",
    "text",
    "view_count",
    "views",
    "likes",
    "like_count",
    "comment_count",
    "comments_count",
    "tags",
    "hashtags",
    "duration",
    "url",
    "channel_id",
    "video_id",
    "username",
    "name",
    "display_name",
    "followers",
    "verified",
    "author_name",
    "author_username",
    "created_at",
    "interaction",
    "interactions",
    "meta",
    "content",
    "author",
    "comments",
    "bio",
    "odd",
    "x\"\\y",
];

/// Text without what is removed by design; every piece is long enough to be found again.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{8}",
        "[à-ỹ\"\\\\\n😀]{6,9}",
        Just("2025-12-06T10:15:30Z".to_owned()),
        Just("success".to_owned()),
        Just("error".to_owned()),
        Just("1234567".to_owned()),
        Just("True".to_owned()),
        Just("NULL".to_owned()),
        Just(String::new()),
    ]
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        2 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(3, 40, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::btree_map(prop::sample::select(KEYS), inner, 0..9).prop_map(|fields| {
        Value::Object(
            fields
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    })
}

/// Mostly items with an id, a status and the usual sections.
pub(super) fn item() -> impl Strategy<Value = Value> {
    let section = || object(value());
    let comments = prop::collection::vec(prop_oneof![3 => section(), 1 => value()], 0..4);
    let status = prop_oneof![Just(json!("success")), Just(json!("error")), Just(Value::Null)];
    let usual = (section(), section(), section(), comments, section(), status).prop_map(
        |(mut meta, content, author, comments, rest, status)| {
            meta["id"] = json!("item-id-1");
            meta["fetch_status"] = status;
            let mut item = rest;
            item["meta"] = meta;
            item["content"] = content;
            item["author"] = author;
            item["comments"] = Value::from(comments);
            item
        },
    );
    prop_oneof![4 => usual, 1 => value()]
}

/// Each that has a folder, and one that has none.
pub(super) fn platform() -> impl Strategy<Value = Platform> {
    let mut names: Vec<_> = platforms::ALL.iter().map(|known| known.name).collect();
    names.push("snapgram");
    prop::sample::select(names).prop_map(Platform::new)
}

fn parsed(body: &Value, platform: Platform) -> Parsed {
    parse(body.to_string().as_bytes(), platform).unwrap()
}

/// All text of all rows, as it would be read back: JSON columns unescaped by Rust's own notation.
pub(crate) fn everything(items: &Items) -> String {
    let mut all = format!("{items:?}");
    let extras = items
        .posts
        .iter()
        .flat_map(|post| [&post.extra, &post.error_details]);
    let extras = extras.chain(items.authors.iter().map(|author| &author.extra));
    let extras = extras.chain(items.comments.iter().map(|comment| &comment.extra));
    let extras = extras.chain(
        items
            .errors
            .iter()
            .flat_map(|error| [&error.extra, &error.error_details]),
    );
    for json in extras.flatten() {
        let value: Value = serde_json::from_str(json.as_str()).expect("extra is JSON");
        strings(&value, &mut |text| all.push_str(&format!("{text:?}")));
    }
    for rejected in &items.rejected {
        let value: Value = serde_json::from_str(&rejected.raw).expect("raw is JSON");
        strings(&value, &mut |text| all.push_str(&format!("{text:?}")));
    }
    all
}

pub(crate) fn strings(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => found(text),
        Value::Array(values) => values.iter().for_each(|value| strings(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}

/// What may disappear: nulls in any spelling, what is stored as another type, and what the event says too.
pub(crate) fn is_kept_as_text(text: &str) -> bool {
    let stored_otherwise = [
        "",
        "NULL",
        "2025-12-06T10:15:30Z",
        "success",
        "error",
        "1234567",
        "True",
    ];
    !stored_otherwise.contains(&text)
}

fn reversed(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| {
                format!("{}:{}", Value::from(key.as_str()), reversed(value))
            };
            let fields: Vec<_> = fields.iter().rev().map(field).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(reversed).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// JSON columns with their keys in one order.
fn sorted(mut items: Items) -> Items {
    let sort = |json: &mut Option<crate::domain::Json>| {
        if let Some(json) = json {
            let value: Value = serde_json::from_str(json.as_str()).unwrap();
            *json = crate::domain::Json::from_clean(value.to_string());
        }
    };
    for post in &mut items.posts {
        sort(&mut post.extra);
        sort(&mut post.error_details);
    }
    items
        .authors
        .iter_mut()
        .for_each(|author| sort(&mut author.extra));
    items
        .comments
        .iter_mut()
        .for_each(|comment| sort(&mut comment.extra));
    for error in &mut items.errors {
        sort(&mut error.extra);
        sort(&mut error.error_details);
    }
    for rejected in &mut items.rejected {
        let value: Value = serde_json::from_str(&rejected.raw).unwrap();
        rejected.raw = value.to_string();
        rejected.detail.clear();
    }
    items
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_get_an_answer(body in prop::collection::vec(any::<u8>(), 0..300), claims in any::<bool>(), platform in platform()) {
        let _ = parse_body(&body, claims, &event(platform), &settings());
    }

    #[test]
    fn any_text_like_json_gets_an_answer(body in r#"[\[\]{}",:0-9eE.\\u\-a-f \x00é]{0,80}"#) {
        let _ = parse(body.as_bytes(), Platform::Tiktok);
        let _ = parse(format!("[{{\"meta\":{{\"id\":1}},\"content\":{body}}}]").as_bytes(), Platform::Tiktok);
        let _ = parse(format!("[\"{body}\",{{\"content\":\"{body}\"}}]").as_bytes(), Platform::Tiktok);
    }

    #[test]
    fn every_item_is_a_post_an_error_or_a_rejection(items in prop::collection::vec(item(), 0..6), platform in platform()) {
        let count = items.len();
        let parsed = parsed(&Value::from(items), platform);
        prop_assert_eq!(parsed.items.item_count(), count);
    }

    #[test]
    fn every_text_that_was_sent_is_found_somewhere(item in item(), platform in platform()) {
        let parsed = parsed(&json!([item]), platform);
        let all = everything(&parsed.items);
        // Error codes are stored trimmed and in upper case.
        let mut sent = item.clone();
        for place in ["/meta", ""] {
            if let Some(fields) = sent.pointer_mut(place).and_then(Value::as_object_mut) {
                fields.remove("error_code");
            }
        }
        let mut missing = Vec::new();
        strings(&sent, &mut |text| {
            let written = format!("{text:?}");
            if is_kept_as_text(text) && !all.contains(written.trim_matches('"')) {
                missing.push(text.to_owned());
            }
        });
        prop_assert!(missing.is_empty(), "{missing:?} of {item} not in {all}");
    }

    #[test]
    fn no_u0000_comes_out(item in item(), at in any::<prop::sample::Index>(), platform in platform()) {
        let mut body = json!([item]).to_string();
        let quotes: Vec<_> = body.match_indices('"').map(|(position, _)| position).collect();
        if !quotes.is_empty() {
            // At each quote of a valid text a NUL may hide, or the text breaks: both must come out clean.
            body.insert_str(quotes[at.index(quotes.len())] + 1, "\\u0000\\ud800");
        }
        if let Ok(parsed) = parse(body.as_bytes(), platform) {
            let mut items = parsed.items;
            for rejected in &mut items.rejected {
                prop_assert!(!rejected.raw.contains('\0'));
                rejected.raw.clear(); // a text column: an escape in it is harmless
            }
            let written = format!("{items:?}");
            prop_assert!(!written.contains("\\0") && !written.contains("u0000") && !written.contains("ud800"), "{written}");
        }
    }

    #[test]
    fn the_order_of_keys_does_not_matter(item in item(), platform in platform()) {
        let body = json!([item]);
        let backwards = parse(reversed(&body).as_bytes(), platform.clone()).unwrap();
        prop_assert_eq!(sorted(parsed(&body, platform).items), sorted(backwards.items));
    }
}

#[test]
fn the_helpers_of_these_properties_work() {
    let mut map = Map::new();
    map.insert("a".to_owned(), json!(1));
    map.insert("b".to_owned(), json!(["x"]));
    assert_eq!(reversed(&Value::Object(map)), r#"{"b":["x"],"a":1}"#);
}
