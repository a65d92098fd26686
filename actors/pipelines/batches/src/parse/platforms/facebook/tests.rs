//! Fixtures of both shapes, and what holds for any Facebook item.

use crate::{
    domain::{Items, Platform},
    parse::{
        CleanKind, parse_body,
        testkit::{self, event, settings},
        tests::properties::{everything, is_kept_as_text, strings, text, value},
    },
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn facebook() -> Platform {
    Platform::new("facebook")
}

fn items(item: &Value) -> Items {
    let body = json!([item]).to_string();
    testkit::parse(body.as_bytes(), facebook()).unwrap().items
}

#[test]
fn every_fixture_reads_as_its_snapshot() {
    insta::glob!("fixtures/*.json", |path| {
        let body = std::fs::read(path).unwrap();
        insta::assert_debug_snapshot!(testkit::parse(&body, facebook()).unwrap().items);
    });
}

#[test]
fn a_page_beside_an_author_is_not_taken_for_them() {
    let page = json!({"id": "6", "username": "page", "about": "of the page", "is_verified": true});
    let item = |author: Value| json!({"meta": {"id": "1"}, "content": {}, "author": author, "page": page});
    let both = items(&item(json!({"id": "5"})));
    assert_eq!(both.authors[0].author_key, "5");
    assert_eq!((&both.authors[0].bio, both.authors[0].verified), (&None, None));
    assert!(everything(&both).contains("of the page"));
    let alone = items(&item(Value::Null));
    assert_eq!(alone.authors[0].author_key, "page");
    assert_eq!(alone.posts[0].extra, None);
}

#[test]
fn records_are_read_line_by_line_too() {
    let lines = "{\"post_id\":1,\"content\":\"a\"}\n{\"post_id\":2,\"content\":\"b\"}\n{\"error_code\":\"blocked\",\"url\":\"u\"}\n";
    let items = testkit::parse(lines.as_bytes(), facebook()).unwrap().items;
    assert_eq!((items.posts.len(), items.errors.len()), (2, 1), "{items:?}");
    assert_eq!(items.errors[0].error_code.as_str(), "ACCESS_DENIED");
}

#[test]
fn a_record_is_a_post_on_facebook_only() {
    let record = json!([{"post_id": "1", "content": "a"}]).to_string();
    for platform in ["tiktok", "youtube", "instagram"] {
        let items = testkit::parse(record.as_bytes(), Platform::new(platform))
            .unwrap()
            .items;
        assert_eq!(items.rejected.len(), 1, "{platform}");
    }
}

#[test]
fn replies_count_towards_the_cap_and_the_rest_stays_in_extra() {
    let mut settings = settings();
    settings.limits.max_comments = 2;
    let replies: Vec<_> = (0..3)
        .map(|n| json!({"id": format!("r{n}"), "text": format!("answer {n}")}))
        .collect();
    let item = json!([{"meta": {"id": "1"}, "content": {}, "comments": [{"id": "c", "replies": replies}, {"id": "d"}]}]);
    let parsed = parse_body(item.to_string().as_bytes(), false, &event(facebook()), &settings).unwrap();
    let ids: Vec<_> = parsed
        .items
        .comments
        .iter()
        .map(|comment| &*comment.comment_id)
        .collect();
    assert_eq!(ids, ["c", "r0"]);
    assert_eq!(parsed.cleaned.count(CleanKind::CommentsOverCap), 3);
    let all = everything(&parsed.items);
    assert!(
        all.contains("answer 1") && all.contains("answer 2") && all.contains("\"d\""),
        "{all}"
    );
}

#[test]
fn replies_that_nest_too_deep_stay_in_extra() {
    let nested = (0..12).rev().fold(
        json!([]),
        |inner, level| json!([{"id": format!("level-{level}"), "replies": inner}]),
    );
    let items = items(&json!({"meta": {"id": "1"}, "content": {}, "comments": nested}));
    assert_eq!(items.comments.len(), 9, "a comment and eight levels of replies");
    let parents: Vec<_> = items
        .comments
        .iter()
        .map(|comment| comment.parent_id.as_deref())
        .collect();
    assert_eq!((parents[0], parents[8]), (None, Some("level-7")));
    assert!(everything(&items).contains("level-11"));
}

#[test]
fn replies_share_the_id_of_what_they_answer() {
    let replies: Vec<_> = (0..100).map(|_| json!({})).collect();
    let items = items(
        &json!({"meta": {"id": "1"}, "content": {}, "comments": [{"id": "c".repeat(512), "replies": replies}]}),
    );
    let first = items.comments[1].parent_id.as_ref().unwrap();
    let is_same =
        |comment: &crate::domain::Comment| std::sync::Arc::ptr_eq(first, comment.parent_id.as_ref().unwrap());
    assert!(items.comments[1..].iter().all(is_same));
}

/// An object of some of these fields, and of some that mean nothing.
fn object_of(keys: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let own = prop::collection::btree_map(prop::sample::select(keys), value(), 0..6);
    own.prop_map(|fields| {
        fields
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    })
}

fn comment() -> impl Strategy<Value = Value> {
    let keys: &[&str] = &[
        "id",
        "comment_id",
        "text",
        "comment_text",
        "author",
        "author_name",
        "user_name",
        "num_likes",
        "reactions",
        "odd",
    ];
    object_of(keys).prop_recursive(3, 12, 3, |inner| {
        (inner.clone(), prop::collection::vec(inner, 0..3)).prop_map(|(mut comment, replies)| {
            comment["replies"] = replies.into();
            comment
        })
    })
}

const CRAWLED: &[&str] = &[
    "text",
    "message",
    "attachments",
    "reactions",
    "reactions_count",
    "like_count",
    "post_id",
    "external_id",
    "media_type",
    "duration",
    "tags",
    "odd",
];
const PAGE: &[&str] = &[
    "id",
    "username",
    "name",
    "followers",
    "about",
    "picture",
    "is_verified",
    "odd",
];
const RECORD: &[&str] = &[
    "content",
    "likes",
    "num_likes_type",
    "attachments",
    "hashtags",
    "num_comments",
    "date_posted",
    "page_name",
    "profile_handle",
    "profile_id",
    "page_followers",
    "input",
    "error",
    "error_code",
    "url",
    "odd",
];

/// An item of either shape.
fn item() -> impl Strategy<Value = Value> {
    let comments = || prop::collection::vec(comment(), 0..3);
    let crawled = (object_of(CRAWLED), object_of(PAGE), comments()).prop_map(|(content, page, comments)| {
        json!({"meta": {"id": "item-id-1"}, "content": content, "page": page, "comments": comments})
    });
    let record = (object_of(RECORD), comments()).prop_map(|(mut record, comments)| {
        record["post_id"] = "item-id-1".into();
        record["comments"] = comments.into();
        record
    });
    prop_oneof![crawled, record]
}

fn comments_in(list: &Value) -> usize {
    let comments = list.as_array().map(Vec::as_slice).unwrap_or_default();
    comments
        .iter()
        .map(|comment| 1 + comments_in(&comment["replies"]))
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_text_that_was_sent_is_found_somewhere(item in item()) {
        let items = items(&item);
        prop_assert_eq!(items.item_count(), 1);
        let all = everything(&items);
        let mut sent = item.clone();
        if let Some(fields) = sent.as_object_mut().filter(|fields| fields.contains_key("post_id")) {
            fields.remove("error_code"); // stored in upper case
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
    fn every_reply_is_a_comment_with_a_parent(item in item()) {
        let items = items(&item);
        if items.posts.len() == 1 {
            prop_assert_eq!(items.comments.len(), comments_in(&item["comments"]));
            let top = item["comments"].as_array().unwrap().len();
            let with_parent = items.comments.iter().filter(|comment| comment.parent_id.is_some()).count();
            prop_assert_eq!(with_parent, items.comments.len() - top);
        }
    }

    #[test]
    fn the_likes_of_a_post_are_the_sum_of_its_reactions(counts in prop::collection::vec(0..1_000_000_i64, 7)) {
        let kinds = ["like", "love", "haha", "wow", "sad", "angry", "care"];
        let by_kind: Value = kinds.iter().zip(&counts).map(|(kind, count)| ((*kind).to_owned(), json!(count))).collect();
        let listed: Vec<_> = kinds.iter().zip(&counts).map(|(kind, count)| json!({"type": kind, "num": count})).collect();
        for item in [
            json!({"meta": {"id": "1"}, "content": {"reactions": by_kind}}),
            json!({"post_id": "1", "num_likes_type": listed}),
        ] {
            let post = items(&item).posts.remove(0);
            prop_assert_eq!(post.like_count, Some(counts.iter().sum()));
            prop_assert!(post.extra.unwrap().as_str().contains("love"), "the kinds are kept");
        }
    }

    #[test]
    fn any_text_like_json_gets_an_answer(text in text(), reactions in value(), attachments in value()) {
        let content = json!({"text": text, "reactions": reactions, "attachments": attachments});
        let items = items(&json!({"meta": {"id": "1"}, "content": content, "reactions": reactions}));
        prop_assert_eq!(items.posts.len(), 1);
    }
}

#[test]
fn a_record_behind_one_whose_brackets_do_not_match_is_found() {
    let comment = r#"{"comment_id":"c","post_id":"1"}"#;
    let torn =
        format!(r#"{{"post_id":"1","date_posted":"x","input":{{"a":[1}},"comments":[{comment},{comment}]}}"#);
    let whole = r#"{"post_id":"2","content":"b","date_posted":"2025-12-06T10:15:30Z"}"#;
    let failed = r#"{"error_code":"blocked","url":"u"}"#;
    let body = format!("[{torn},{whole},{failed}]");
    let items = testkit::parse(body.as_bytes(), facebook()).unwrap().items;
    let counts = (items.rejected.len(), items.posts.len(), items.errors.len());
    assert_eq!(counts, (1, 1, 1), "{items:?}");
    assert_eq!(items.posts[0].id, "2", "a comment is no item");
    let alone = testkit::parse(failed.as_bytes(), facebook()).unwrap().items;
    assert_eq!(alone.errors.len(), 1);
}
