//! One item of each of Facebook's shapes, the columns that only Facebook fills typed by hand.

use super::*;

fn expect_facebook(items: Value) -> Expected {
    let mut event = event("facebook");
    event["payload"]["platform"] = "facebook".into();
    let objects = [object("facebook", items.to_string())].into();
    expect([event.to_string()], &objects, &OracleSettings::default())
}

fn assert_columns(row: &crate::Row, wanted: Value) {
    for (column, wanted) in wanted.as_object().unwrap() {
        assert_eq!(&row[column], wanted, "{column} of {row:?}");
    }
}

#[test]
fn a_crawled_post_of_a_page() {
    let expected = expect_facebook(json!([{
        "meta": {"id": "1", "fetch_status": "success", "crawled_at": "2025-12-06T10:15:30Z"},
        "content": {
            "message": "m", "post_id": "9", "reactions": {"like": 5, "care": 2, "odd": 100},
            "attachments": [{"type": "Video", "media_path": "v.mp4", "duration_seconds": 4.5}],
        },
        "page": {"username": "page", "about": "a", "is_verified": true},
        "comments": [{"id": "c", "author": {"name": "n"}, "replies": [{"id": "r", "reactions": {"total": 3, "like": 1}}]}],
    }]));
    let post = &expected.posts["proj_xyz789 | facebook | 1"];
    assert_columns(
        post,
        json!({
            "content_text": "m", "external_id": "9", "like_count": 7, "author_key": "page", "media_type": "video",
            "media_path": "v.mp4", "media_duration": 4.5,
        }),
    );
    assert_columns(
        &expected.authors["facebook | page"],
        json!({"bio": "a", "verified": true}),
    );
    let of_comment = json!({"author_name": "n", "parent_id": null});
    assert_columns(&expected.comments["facebook | c"], of_comment);
    let of_reply = json!({"like_count": 3, "parent_type": "COMMENT", "parent_id": "c", "post_id": "1"});
    assert_columns(&expected.comments["facebook | r"], of_reply);
}

#[test]
fn records_of_a_data_set() {
    let expected = expect_facebook(json!([
        {
            "post_id": 7, "content": "t", "url": "u", "num_likes_type": [{"type": "Wow", "num": 2}], "num_shares": 3,
            "attachments": [{"type": "Video", "video_length": 1500}], "profile_handle": "h", "timestamp": "2025-12-06T10:15:30Z",
        },
        {"error": "gone", "error_code": "dead_page", "input": {"url": "asked"}},
        {"content": "neither an id nor an error"},
    ]));
    assert_columns(
        &expected.posts["proj_xyz789 | facebook | 7"],
        json!({
            "content_text": "t", "permalink": "u", "like_count": 2, "share_count": 3, "media_duration": 1.5,
            "author_key": "h", "fetch_status": null, "crawled_at": "2025-12-06T10:15:30Z",
        }),
    );
    let error = &expected.crawl_errors["proj_xyz789 | facebook | asked | CONTENT_NOT_FOUND"];
    assert_columns(error, json!({"error_message": "gone", "retryable": false}));
    let rejected: Vec<_> = expected
        .rejected_items
        .values()
        .map(|row| &row["reason"])
        .collect();
    assert_eq!(rejected, ["malformed_item"]);
}
