//! Values as crawlers write them: ids, counts, times, text, comments and what is left over.

use crate::{
    domain::{Platform, Reason},
    parse::{
        CleanKind, parse_body,
        testkit::{event, items, parse, post, settings},
    },
};

fn content(fields: &str) -> String {
    format!(r#"{{"meta":{{"id":"1"}},"content":{{{fields}}}}}"#)
}

#[test]
fn ids_are_text_with_every_digit() {
    let post = post(r#"{"meta":{"id":73123456789012345678901},"content":{"external_id":9007199254740993}}"#);
    assert_eq!(post.id, "73123456789012345678901");
    assert_eq!(post.external_id.as_deref(), Some("9007199254740993"));
}

#[test]
fn counts_beyond_32_bits_are_read_and_unreadable_ones_are_kept_aside() {
    let body = content(
        r#""view_count":3000000000,"like_count":-1,"share_count":"many","save_count":{"n":1},"comment_count":1.5"#,
    );
    let parsed = parse(body.as_bytes(), Platform::Tiktok).unwrap();
    let post = &parsed.items.posts[0];
    assert_eq!(post.view_count, Some(3_000_000_000));
    assert_eq!(
        post.like_count
            .or(post.share_count)
            .or(post.save_count)
            .or(post.comment_count),
        None
    );
    assert_eq!(parsed.cleaned.count(CleanKind::CountUnreadable), 4);
    assert_eq!(
        post.extra.as_ref().unwrap().as_str(),
        r#"{"content":{"comment_count":1.5,"like_count":-1,"save_count":{"n":1},"share_count":"many"}}"#
    );
}

#[test]
fn an_unreadable_time_is_kept_aside_and_the_events_used() {
    let body = r#"{"meta":{"id":"1","published_at":"yesterday","crawled_at":[]},"content":{}}"#;
    let parsed = parse(body.as_bytes(), Platform::Tiktok).unwrap();
    let post = &parsed.items.posts[0];
    assert_eq!(post.published_at, None);
    assert_eq!(post.crawled_at, event(Platform::Tiktok).event_at);
    assert_eq!(parsed.cleaned.count(CleanKind::TimeUnreadable), 2);
    let extra = post.extra.as_ref().unwrap().as_str();
    assert_eq!(extra, r#"{"meta":{"crawled_at":[],"published_at":"yesterday"}}"#);
}

/// Read without its zone it would be stored as another moment.
#[test]
fn a_zone_by_name_alone_makes_a_time_unreadable() {
    let body = r#"{"meta":{"id":"1","published_at":"2025-12-06T10:30:00[Asia/Ho_Chi_Minh]"},"content":{}}"#;
    let parsed = parse(body.as_bytes(), Platform::Tiktok).unwrap();
    assert_eq!(parsed.items.posts[0].published_at, None);
    assert_eq!(parsed.cleaned.count(CleanKind::TimeUnreadable), 1);
}

#[test]
fn a_value_of_the_wrong_type_is_kept_under_its_path() {
    let post = post(
        r#"{"meta":{"id":"1","lang":["vi"],"region":84},"content":{"url":{"a":"b"},"tags":["x",{"y":1}]}}"#,
    );
    assert_eq!((post.lang, post.url), (None, None));
    assert_eq!(post.region.as_deref(), Some("84"), "a number is text too");
    assert_eq!(post.hashtags.unwrap(), ["x"]);
    assert_eq!(
        post.extra.unwrap().as_str(),
        r#"{"meta":{"lang":["vi"]},"content":{"tags":["x",{"y":1}],"url":{"a":"b"}}}"#
    );
}

#[test]
fn nul_is_removed_from_text_and_from_json() {
    let body = r#"{"meta":{"id":"a\u0000b","error_details":{"k\u0000":"\u0000v"}},
        "content":{"description":"x\u0000y","odd":"\\u0000\u0000"},"author":{"id":"\u0000"},"comments":["\u0000"]}"#;
    let parsed = parse(body.as_bytes(), Platform::Tiktok).unwrap();
    let post = &parsed.items.posts[0];
    assert_eq!(post.id, "ab");
    assert_eq!(post.content_text.as_deref(), Some("xy"));
    assert_eq!(post.error_details.as_ref().unwrap().as_str(), r#"{"k":"v"}"#);
    assert_eq!(
        post.extra.as_ref().unwrap().as_str(),
        r#"{"comments":[""],"content":{"odd":"\\u0000"}}"#
    );
    assert_eq!(post.author_key, None);
    assert_eq!(parsed.cleaned.count(CleanKind::NulRemoved), 7);
}

#[test]
fn a_rejected_item_keeps_its_escapes() {
    let items = items(r#"[{"meta":{},"content":{"a":"\u0000\ud800"}}]"#);
    assert_eq!(
        items.rejected[0].raw,
        r#"{"meta":{},"content":{"a":"\u0000\ud800"}}"#
    );
}

#[test]
fn long_text_is_cut_at_the_cap_in_every_column_and_counted() {
    let mut settings = settings();
    settings.limits.max_text_bytes = 5;
    let body = r#"{"meta":{"id":"1"},"content":{"description":"tiếng","tags":["tiếng"]},"comments":[{"id":"1","text":"tiếng"}]}"#;
    let parsed = parse_body(body.as_bytes(), false, &event(Platform::Tiktok), &settings).unwrap();
    let post = &parsed.items.posts[0];
    assert_eq!(post.content_text.as_deref(), Some("tiế"));
    assert_eq!(post.hashtags.as_deref().unwrap(), ["tiế"]);
    assert_eq!(parsed.items.comments[0].text.as_deref(), Some("tiế"));
    assert_eq!(parsed.cleaned.count(CleanKind::TextTruncated), 3);
}

#[test]
fn numbers_that_jsonb_refuses_are_kept_as_text() {
    let post = post(content(
        r#""score":1e400000,"ratio":0.1,"big":123456789012345678901234567890"#,
    ));
    assert_eq!(
        post.extra.unwrap().as_str(),
        r#"{"content":{"big":123456789012345678901234567890,"ratio":0.1,"score":"1e400000"}}"#
    );
}

#[test]
fn nothing_left_over_is_none_and_details_are_kept_as_sent() {
    let details = |sent: &str| {
        post(format!(
            r#"{{"meta":{{"id":"1","error_details":{sent}}},"content":{{}}}}"#
        ))
    };
    assert_eq!(details("{}").error_details.unwrap().as_str(), "{}");
    assert_eq!(details("null").error_details, None);
    assert_eq!(details("\"NULL\"").error_details, None);
    assert_eq!(details("{}").extra, None);
}

#[test]
fn of_a_key_sent_twice_the_last_counts_as_in_jsonb() {
    let body = content(r#""view_count":1,"view_count":2,"x":1,"x":2"#);
    let parsed = parse(body.as_bytes(), Platform::Tiktok).unwrap();
    assert_eq!(parsed.items.posts[0].view_count, Some(2));
    assert_eq!(
        parsed.items.posts[0].extra.as_ref().unwrap().as_str(),
        r#"{"content":{"x":2}}"#
    );
    assert_eq!(parsed.cleaned.count(CleanKind::KeyRepeated), 2);
}

#[test]
fn a_comment_without_an_id_gets_one_that_a_replay_gets_too() {
    let body = |comments: &str| format!(r#"{{"meta":{{"id":"1"}},"content":{{}},"comments":[{comments}]}}"#);
    let one = r#"{"author_username":"a","text":"đẹp","created_at":"2025-12-05T16:00:00Z"}"#;
    let same = r#"{"id":"NULL","created_at":"2025-12-05T23:00:00+07:00","text":"\u0111ẹp","author_username":"a","likes":3}"#;
    let other = r#"{"author_username":"a","text":"đẹp!","created_at":"2025-12-05T16:00:00Z"}"#;
    let comments = items(body(&format!("{one},{same},{other}"))).comments;
    assert_eq!(comments[0].comment_id, comments[1].comment_id);
    assert_ne!(comments[0].comment_id, comments[2].comment_id);
    assert_eq!(
        comments[0].comment_id, "derived-54dff37e-998d-5b38-bbe3-81ecdcb52bef",
        "the recipe is part of the stored data"
    );
}

#[test]
fn comments_without_ids_differ_when_their_authors_posts_or_platforms_do() {
    let id = |post: &str, author: &str, platform| {
        let body = format!(
            r#"{{"meta":{{"id":"{post}"}},"content":{{}},"comments":[{{"author_name":"{author}","text":"hay"}}]}}"#
        );
        let mut parsed = parse(body.as_bytes(), platform).unwrap();
        parsed.items.comments.remove(0).comment_id
    };
    let ids = [
        id("1", "Lan", Platform::Tiktok),
        id("1", "Minh", Platform::Tiktok),
        id("2", "Lan", Platform::Tiktok),
        id("1", "Lan", Platform::Youtube),
    ];
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), 4, "{ids:?}");
}

#[test]
fn what_is_no_comment_is_kept_and_counted() {
    let with = |comments: &str| {
        let body = format!(r#"{{"meta":{{"id":"1"}},"content":{{}},"comments":{comments}}}"#);
        let mut parsed = parse(body.as_bytes(), Platform::Tiktok).unwrap();
        let extra = parsed.items.posts.remove(0).extra;
        let unreadable = parsed.cleaned.count(CleanKind::CommentUnreadable);
        (
            parsed.items.comments.len(),
            extra.map(|json| json.as_str().to_owned()),
            unreadable,
        )
    };
    assert_eq!(with("[]"), (0, None, 0));
    assert_eq!(with("null"), (0, None, 0));
    assert_eq!(
        with(r#"[{"id":1},"hay quá",{"id":2}]"#),
        (2, Some(r#"{"comments":["hay quá"]}"#.to_owned()), 1)
    );
    assert_eq!(
        with(r#"{"a":1}"#),
        (0, Some(r#"{"comments":{"a":1}}"#.to_owned()), 1)
    );
}

#[test]
fn comments_beyond_the_cap_of_the_batch_are_rejected_aloud_and_stay_in_extra() {
    let mut settings = settings();
    settings.limits.max_comments = 3;
    let item = |id: u32, comments: &str| {
        format!(r#"{{"meta":{{"id":"{id}"}},"content":{{}},"comments":[{comments}]}}"#)
    };
    let body = format!(
        "[{},{},{}]",
        item(1, r#"{"id":1},{"id":2}"#),
        item(2, r#"7,{"id":3},{"id":4}, {"id":5}"#),
        item(3, r#"{"id":6}"#)
    );
    let parsed = parse_body(body.as_bytes(), false, &event(Platform::Tiktok), &settings).unwrap();
    let extras: Vec<_> = parsed
        .items
        .posts
        .iter()
        .map(|post| post.extra.as_ref().map(|json| json.as_str()))
        .collect();
    assert_eq!(
        extras,
        [
            None,
            Some(r#"{"comments":[7,{"id":4},{"id":5}]}"#),
            Some(r#"{"comments":[{"id":6}]}"#)
        ]
    );
    assert_eq!(parsed.items.comments.len(), 3);
    assert_eq!(parsed.cleaned.count(CleanKind::CommentsOverCap), 3);
    assert_eq!(parsed.cleaned.count(CleanKind::CommentUnreadable), 1);
    let curtailed: Vec<_> = parsed
        .items
        .curtailed
        .iter()
        .map(|row| (row.item_index, row.reason, row.detail.as_str()))
        .collect();
    let detail = |over, stored| {
        format!(
            "{over} comments are beyond the 3 of a batch (MAX_COMMENTS_PER_BATCH): they are no rows and stay in \
             `extra` of this item's post, under `comments`; {stored} comments of this item are rows"
        )
    };
    let (second, third) = (detail(2, 1), detail(1, 0));
    let reason = Reason::TooManyComments;
    assert_eq!(curtailed, [(1, reason, &*second), (2, reason, &*third)]);
    assert_eq!(
        (parsed.items.item_count(), parsed.items.row_count()),
        (3, 8),
        "no item of its own"
    );
}

#[test]
fn comments_of_a_rejected_item_take_no_room_from_its_neighbours() {
    let mut settings = settings();
    settings.limits.max_comments = 2;
    // More than one column of `extra` takes.
    let long = "x".repeat(17 << 20);
    let body = format!(
        r#"[{{"meta":{{"id":"1"}},"content":{{"odd":"{long}"}},"comments":[{{"id":1}},{{"id":2}}]}},
            {{"meta":{{"id":"2"}},"content":{{}},"comments":[{{"id":3}},{{"id":4}}]}}]"#,
    );
    let parsed = parse_body(body.as_bytes(), false, &event(Platform::Tiktok), &settings).unwrap();
    assert_eq!(parsed.items.rejected.len(), 1);
    let stored: Vec<_> = parsed
        .items
        .comments
        .iter()
        .map(|comment| &*comment.comment_id)
        .collect();
    assert_eq!(stored, ["3", "4"]);
}

#[test]
fn each_fixed_cap_has_its_count() {
    let count = |body: String, kind| {
        parse(body.as_bytes(), Platform::Tiktok)
            .unwrap()
            .cleaned
            .count(kind)
    };
    let long = "x".repeat(513);
    let id = format!(r#"{{"meta":{{"id":"{long}"}},"content":{{}}}}"#);
    assert_eq!(count(id, CleanKind::KeyTooLong), 1);
    let author = format!(r#"{{"meta":{{"id":"1"}},"content":{{}},"author":{{"id":"{long}"}}}}"#);
    assert_eq!(count(author, CleanKind::KeyTooLong), 1);
    let digits = "1".repeat(513);
    let author = format!(r#"{{"meta":{{"id":"1"}},"content":{{}},"author":{{"id":{digits}}}}}"#);
    assert_eq!(count(author, CleanKind::KeyTooLong), 1);
    let details = "1,".repeat(9 << 20);
    let details = format!(r#"{{"meta":{{"id":"1","error_details":[{details}1]}},"content":{{}}}}"#);
    assert_eq!(count(details, CleanKind::JsonTooLarge), 1);
    let tags = content(&format!(r#""tags":[{}"z"]"#, "\"t\",".repeat(10_000)));
    assert_eq!(count(tags, CleanKind::TagsOverCap), 1);
    let fields: String = (0..10_001).map(|key| format!("\"{key}\":1,")).collect();
    assert_eq!(
        count(content(&format!("{fields}\"x\":1")), CleanKind::FieldsOverCap),
        1
    );
}

#[test]
fn the_text_of_an_event_is_there_once_however_many_items_there_are() {
    let event = event(Platform::Tiktok);
    let one = |id: u32| format!(r#"{{"meta":{{"id":"{id}","task_type":"from_event"}},"content":{{}}}}"#);
    let body = format!("[{},{}]", one(1), one(2));
    let parsed = parse_body(body.as_bytes(), false, &event, &settings()).unwrap();
    for post in &parsed.items.posts {
        for (own, events) in [
            (&post.keyword_source, &event.keyword),
            (&post.task_type, &event.task_type),
        ] {
            assert!(std::sync::Arc::ptr_eq(
                own.as_ref().unwrap(),
                events.as_ref().unwrap()
            ));
        }
    }
}

#[test]
fn a_comments_other_fields_are_its_own_extra() {
    let body = r#"{"meta":{"id":"1"},"content":{},"comments":[{"id":"c","likes":"lots","replies":[{"id":"r"}],"parent_type":"CONTENT"}]}"#;
    let comment = items(body).comments.remove(0);
    assert_eq!(comment.parent_type.as_deref(), Some("CONTENT"));
    assert_eq!(
        comment.extra.unwrap().as_str(),
        r#"{"likes":"lots","replies":[{"id":"r"}]}"#
    );
}
