//! One crawled item as JSON.

use crate::{shape::Shape, text::words};
use jiff::{SignedDuration, Timestamp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

const START: Timestamp = Timestamp::constant(1_764_979_200, 0); // 2025-12-06T00:00:00Z
const DAY: i64 = 86_400;
/// An author posts so many items, where nobody is hot.
const ITEMS_AN_AUTHOR: u64 = 8;

/// The item `number` as a crawl sees it: each later one finds higher counts.
pub(crate) fn item(shape: &Shape, seed: u64, number: u64, crawl: u32) -> Value {
    let mut dice = ChaCha8Rng::seed_from_u64(seed.rotate_left(32) ^ number);
    let id = if shape.is_scattered {
        format!("7{:018}", dice.random_range(0..1_000_000_000_000_000_000_u64))
    } else {
        format!("73{:017}", seed % 1_000 * 100_000_000 + number)
    };
    let crawled_at = at(number as i64 % DAY + i64::from(crawl) * DAY);
    let grown = u64::from(crawl) * 17;
    let author = match shape.authors {
        Some(authors) => dice.random_range(0..authors),
        None => number / ITEMS_AN_AUTHOR,
    };
    let platform = shape.platform;
    let comments = dice.random_range(shape.comments.0..=shape.comments.1);
    let transcription = dice.random_range(shape.transcription.0..=shape.transcription.1);
    let mut item = json!({
        "meta": {
            "id": id, "platform": platform, "task_type": "research_and_crawl", "crawled_at": crawled_at,
            "published_at": at(-DAY * 9 - number as i64 % DAY), "permalink": format!("https://www.{platform}.com/video/{id}"),
            "keyword_source": "VinFast VF8", "lang": "vi", "region": "VN",
            "pipeline_version": format!("crawler_{platform}_v3"), "fetch_status": "success",
            "fetch_error": null, "error_code": null, "error_details": {},
        },
        "content": {
            "external_id": id, "url": format!("https://www.{platform}.com/video/{id}?src=crawl"),
            "description": words(&mut dice, 300), "duration_seconds": dice.random_range(7..180),
            "tags": ["VinFast", "VF8", "xe điện"], "category": "Automotive",
            "view_count": dice.random_range(0..3_000_000_u64) + grown,
            "like_count": dice.random_range(0..100_000_u64) + grown, "comment_count": comments,
            "share_count": dice.random_range(0..1_000_u64) + grown, "save_count": dice.random_range(0..1_000_u64) + grown,
            "sound_name": "Nhạc nền", "media_type": "audio", "media_path": format!("{platform}/audio/{id}.mp3"),
        },
        "author": {
            "username": format!("tac.gia_{author}"), "display_name": format!("Tác Giả {author}"),
            "bio": words(&mut dice, 80), "avatar_url": format!("https://p16.example.com/{author:016x}.jpeg"),
            "follower_count": 1_000 + author + grown, "following_count": author % 500,
            "total_likes": 50_000 + author + grown, "video_count": 300, "verified": author % 9 == 0,
        },
        "comments": (0..comments).map(|position| comment(&mut dice, &id, position, grown)).collect::<Vec<_>>(),
    });
    if transcription > 0 {
        item["content"]["transcription"] = words(&mut dice, transcription).into();
        item["content"]["transcription_status"] = "completed".into();
    }
    item
}

fn comment(dice: &mut ChaCha8Rng, post: &str, position: usize, grown: u64) -> Value {
    let author: u32 = dice.random_range(0..1_000_000);
    let bytes = dice.random_range(40..160);
    json!({
        "external_id": format!("{post}{position:04}"),
        "author_username": format!("nguyen_{author}"),
        "author_display_name": format!("Nguyễn {author}"),
        "text": words(dice, bytes),
        "like_count": dice.random_range(0..400_u64) + grown,
        "reply_count": dice.random_range(0..12),
        "created_at": at(-DAY * 5 + position as i64),
        "parent_type": "CONTENT",
    })
}

fn at(second: i64) -> String {
    format!("{:.3}", START + SignedDuration::from_secs(second))
}
