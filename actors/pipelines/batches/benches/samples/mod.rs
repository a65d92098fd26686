//! Batches as crawlers send them, without the means of the corpus, which is built on this crate.

use jiff::Timestamp;
use millrace_batches::domain::{CrawlEvent, Platform};
use millrace_engine::Delivery;
use serde_json::json;

const SENTENCE: &str = "Hôm nay mình sẽ đánh giá chiếc xe điện được nhiều người quan tâm nhất Việt Nam. ";

fn comment(post: usize, index: usize) -> serde_json::Value {
    json!({
        "external_id": format!("73123456{post:05}{index:06}"),
        "author_username": format!("nguyen_van_{index}"),
        "author_display_name": format!("Nguyễn Văn {index}"),
        "text": "Xe đẹp quá! Muốn mua lắm rồi, giá bao nhiêu vậy bạn? 😍",
        "like_count": index * 7, "reply_count": index % 3,
        "created_at": "2025-12-05T16:00:00.000Z", "parent_type": "CONTENT",
    })
}

fn item(platform: &str, post: usize, comments: usize, transcription: &str) -> serde_json::Value {
    json!({
        "meta": {
            "id": format!("video73123456789{post:05}"), "platform": platform, "job_id": "proj_xyz-brand-0",
            "task_type": "research_and_crawl", "crawled_at": "2025-12-06T10:15:30.123Z",
            "published_at": "2025-12-05T15:30:00.000Z", "permalink": format!("https://example.com/video/{post}"),
            "keyword_source": "VinFast VF8", "lang": "vi", "region": "VN", "pipeline_version": "crawler_v3",
            "fetch_status": "success", "fetch_error": null, "error_code": null, "error_details": {},
        },
        "content": {
            "external_id": format!("73123456789{post:05}"), "url": format!("https://example.com/video/{post}"),
            "description": SENTENCE.repeat(3), "view_count": 125_340 + post, "like_count": 8_567,
            "comment_count": 342, "share_count": 156, "save_count": 89, "duration_seconds": 45,
            "tags": ["VinFast", "VF8", "xe điện"], "sound_name": "âm thanh gốc", "category": "Automotive",
            "media_type": "audio", "media_path": format!("audio/{post}.mp3"), "transcription": transcription,
            "transcription_status": "completed", "transcription_error": null,
        },
        "author": {
            "username": format!("user{}", post % 20), "display_name": "Car Evolution VN",
            "avatar_url": "https://example.com/a.jpeg", "bio": "Đánh giá xe 🚗", "follower_count": 125_000,
            "following_count": 456, "total_likes": 2_567_890, "video_count": 342, "verified": true,
        },
        "comments": (0..comments).map(|index| comment(post, index)).collect::<Vec<_>>(),
    })
}

/// Words in an order that does not repeat itself: it must not pack better than speech does.
fn transcription(bytes: usize) -> String {
    let words: Vec<_> = SENTENCE.split(' ').collect();
    let mut text = String::new();
    let mut state = 7_u64;
    while text.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        text.push_str(words[(state >> 33) as usize % words.len()]);
        text.push(' ');
    }
    text
}

/// So many items with so many comments and bytes of transcription each, as JSON.
pub(crate) fn batch(platform: &str, items: usize, comments: usize, transcription_bytes: usize) -> Vec<u8> {
    let transcription = transcription(transcription_bytes);
    let items: Vec<_> = (0..items)
        .map(|post| item(platform, post, comments, &transcription))
        .collect();
    serde_json::to_vec(&items).expect("it is JSON")
}

/// The event of such a batch.
pub(crate) fn event(platform: &str) -> CrawlEvent {
    let delivery = Delivery::first(Timestamp::UNIX_EPOCH);
    CrawlEvent::new("evt", "proj_xyz-brand-0", Platform::new(platform), delivery)
}
