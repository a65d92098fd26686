//! The example batch of the crawlers' integration guide, its rows typed by hand.

use super::*;
use crate::row::{Row, row};

fn only(table: &std::collections::BTreeMap<String, Row>, key: &str) -> Row {
    table
        .get(key)
        .unwrap_or_else(|| panic!("no {key} in {:?}", table.keys()))
        .clone()
}

#[test]
fn the_post() {
    let expected = expect_batches(&[("guide", guide_batch())]);
    let wanted = row! {
        scope: "proj_xyz789",
        platform: "tiktok",
        id: "video7312345678901234567",
        project_id: "proj_xyz789",
        is_dryrun: false,
        external_id: "7312345678901234567",
        url: "https://www.tiktok.com/@username/video/7312345678901234567",
        permalink: "https://www.tiktok.com/@username/video/7312345678901234567",
        content_text: "Amazing VinFast VF8 electric SUV review! Best EV in Vietnam 🚗⚡ #VinFast",
        content_transcription: "Hôm nay mình sẽ review VinFast VF8...",
        transcription_status: "completed",
        transcription_error: Value::Null,
        hashtags: ["VinFast", "VF8", "Vietnam"],
        lang: "vi",
        region: "VN",
        category: "Automotive",
        sound_name: "Original Sound - username",
        media_type: "audio",
        media_path: "tiktok/audio/proj_xyz789/7312345678901234567.mp3",
        media_duration: 45.0,
        published_at: "2025-12-05T15:30:00Z",
        crawled_at: "2025-12-06T10:15:30.123Z",
        view_count: 125_340,
        like_count: 8_567,
        comment_count: 342,
        share_count: 156,
        save_count: 89,
        author_key: "carevolutionvn",
        author_username: "carevolutionvn",
        author_name: "Car Evolution VN",
        follower_count: 125_000,
        job_id: "proj_xyz789-brand-0",
        batch_index: 1,
        task_type: "research_and_crawl",
        keyword_source: "VinFast VF8",
        brand_name: Value::Null,
        pipeline_version: "crawler_tiktok_v3",
        fetch_status: "success",
        fetch_error: Value::Null,
        error_code: Value::Null,
        error_details: json!({}),
    };
    assert_eq!(expected.posts.len(), 1);
    assert_eq!(
        only(&expected.posts, "proj_xyz789 | tiktok | video7312345678901234567"),
        wanted
    );
}

#[test]
fn the_author_and_the_comments() {
    let expected = expect_batches(&[("guide", guide_batch())]);
    let author = row! {
        platform: "tiktok",
        author_key: "carevolutionvn",
        username: "carevolutionvn",
        display_name: "Car Evolution VN",
        avatar_url: "https://p16-sign-va.tiktokcdn.com/abc123.jpeg",
        bio: "Automotive Reviewer 🚗 | EV Enthusiast ⚡ | Vietnam",
        follower_count: 125_000,
        following_count: 456,
        total_likes: 2_567_890,
        video_count: 342,
        verified: true,
        crawled_at: "2025-12-06T10:15:30.123Z",
    };
    assert_eq!(expected.authors.len(), 1);
    assert_eq!(only(&expected.authors, "tiktok | carevolutionvn"), author);
    let first = row! {
        platform: "tiktok",
        comment_id: "7312345678901234999",
        post_id: "video7312345678901234567",
        author_username: "nguyenvana",
        author_name: "Nguyen Van A",
        text: "Xe đẹp quá! Muốn mua VF8 lắm rồi!",
        like_count: 45,
        reply_count: 3,
        parent_type: "CONTENT",
        parent_id: Value::Null,
        commented_at: "2025-12-05T16:00:00Z",
        crawled_at: "2025-12-06T10:15:30.123Z",
    };
    assert_eq!(expected.comments.len(), 2);
    assert_eq!(only(&expected.comments, "tiktok | 7312345678901234999"), first);
    let second = "without id | tiktok | video7312345678901234567 | tranthib | Tran Thi B | \
        Giá bao nhiêu vậy bạn? | 2025-12-05T16:15:00Z";
    assert_eq!(only(&expected.comments, second)["like_count"], 12);
}

#[test]
fn the_error_and_the_ledger() {
    let expected = expect_batches(&[("guide", guide_batch())]);
    let error = row! {
        scope: "proj_xyz789",
        platform: "tiktok",
        content_id: "video7312345678901234568",
        error_code: "CONTENT_REMOVED",
        project_id: "proj_xyz789",
        job_id: "proj_xyz789-brand-0",
        error_category: "content",
        error_message: "Content has been removed by the author",
        error_details: json!({
            "exception_type": "ContentRemovedError",
            "url": "https://www.tiktok.com/@username/video/7312345678901234568",
            "response_code": 404,
        }),
        permalink: "https://www.tiktok.com/@username/video/7312345678901234568",
        retryable: false,
        created_at: "2025-12-06T10:15:30.123Z",
        last_seen_at: "2025-12-06T10:15:30.123Z",
        occurrences: 1,
    };
    let key = "proj_xyz789 | tiktok | video7312345678901234568 | CONTENT_REMOVED";
    assert_eq!(only(&expected.crawl_errors, key), error);
    let ledger = row! {
        event_id: "evt_guide",
        object_path: "crawl-results/guide.json",
        project_id: "proj_xyz789",
        job_id: "proj_xyz789-brand-0",
        platform: "tiktok",
        batch_index: 1,
        total_batches: 10,
        content_count: 2,
        item_count: 2,
        success_count: 1,
        error_count: 1,
        rejected_count: 0,
        error_distribution: json!({"CONTENT_REMOVED": 1}),
        event_at: "2025-12-06T10:30:00Z",
    };
    assert_eq!(only(&expected.ledger, "evt_guide"), ledger);
    assert!(expected.rejected_items.is_empty() && expected.dead_letters.is_empty());
}

#[test]
fn the_other_spellings() {
    let item = json!({
        "meta": {"id": 7_312_345_678_901_234_567_u64, "fetch_status": "SUCCESS", "crawled_at": "2025-12-06 10:15:30"},
        "content": {"text": "xin\u{0} chào", "duration": 61.5, "hashtags": ["#a", "b"], "channel_id": "UC1",
                    "view_count": null, "share_count": -1},
        "interaction": {"views": 9_007_199_254_740_993_i64, "likes": "12k"},
        "interactions": {"saves": 3_000_000_000_i64, "comments_count": 4},
        "author": {"name": "A", "followers": 7, "is_verified": "True", "id": ""},
    });
    let expected = expect_batches(&[("one", item)]);
    let post = only(&expected.posts, "proj_xyz789 | tiktok | 7312345678901234567");
    let wanted = row! {
        content_text: "xin chào", media_duration: 61.5, hashtags: ["a", "b"], author_key: "UC1",
        view_count: 9_007_199_254_740_993_i64, like_count: Value::Null, comment_count: 4, share_count: Value::Null,
        save_count: 3_000_000_000_i64, author_name: "A", fetch_status: "success",
        crawled_at: "2025-12-06T10:15:30Z",
    };
    for (column, value) in wanted {
        assert_eq!(post[&column], value, "{column}");
    }
    let author = only(&expected.authors, "tiktok | UC1");
    assert_eq!(
        (&author["verified"], &author["follower_count"]),
        (&json!(true), &json!(7))
    );
}

#[test]
fn rejected_items_cost_their_neighbours_nothing() {
    let item = |meta: Value| json!({"meta": meta, "content": {}});
    let items = json!([
        "oops",
        item(json!({"fetch_status": "success", "id": "NULL"})),
        item(json!({"fetch_status": "pending", "id": "1"})),
        {"meta": {"id": "2"}, "content": null},
        item(json!({"id": "3"})),
    ]);
    let expected = expect_batches(&[("bad", items)]);
    let reasons: Vec<_> = expected
        .rejected_items
        .values()
        .map(|row| row["reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        reasons,
        [
            "malformed_item",
            "missing_id",
            "unknown_fetch_status",
            "unknown_fetch_status"
        ]
    );
    assert_eq!(expected.posts.len(), 1);
    let legacy = only(&expected.posts, "proj_xyz789 | tiktok | 3");
    assert_eq!(legacy["crawled_at"], "2025-12-06T10:30:00Z"); // the event's
    let ledger = &expected.ledger["evt_bad"];
    assert_eq!(
        (&ledger["success_count"], &ledger["rejected_count"]),
        (&json!(1), &json!(4))
    );
}
